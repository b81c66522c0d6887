package schema

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// The colors of text, as ANSI escape sequences.
const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

// widest bounds the source that is shown, in columns of a terminal.
const widest = 100

type textPrinter struct {
	b     *bytes.Buffer
	color bool
}

// print writes a diagnostic as
//
//	endpoints/a.yaml:7:5: unknown key "weigth"; did you mean "weight"? [unknown-key]
//	  7 |     weigth: 5
//	    |     ^
func (p *textPrinter) print(d Diagnostic) {
	if at := d.Position.String(); at != "" {
		p.paint(bold, printable(at)+": ")
	}
	p.b.WriteString(printable(d.Message) + " ")
	p.paint(faint, "["+printable(string(d.Rule))+"]")
	p.b.WriteByte('\n')
	if d.Line > 0 && strings.TrimSpace(d.Source) != "" {
		p.source(d)
	}
}

// source writes the line and under it the caret. Both begin alike, so that a
// tab takes both as far.
func (p *textPrinter) source(d Diagnostic) {
	shown, before := window([]rune(d.Source), d.Column-1)
	number := strconv.Itoa(d.Line)
	p.paint(faint, "  "+number+" | ")
	p.b.WriteString(shown + "\n")
	p.paint(faint, "  "+strings.Repeat(" ", len(number))+" | ")
	p.b.WriteString(before)
	p.paint(red, "^")
	p.b.WriteByte('\n')
}

func (p *textPrinter) paint(color, s string) {
	if !p.color {
		p.b.WriteString(s)
		return
	}
	p.b.WriteString(color + s + plain)
}

// window is the part of a line around the character at index at, and the blanks
// that are as wide as what is shown in front of that character.
func window(line []rune, at int) (shown, blanks string) {
	at = max(0, min(at, len(line)))
	from, to := at, at
	for room := widest; room > 0 && (from > 0 || to < len(line)); {
		if to < len(line) {
			room -= cells(line[to])
			to++
		}
		if from > 0 && (at-from < widest/2 || to == len(line)) {
			from--
			room -= cells(line[from])
		}
	}
	var front, text strings.Builder
	if from > 0 {
		text.WriteString("…")
		front.WriteByte(' ')
	}
	for i, r := range line[from:to] {
		text.WriteRune(visible(r))
		switch {
		case from+i >= at:
		case r == '\t':
			front.WriteByte('\t')
		default:
			front.WriteString(strings.Repeat(" ", cells(r)))
		}
	}
	if to < len(line) {
		text.WriteString("…")
	}
	return text.String(), front.String()
}

// cells is how many columns of a terminal a character takes as it is shown.
func cells(r rune) int {
	r = visible(r)
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// visible is r, or a stand-in of one column for what would move the cursor, turn
// the writing round or hide.
func visible(r rune) rune {
	if r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// printable is s without characters that do more than to be seen.
func printable(s string) string { return strings.Map(visible, s) }
