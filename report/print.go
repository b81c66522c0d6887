package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/width"
)

// Format is how a report is printed.
type Format string

// The formats.
const (
	FormatText     Format = "text"
	FormatJSON     Format = "json"
	FormatMarkdown Format = "markdown"
	FormatHTML     Format = "html"
)

// Formats lists the formats.
func Formats() []Format { return []Format{FormatText, FormatJSON, FormatMarkdown, FormatHTML} }

// documented is what can be put into words.
type documented interface{ document() document }

// Print writes a report about a mirror (*Report) or about backends (*Split). Text is for a terminal,
// with colours if color is set; HTML is a page that stands alone.
func Print(w io.Writer, r documented, f Format, color bool) error {
	var text string
	switch f {
	case FormatText:
		text = r.document().text(color)
	case FormatMarkdown:
		text = r.document().markdown()
	case FormatHTML:
		return r.document().html(w)
	case FormatJSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	default:
		return fmt.Errorf("there is no format %q", f)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Colours of a terminal.
const (
	bold   = "1"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
)

func verdictColor(v string) string {
	switch Verdict(v) {
	case Better, Same:
		return green
	case Worse:
		return red
	case Open:
		return yellow
	}
	return bold
}

// text writes the document for a terminal: the verdict first.
func (d document) text(color bool) string {
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", paint(bold, Printable(d.title)), Printable(d.subtitle))
	if d.verdict != "" {
		fmt.Fprintf(&b, "%s\n", paint(verdictColor(d.verdict), d.verdict))
	}
	for _, reason := range d.reasons {
		fmt.Fprintf(&b, "  %s\n", Printable(reason))
	}
	for _, s := range d.sections {
		fmt.Fprintf(&b, "\n%s\n", paint(bold, s.title))
		for _, words := range s.words {
			fmt.Fprintf(&b, "  %s\n", Printable(words))
		}
		for _, t := range s.tables {
			b.WriteString(t.text())
		}
	}
	if len(d.notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range d.notes {
		fmt.Fprintf(&b, "%s\n", Printable(note))
	}
	return b.String()
}

// text writes a table with its columns one below the other, numbers to the right.
func (t table) text() string {
	widths := make([]int, len(t.head))
	rows := append([][]string{t.head}, t.rows...)
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(Printable(cell)))
		}
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = Printable(cell)
			pad := strings.Repeat(" ", widths[i]-columns(cell))
			if t.isNumber(i) {
				line.WriteString("  " + pad + cell)
			} else {
				line.WriteString("  " + cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// isNumber reports whether all cells of a column begin with a digit, a sign or a dash.
func (t table) isNumber(column int) bool {
	if column == 0 {
		return false
	}
	for _, row := range t.rows {
		if cell := row[column]; cell == "" || !strings.ContainsRune("0123456789+-", rune(cell[0])) {
			return false
		}
	}
	return true
}

// columns is how wide a text is on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}

// Printable is text of others as one line for a terminal: without control characters,
// line ends and marks that turn the direction of writing, which could make it show
// something else.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
}

// markdown writes the document for a comment on a merge request.
func (d document) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", escaped(d.title), escaped(d.subtitle))
	if d.verdict != "" {
		fmt.Fprintf(&b, "\n**%s**\n\n", d.verdict)
	}
	for _, reason := range d.reasons {
		fmt.Fprintf(&b, "- %s\n", escaped(reason))
	}
	for _, s := range d.sections {
		fmt.Fprintf(&b, "\n### %s\n", s.title)
		for _, words := range s.words {
			fmt.Fprintf(&b, "\n%s\n", escaped(words))
		}
		for _, t := range s.tables {
			b.WriteString(t.markdown())
		}
	}
	for _, note := range d.notes {
		fmt.Fprintf(&b, "\n%s\n", escaped(note))
	}
	return b.String()
}

func (t table) markdown() string {
	var b strings.Builder
	b.WriteString("\n")
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	all := func(cells []string) []string {
		out := make([]string, len(cells))
		for i, cell := range cells {
			out[i] = escaped(cell)
		}
		return out
	}
	line(all(t.head))
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---"
		if t.isNumber(i) {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, row := range t.rows {
		line(all(row))
	}
	return b.String()
}

// escaped is text that means nothing to Markdown.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "@", "&#64;").Replace(Printable(s))
}
