package plan

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// The colors of text, as ANSI escape sequences.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	alarm  = "\x1b[1;31m"
	plain  = "\x1b[0m"
)

type textPrinter struct {
	b     *bytes.Buffer
	color bool
}

func printText(b *bytes.Buffer, p *Plan, color bool) {
	t := textPrinter{b: b, color: color}
	b.WriteString(p.heading().String() + "\n")
	for _, note := range p.Notes {
		t.paint(alarm, "! ")
		b.WriteString(visible(note) + "\n")
	}
	for _, e := range p.endpointBlocks() {
		t.block(e)
	}
	if blocks := p.deploymentBlocks(); len(blocks) > 0 {
		b.WriteString("\nDeployments\n")
		for _, d := range blocks {
			t.block(d)
		}
	}
	if blocks := p.keyBlocks(); len(blocks) > 0 {
		b.WriteString("\nAPI keys\n")
		for _, k := range blocks {
			t.block(k)
		}
	}
	b.WriteByte('\n')
	t.paint(bold, p.Summary.Text)
	b.WriteByte('\n')
}

// block writes
//
//	~ pricing
//	    ~ backend control     pricing_model: latest 6 -> 7; 95 % of subjects
func (t *textPrinter) block(k block) {
	t.b.WriteByte('\n')
	t.paint(k.mark.color(), string(k.mark)+" "+k.title.String())
	if k.lead != nil {
		t.b.WriteString(": " + k.lead.String())
	}
	t.b.WriteByte('\n')
	const widest = 32
	width := 0
	for _, l := range k.lines {
		if n := utf8.RuneCountInString(l.what.String()); n <= widest {
			width = max(width, n)
		}
	}
	for _, l := range k.lines {
		what := l.what.String()
		t.b.WriteString("    ")
		t.paint(l.mark.color(), string(l.mark)+" "+what)
		t.b.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(what))))
		t.b.WriteString("  " + l.text.String() + "\n")
	}
}

func (m mark) color() string {
	switch m {
	case markAdded:
		return green
	case markRemoved:
		return red
	case markAlarm:
		return alarm
	default:
		return yellow
	}
}

func (t *textPrinter) paint(color, s string) {
	if !t.color {
		t.b.WriteString(s)
		return
	}
	t.b.WriteString(color + s + plain)
}
