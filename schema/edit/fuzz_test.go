package edit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
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

// comment is one that a writer has written.
var comment = regexp.MustCompile(`# c[0-9]+ of [a-z0-9]+`)

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

// writer writes documents and changes at random.
type writer struct {
	r        *rand.Rand
	comments int
	b        strings.Builder
}

func (g *writer) pick(from ...string) string { return from[g.r.IntN(len(from))] }

// comment is a comment of something, now and then.
func (g *writer) comment(of string) string {
	if g.r.IntN(3) > 0 {
		return ""
	}
	g.comments++
	return fmt.Sprintf("# c%d of %s", g.comments, of)
}

// own writes lines of comment, now and then, that stand by themselves.
func (g *writer) own(indent int, of string) {
	for range g.r.IntN(2) {
		if c := g.comment(of); c != "" {
			g.b.WriteString(strings.Repeat(" ", indent) + c + "\n")
		}
	}
}

func (g *writer) line(indent int, text, of string) {
	g.b.WriteString(strings.Repeat(" ", indent) + text)
	if c := g.comment(of); c != "" {
		g.b.WriteString(strings.Repeat(" ", 1+g.r.IntN(4)) + c)
	}
	g.b.WriteString("\n")
}

func (g *writer) blank() {
	for range g.r.IntN(2) {
		g.b.WriteString("\n")
	}
}

