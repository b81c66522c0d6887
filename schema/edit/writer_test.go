package edit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

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
		switch g.r.IntN(8) {
		case 0:
			g.own(0, part.name)
		case 1:
			g.own(0, "all")
			g.b.WriteString("\n")
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
	switch g.r.IntN(12) {
	case 0, 1, 2:
		g.braces(key, prefix)
	case 3:
		g.leading(key, prefix)
	default:
		g.entries(key, prefix, one)
	}
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

// ofLine is of whom comments are that entries of one line share, or may come to share.
const ofLine = "line"

// braces writes entries in braces over several lines, which need not begin alike.
func (g *writer) braces(key, prefix string) {
	indent, lines, opening := 1+g.r.IntN(4), g.shared(prefix), g.r.IntN(4) == 0
	if !opening {
		g.line(0, key+": {", key)
	}
	for i, names := range lines {
		of, at, text := ofLine, indent+g.r.IntN(2), ""
		if len(names) == 1 {
			of = names[0]
		}
		if opening && i == 0 {
			of, at, text = ofLine, 0, key+": {"
		} else {
			g.own(at, of)
		}
		for j, name := range names {
			names[j] = name + ": " + g.inBraces(indent, name)
		}
		text += strings.Join(names, ", ")
		last := i+1 == len(lines)
		if last && g.r.IntN(4) == 0 {
			g.line(at, text+g.pick("", ",")+"}", key)
			return
		}
		if !last || g.r.IntN(2) == 0 {
			text += ","
		}
		g.line(at, text, of)
		if of != ofLine && g.r.IntN(4) == 0 {
			g.own(indent+2+g.r.IntN(2), of)
		}
	}
	g.own(indent, key)
	g.line(g.r.IntN(2), "}", key)
}

// shared are names of entries by lines, mostly one in each.
func (g *writer) shared(prefix string) (lines [][]string) {
	for i := range 1 + g.r.IntN(4) {
		name := fmt.Sprint(prefix, i)
		if i > 0 && g.r.IntN(4) == 0 {
			lines[len(lines)-1] = append(lines[len(lines)-1], name)
			continue
		}
		lines = append(lines, []string{name})
	}
	return lines
}

// leading writes entries in braces whose lines begin with the comma.
func (g *writer) leading(key, prefix string) {
	indent, comma := 1+g.r.IntN(4), ""
	g.line(0, key+": {", key)
	for i := range 1 + g.r.IntN(4) {
		name := fmt.Sprint(prefix, i)
		g.own(indent, name)
		g.line(indent, comma+name+": "+g.inBraces(indent, name), name)
		if g.r.IntN(4) == 0 {
			g.own(indent+1+g.r.IntN(2), name)
		}
		comma = ", "
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
