package edit_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
	"github.com/switchyard-gateway/switchyard/schema/edit"
)

// FuzzChanges makes random changes to random documents full of comments. A
// change is made as it is meant, which the parser of endpoints and a plain reader of
// YAML have to find afterwards, or refused with the document as it was. Whatever is
// made, the document is the same byte for byte but for what is meant: see untouched.
func FuzzChanges(f *testing.F) {
	for seed := range uint64(400) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		g := &writer{r: rand.New(rand.NewPCG(a, b))}
		text := g.document()
		d, err := edit.Open(schema.File{Path: "endpoints/e.yaml", Data: []byte(text)})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for range 1 + g.r.IntN(5) {
			before := string(d.Bytes())
			model := read(t, before)
			words := g.change(model)
			possible := model.change(words)
			err := change(d, words)
			after := string(d.Bytes())
			if err != nil {
				refused := &edit.Error{}
				if !errors.As(err, &refused) || after != before {
					t.Fatalf("%v: %v, and the document is\n%s", words, err, after)
				}
				if possible && !mayRefuse(before) {
					t.Fatalf("%v is refused: %v\n%s", words, err, before)
				}
				continue
			}
			if diff := cmp.Diff(model, read(t, after)); diff != "" {
				t.Fatalf("%v (-want +got):\n%s\nbefore:\n%s\nafter:\n%s", words, diff, before, after)
			}
			if diff := cmp.Diff(plain(t, words, before, true), plain(t, words, after, false)); diff != "" {
				t.Fatalf("%v (-want +got):\n%s\nbefore:\n%s\nafter:\n%s", words, diff, before, after)
			}
			untouched(t, words, before, after)
		}
	})
}

// mayRefuse reports whether a document has values that other text changes as well:
// a shared one, or at the end one that gets a line break with what comes behind it.
func mayRefuse(text string) bool {
	return strings.Contains(text, "&") || strings.HasSuffix(text, "text: {")
}

// FuzzOpen opens any text, and changes it if it can: it never panics, and what
// comes out is YAML again.
func FuzzOpen(f *testing.F) {
	f.Add("backends: {a: {weight: 1}}", "a")
	f.Add("backends:\n  a:\n    weight: &x |\n     1\n  b: *x\n", "b")
	f.Add("\ufeffbackends:\r\n  ? a\r\n  : weight: 'x''y'\r\n", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		d, err := edit.Open(schema.File{Path: "endpoints/e.yaml", Data: []byte(text)})
		if err != nil {
			return
		}
		to := edit.Ref{Branch: "main", Name: "x", Version: schema.Version{Number: 1}}
		for _, err := range []error{
			d.SetWeight(name, 2), d.SetPercent(name, 3), d.SetEnabled(name, false), d.SetBackendDeployment(name, to),
			d.AddBackend(name+"x", to, 1), d.AddMirror(name+"y", to, 5), d.RemoveMirror(name), d.RemoveBackend(name),
		} {
			refused := &edit.Error{}
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("the error is none of changes: %v", err)
			}
		}
		if _, err := edit.Open(d.File()); err != nil {
			t.Fatalf("what came out cannot be read: %v\n%q", err, d.Bytes())
		}
	})
}

// model is what an endpoint says, as far as it is changed here.
type model struct {
	Backends []backend
	Mirrors  []mirror
}

type backend struct {
	Name   string
	To     *edit.Ref
	Static string
	Weight float64
}

type mirror struct {
	Name    string
	To      edit.Ref
	Percent float64
	Enabled bool
}

func read(t *testing.T, text string) *model {
	t.Helper()
	e, _ := schema.ParseEndpoint(schema.File{Path: "endpoints/e.yaml", Data: []byte(text)})
	if e == nil {
		t.Fatalf("it cannot be read any more:\n%s", text)
	}
	m := &model{}
	for _, b := range e.Backends {
		read := backend{Name: b.Name.V, Static: string(b.Static), Weight: b.Weight.V}
		if b.Deployment != nil {
			to := refOf(*b.Deployment)
			read.To = &to
		}
		m.Backends = append(m.Backends, read)
	}
	for _, x := range e.Mirrors {
		m.Mirrors = append(m.Mirrors, mirror{x.Name.V, refOf(x.Deployment), x.Percent.V, x.Enabled})
	}
	return m
}

func refOf(r schema.DeploymentRef) edit.Ref {
	return edit.Ref{Branch: r.Branch.V, Name: r.Name.V, Version: r.Version.V}
}

// change changes the model, and reports whether a document can be changed so.
func (m *model) change(words []string) bool {
	name, rest := words[1], words[2:]
	b := slices.IndexFunc(m.Backends, func(b backend) bool { return b.Name == name })
	mirrorOf := func(name string) int {
		return slices.IndexFunc(m.Mirrors, func(x mirror) bool { return x.Name == name })
	}
	x, y := mirrorOf(name), mirrorOf(rest0(rest))
	switch {
	case words[0] == "add-backend" && b < 0:
		to := ref(rest)
		m.Backends = append(m.Backends, backend{Name: name, To: &to, Weight: float(rest[3])})
	case words[0] == "add-mirror" && x < 0:
		m.Mirrors = append(m.Mirrors, mirror{name, ref(rest), float(rest[3]), true})
	case words[0] == "weight" && b >= 0:
		m.Backends[b].Weight = float(rest[0])
	case words[0] == "backend-deployment" && b >= 0:
		to := ref(rest)
		m.Backends[b].To, m.Backends[b].Static = &to, ""
	case words[0] == "remove-backend" && b >= 0 && len(m.Backends) > 1:
		m.Backends = slices.Delete(m.Backends, b, b+1)
	case words[0] == "percent" && x >= 0:
		m.Mirrors[x].Percent = float(rest[0])
	case words[0] == "enabled" && x >= 0:
		m.Mirrors[x].Enabled = rest[0] == "true"
	case words[0] == "mirror-deployment" && x >= 0:
		m.Mirrors[x].To = ref(rest)
	case words[0] == "remove-mirror" && x >= 0:
		m.dropMirror(x)
	case words[0] == "promote" && x >= 0 && b < 0:
		to := m.Mirrors[x].To
		m.Backends = append(m.Backends, backend{Name: name, To: &to, Weight: float(rest[0])})
		m.dropMirror(x)
	case words[0] == "promote-into" && b >= 0 && y >= 0:
		to := m.Mirrors[y].To
		m.Backends[b].To, m.Backends[b].Static = &to, ""
		m.dropMirror(y)
	default:
		return false
	}
	return true
}

func (m *model) dropMirror(i int) {
	m.Mirrors = slices.Delete(m.Mirrors, i, i+1)
	if len(m.Mirrors) == 0 {
		m.Mirrors = nil
	}
}

func rest0(rest []string) string {
	if len(rest) == 0 {
		return ""
	}
	return rest[0]
}