func (g *writer) document() string {
	g.own(0, "all")
	g.line(0, "schemaVersion: 1", "all")
	parts := []struct {
		name  string
		write func()
	}{
		{"backends", func() { g.section("backends", "b", g.backend) }},
		{"mirrors", func() { g.section("mirrors", "m", g.mirror) }},
		{"path", func() { g.line(0, g.pick("path: /p", "path:    '/p'", "timeout: {plain: 5s,   idle: 1m}"), "path") }},
		{"assignment", func() { g.line(0, `assignment: {key: "header:x-id"}`, "assignment") }},
	}
	g.r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, part := range parts {
		g.blank()
		if g.r.IntN(4) == 0 {
			g.own(0, part.name)
			g.blank()
		}
		part.write()
	}
	text := g.b.String()
	if g.r.IntN(4) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if g.r.IntN(4) == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

// section writes entries in lines of their own, or now and then in braces.
func (g *writer) section(key, prefix string, one func(indent int, name string)) {
	if g.r.IntN(4) == 0 {
		g.braces(key, prefix)
		return
	}
	g.entries(key, prefix, one)
}

func (g *writer) entries(key, prefix string, one func(indent int, name string)) {
	n := 1 + g.r.IntN(3)
	g.line(0, key+":", key)
	indent := 1 + g.r.IntN(4)
	for i := range n {
		name := fmt.Sprint(prefix, i)
		g.own(indent, name)
		one(indent, name)
		g.blank()
	}
}

// braces writes entries in braces over several lines: mostly one in a line, which is
// about it, or else two, which are about the section.
func (g *writer) braces(key, prefix string) {
	g.line(0, key+": {", key)
	indent, n := 1+g.r.IntN(4), 1+g.r.IntN(4)
	before := "" // in the same line
	for i := range n {
		name, of := fmt.Sprint(prefix, i), key
		if before == "" {
			of = name
		}
		text := before + name + ": " + g.inBraces(indent, name) + ","
		if before = ""; i+1 < n && g.r.IntN(4) == 0 {
			before = text + " "
			continue
		}
		g.own(indent, of)
		if i+1 == n && g.r.IntN(2) == 0 {
			text = strings.TrimSuffix(text, ",")
		}
		if i+1 == n && g.r.IntN(4) == 0 {
			g.line(indent, text+"}", key)
			return
		}
		g.line(indent, text, of)
	}
	g.own(indent, key)
	g.line(g.r.IntN(2), "}", key)
}

// inBraces is an entry in braces, in one line or more.
func (g *writer) inBraces(indent int, name string) string {
	parts := []string{"deployment: " + g.ref()}
	if name[0] == 'b' {
		parts = append(parts, "weight: "+g.pick("1", "2.5"))
	} else if g.r.IntN(2) == 0 {
		parts = append(parts, "percent: "+g.pick("1", "12.5"))
	}
	if g.r.IntN(3) > 0 {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	out, in := "{\n", strings.Repeat(" ", indent+1+g.r.IntN(3))
	for _, part := range parts {
		if c := g.comment(name); c != "" {
			out += in + c + "\n"
		}
		out += in + part + ",\n"
	}
	return out + strings.Repeat(" ", indent) + "}"
}

func (g *writer) ref() string {
	return fmt.Sprintf("{branch: %s, name: %s, version: %s}",
		g.pick("main", "'dev'", `"feature/x"`), g.pick("a", "'b'", `"c"`), g.pick("1", "latest", `"v1.0"`))
}

func (g *writer) backend(indent int, name string) {
	if g.r.IntN(3) == 0 {
		g.line(indent, name+": {deployment: "+g.ref()+", weight: "+g.pick("1", "2.5", "90")+"}", name)
		return
	}
	g.line(indent, name+":", name)
	in := indent + 1 + g.r.IntN(4)
	g.own(in, name)
	if g.r.IntN(3) == 0 {
		g.line(in, g.pick(`static: {"data": [1, 2]}`, "static: it's # text", "static: 'a # b'"), name)
	} else {
		g.deployment(in, name)
	}
	g.own(in, name)
	if g.r.IntN(3) > 0 {
		g.line(in, "weight: "+g.weight(), name)
	}
	g.unknown(in, name)
}

// weight is one that is written by itself, or now and then one that backends share.
func (g *writer) weight() string {
	switch {
	case g.r.IntN(24) == 0 && !strings.Contains(g.b.String(), "&w"):
		return "&w 7"
	case g.r.IntN(8) == 0 && strings.Contains(g.b.String(), "&w"):
		return "*w"
	}
	return g.pick("1", "5", "0.25")
}

// unknown writes keys that nothing here knows, and that have to stay.
func (g *writer) unknown(indent int, of string) {
	switch g.r.IntN(6) {
	case 0:
		g.line(indent, "extra:   {x: [1,  'two # no']}", of)
	case 1:
		in := strings.Repeat(" ", indent)
		g.b.WriteString(in + "note: |\n" + in + "  # no comment\n" + in + "    text: {\n")
	}
}

func (g *writer) deployment(indent int, of string) {
	if g.r.IntN(2) == 0 {
		g.line(indent, "deployment: "+g.ref(), of)
		return
	}
	g.line(indent, "deployment:", of)
	in := indent + 1 + g.r.IntN(3)
	for _, text := range []string{"branch: " + g.pick("main", "'dev'"), "name: " + g.pick("a", `"b"`), "version: " + g.pick("latest", "3")} {
		g.own(in, of)
		g.line(in, text, of)
	}
}

func (g *writer) mirror(indent int, name string) {
	if g.r.IntN(3) == 0 {
		g.line(indent, name+": {deployment: "+g.ref()+g.pick("", ", percent: 7", ", enabled: false")+"}", name)
		return
	}
	g.line(indent, name+":", name)
	in := indent + 1 + g.r.IntN(4)
	g.deployment(in, name)
	if g.r.IntN(2) == 0 {
		g.own(in, name)
		g.line(in, "percent: "+g.pick("1", "12.5"), name)
	}
	g.unknown(in, name)
	if g.r.IntN(2) == 0 {
		g.line(in, "enabled: "+g.pick("true", "false"), name)
	}
}

// change is a change in words, mostly one that can be made.
func (g *writer) change(m *model) []string {
	backends, mirrors := []string{"b9"}, []string{"m9"}
	for _, b := range m.Backends {
		backends = append(backends, b.Name)
	}
	for _, x := range m.Mirrors {
		mirrors = append(mirrors, x.Name)
	}
	to := []string{g.pick("main", "dev", "on"), g.pick("a", "x.y"), g.pick("1", "latest", "v2")}
	weight := g.pick("0", "3", "0.5", "1e3")
	switch g.r.IntN(11) {
	case 0:
		return []string{"weight", g.pick(backends...), weight}
	case 1:
		return append([]string{"backend-deployment", g.pick(backends...)}, to...)
	case 2:
		return append(append([]string{"add-backend", g.pick(backends...)}, to...), weight)
	case 3:
		return []string{"remove-backend", g.pick(backends...)}
	case 4:
		return []string{"percent", g.pick(mirrors...), g.pick("5", "0.5")}
	case 5:
		return []string{"enabled", g.pick(mirrors...), g.pick("true", "false")}
	case 6:
		return append([]string{"mirror-deployment", g.pick(mirrors...)}, to...)
	case 7:
		return append(append([]string{"add-mirror", g.pick(mirrors...)}, to...), g.pick("5", "100"))
	case 8:
		return []string{"promote", g.pick(mirrors...), weight}
	case 9:
		return []string{"promote-into", g.pick(backends...), g.pick(mirrors...)}
	default:
		return []string{"remove-mirror", g.pick(mirrors...)}
	}
}
