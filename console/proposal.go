package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/schema"
	"github.com/switchyard-gateway/switchyard/schema/edit"
)

// What a form is about.
const (
	aboutChange = "change"
	aboutNew    = "new"
	aboutDelete = "delete"
)

// proposal is a change that somebody has made in a form, upon the text that the
// form was made of.
type proposal struct {
	about    string
	name     string // of the endpoint
	base     string // the commit that the form was made of
	was      []byte // the document at that commit, its lines as draft.LineFeeds has them
	sum      string // by which that document is known again
	text     []byte // the document that is wanted, likewise; nil: none
	whole    bool   // text was written as a whole
	steps    []step // how text comes of was, if it was not
	problems []string
}

// step is one change of a document.
type step struct {
	says string // for the commit's message
	do   func(*edit.Document) error
}

// propose reads a form.
func propose(form url.Values) proposal {
	p := proposal{
		about: form.Get("about"), name: strings.TrimSpace(form.Get("endpoint")), base: form.Get("base"),
		was: []byte(draft.LineFeeds(form.Get("was"))), sum: form.Get("sum"),
	}
	if !schema.IsEndpointName(p.name) {
		p.problems = append(p.problems, "An endpoint needs a name of small letters, digits and _.")
		return p
	}
	switch {
	case p.about == aboutDelete:
	case form.Get("mode") == "yaml":
		p.text, p.whole = []byte(draft.LineFeeds(form.Get("yaml"))), true
	case p.about == aboutNew:
		p.writeNew(form)
	case p.about == aboutChange:
		p.applySteps(form)
	default:
		p.problems = append(p.problems, "The form says not what it is about.")
	}
	return p
}

// sumOf is what a document is known by again when a form comes back. Its text does
// not do: browsers send all lines with the same end, and no bytes that are no text.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (p *proposal) applySteps(form url.Values) {
	file := schema.File{Path: schema.EndpointsFolder + "/" + p.name + ".yaml", Data: p.was}
	declared, _ := schema.ParseEndpoint(file)
	d, err := edit.Open(file)
	if err != nil || declared == nil {
		p.problems = append(p.problems, "The document cannot be read, so that it can be changed as YAML only.")
		return
	}
	p.steps, p.problems = formSteps(declared, form)
	for _, s := range p.steps {
		if err := s.do(d); err != nil {
			p.problems = append(p.problems, sentence(err.Error()))
		}
	}
	p.text = d.Bytes()
}

// writeNew writes the document of a new endpoint from the form.
func (p *proposal) writeNew(form url.Values) {
	var backends []edit.NewBackend
	rows := []string{"1"}
	if form.Get("kind") == "split" {
		rows = []string{"1", "2"}
	}
	for _, row := range rows {
		prefix := "n." + row + "."
		to, problem := refOf(form, prefix)
		if problem != "" {
			p.problems = append(p.problems, problem)
		}
		name := strings.TrimSpace(form.Get(prefix + "label"))
		weight, err := schema.ParseFloat(strings.TrimSpace(orOne(form.Get(prefix + "weight"))))
		if err != nil {
			p.problems = append(p.problems, "The weight of "+name+" is no number.")
		}
		backends = append(backends, edit.NewBackend{Name: name, Weight: weight, To: to})
	}
	p.text = edit.New(backends, strings.TrimSpace(form.Get("key")))
	if strings.TrimSpace(form.Get("new.m.label")) == "" {
		return
	}
	d, err := edit.Open(schema.File{Path: schema.EndpointsFolder + "/" + p.name + ".yaml", Data: p.text})
	if err != nil {
		p.problems = append(p.problems, sentence(err.Error()))
		return
	}
	s, problems := addedMirror(form)
	p.problems = append(p.problems, problems...)
	for _, s := range s {
		if err := s.do(d); err != nil {
			p.problems = append(p.problems, sentence(err.Error()))
		}
	}
	p.text = d.Bytes()
}

func orOne(s string) string {
	if strings.TrimSpace(s) == "" {
		return "1"
	}
	return s
}

// conflict is a change that cannot be made any more: somebody else has changed
// the same.
type conflict struct {
	Name   string
	Tip    string
	Mine   []draft.DiffLine // what was to be changed
	Theirs []draft.DiffLine // what was changed meanwhile
}

// onto is the change as it is made upon another revision. Steps are made again upon
// the document there, provided that nobody has changed what they change; a document that
// was written as a whole, or that is to go, has to be the one that the form was made of.
func (p proposal) onto(rev schema.Revision) (draft.Change, *conflict) {
	change := draft.Change{Path: draft.Path(rev, p.name)}
	now, found := draft.Find(rev, p.name)
	switch {
	case p.about == aboutNew:
		change.Data = draft.Restore(string(p.text), nil)
		return change, nil
	case found && p.about == aboutChange && !p.whole:
		if text, ok := p.redo(now); ok {
			change.Data = text
			return change, nil
		}
	case found && p.sum == sumOf(now.Data):
		if p.about == aboutChange {
			change.Data = draft.Restore(string(p.text), now.Data)
		}
		return change, nil
	}
	return change, &conflict{
		Name: p.name, Tip: rev.Trees[rev.Branch].Commit,
		Mine: draft.Diff(p.was, p.text), Theirs: draft.Diff(p.was, []byte(draft.LineFeeds(string(now.Data)))),
	}
}

// redo makes the steps upon the document as it is now.
func (p proposal) redo(now schema.File) ([]byte, bool) {
	was, errWas := edit.Open(schema.File{Path: now.Path, Data: p.was})
	mine, errMine := edit.Open(schema.File{Path: now.Path, Data: p.was})
	theirs, errTheirs := edit.Open(now)
	if errWas != nil || errMine != nil || errTheirs != nil {
		return nil, false
	}
	for _, s := range p.steps {
		if s.do(mine) != nil {
			return nil, false
		}
	}
	if !mine.Meets(was, theirs) {
		return nil, false
	}
	for _, s := range p.steps {
		if s.do(theirs) != nil {
			return nil, false
		}
	}
	return theirs.Bytes(), true
}

// message is a commit's message that says what the proposal does.
func (p proposal) message() string {
	switch {
	case p.about == aboutNew:
		return p.name + ": new endpoint"
	case p.about == aboutDelete:
		return p.name + ": remove the endpoint"
	case p.whole:
		return p.name + ": change as YAML"
	case len(p.steps) == 0:
		return p.name + ": change"
	case len(p.steps) == 1:
		return p.name + ": " + p.steps[0].says
	}
	lines := []string{fmt.Sprintf("%s: %s, and %d more", p.name, p.steps[0].says, len(p.steps)-1), ""}
	for _, s := range p.steps {
		lines = append(lines, "- "+s.says)
	}
	return strings.Join(lines, "\n")
}

// sentence is an error as a sentence.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
