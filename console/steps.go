package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
	"github.com/switchyard-gateway/switchyard/schema/edit"
)

// formSteps are the changes that a form asks for of an endpoint: what it says
// otherwise than the document does. The problems are sentences for the viewer.
func formSteps(e *schema.Endpoint, form url.Values) (steps []step, problems []string) {
	f := &fields{form: form}
	for i := range e.Backends {
		f.backend(&e.Backends[i])
	}
	for i := range e.Mirrors {
		f.mirror(e, &e.Mirrors[i])
	}
	f.added()
	return slices.Concat(f.set, f.late), f.problems
}

// fields reads a form.
type fields struct {
	form     url.Values
	set      []step // of what is there
	late     []step // what comes and goes, after all else
	problems []string
}

func (f *fields) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

func (f *fields) backend(b *schema.Backend) {
	name, prefix := b.Name.V, "b."+b.Name.V+"."
	if f.form.Has(prefix + "remove") {
		f.late = append(f.late, step{"remove the backend " + name, func(d *edit.Document) error { return d.RemoveBackend(name) }})
		return
	}
	if weight, ok := f.number(prefix+"weight", "The weight of "+name); ok && weight != b.Weight.V {
		f.set = append(f.set, step{
			fmt.Sprintf("set the weight of %s from %s to %s", name, exact(b.Weight.V), exact(weight)),
			func(d *edit.Document) error { return d.SetWeight(name, weight) },
		})
	}
	var was edit.Ref
	if r := b.Deployment; r != nil {
		was = edit.Ref{Branch: r.Branch.V, Name: r.Name.V, Version: r.Version.V}
	}
	if to, ok := f.ref(prefix, was); ok {
		f.set = append(f.set, step{
			"answer " + name + " from " + refText(to),
			func(d *edit.Document) error { return d.SetBackendDeployment(name, to) },
		})
	}
}

func (f *fields) mirror(e *schema.Endpoint, m *schema.Mirror) {
	name, prefix := m.Name.V, "m."+m.Name.V+"."
	switch f.form.Get(prefix + "do") {
	case "remove":
		f.late = append(f.late, step{"remove the mirror " + name, func(d *edit.Document) error { return d.RemoveMirror(name) }})
		return
	case "backend":
		weight, ok := f.number(prefix+"weight", "The weight of "+name)
		if !ok {
			weight = 0
		}
		f.late = append(f.late, step{
			fmt.Sprintf("promote the mirror %s to a backend of weight %s", name, exact(weight)),
			func(d *edit.Document) error { return d.PromoteToBackend(name, weight) },
		})
		return
	case "into":
		into := f.form.Get(prefix + "into")
		if into == "" && len(e.Backends) == 1 {
			into = e.Backends[0].Name.V
		}
		f.late = append(f.late, step{
			fmt.Sprintf("promote the mirror %s: it answers as %s", name, into),
			func(d *edit.Document) error { return d.PromoteInto(into, name) },
		})
		return
	}
	f.mirrorValues(m, name, prefix)
}

func (f *fields) mirrorValues(m *schema.Mirror, name, prefix string) {
	if percent, ok := f.number(prefix+"percent", "The percentage of "+name); ok && percent != m.Percent.V {
		f.set = append(f.set, step{
			fmt.Sprintf("mirror %s %% of requests to %s", exact(percent), name),
			func(d *edit.Document) error { return d.SetPercent(name, percent) },
		})
	}
	if enabled := f.form.Has(prefix + "enabled"); f.form.Has(prefix+"shown") && enabled != m.Enabled {
		word := map[bool]string{true: "on", false: "off"}[enabled]
		f.set = append(f.set, step{
			"switch the mirror " + name + " " + word,
			func(d *edit.Document) error { return d.SetEnabled(name, enabled) },
		})
	}
	was := edit.Ref{Branch: m.Deployment.Branch.V, Name: m.Deployment.Name.V, Version: m.Deployment.Version.V}
	if to, ok := f.ref(prefix, was); ok {
		f.set = append(f.set, step{
			"send copies for " + name + " to " + refText(to),
			func(d *edit.Document) error { return d.SetMirrorDeployment(name, to) },
		})
	}
}

// added are the backend and the mirror that come.
func (f *fields) added() {
	if name := strings.TrimSpace(f.form.Get("new.b.label")); name != "" {
		to, problem := refOf(f.form, "new.b.")
		weight, ok := f.number("new.b.weight", "The weight of "+name)
		if problem != "" {
			f.problem("%s", problem)
		} else if ok {
			f.late = append(f.late, step{
				fmt.Sprintf("add the backend %s, %s, with weight %s", name, refText(to), exact(weight)),
				func(d *edit.Document) error { return d.AddBackend(name, to, weight) },
			})
		}
	}
	steps, problems := addedMirror(f.form)
	f.late, f.problems = append(f.late, steps...), append(f.problems, problems...)
}

// addedMirror is the mirror that comes, if one does.
func addedMirror(form url.Values) (steps []step, problems []string) {
	name := strings.TrimSpace(form.Get("new.m.label"))
	if name == "" {
		return nil, nil
	}
	f := &fields{form: form}
	to, problem := refOf(form, "new.m.")
	percent, ok := f.number("new.m.percent", "The percentage of "+name)
	if problem != "" || !ok {
		if problem != "" {
			f.problem("%s", problem)
		}
		return nil, f.problems
	}
	return []step{{
		fmt.Sprintf("mirror %s %% of requests to %s, %s", exact(percent), name, refText(to)),
		func(d *edit.Document) error { return d.AddMirror(name, to, percent) },
	}}, nil
}

// number is a number of the form; false if it is not there or is none.
func (f *fields) number(key, what string) (float64, bool) {
	if !f.form.Has(key) {
		return 0, false
	}
	n, err := schema.ParseFloat(strings.TrimSpace(f.form.Get(key)))
	if err != nil {
		f.problem("%s must be a number, not %q.", what, f.form.Get(key))
		return 0, false
	}
	return n, true
}

// ref is a reference of the form, if it is complete and another one.
func (f *fields) ref(prefix string, was edit.Ref) (edit.Ref, bool) {
	if !f.form.Has(prefix+"name") || f.form.Get(prefix+"name") == "" && was.Name == "" {
		return edit.Ref{}, false
	}
	to, problem := refOf(f.form, prefix)
	if problem != "" {
		f.problem("%s", problem)
		return edit.Ref{}, false
	}
	return to, to != was
}

// refOf reads a reference; the problem is a sentence.
func refOf(form url.Values, prefix string) (to edit.Ref, problem string) {
	to.Branch, to.Name = strings.TrimSpace(form.Get(prefix+"branch")), strings.TrimSpace(form.Get(prefix+"name"))
	version := strings.TrimSpace(form.Get(prefix + "version"))
	if to.Branch == "" || to.Name == "" || version == "" {
		return to, "A deployment is a branch, a name and a version; fill in all three."
	}
	if n, err := strconv.Atoi(version); err == nil {
		to.Version.Number = n
	} else {
		to.Version.Alias = version
	}
	return to, ""
}

func refText(r edit.Ref) string { return r.Branch + "/" + r.Name + " " + r.Version.String() }
