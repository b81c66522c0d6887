package report

import (
	"fmt"
	"html"
	"strings"
)

const (
	plotWidth = 760
	nameWidth = 130 // of a peer's name, left of its bar
	barWidth  = 500 // of the longest bar
	barHeight = 18
	barStep   = 23
	titleStep = 44 // a scenario's title and the space above it
	margin    = 16
)

// SVG is the plot: bars for each scenario that says what is to be shown of it.
// The picture stands alone and has its own background.
func (r Report) SVG() string {
	var b strings.Builder
	y := margin
	for _, g := range r.Groups {
		for _, s := range g.Scenarios {
			if s.Plot != "" {
				y = r.bars(&b, g, s, y)
			}
		}
	}
	y += margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" `+
		`font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="%[3]s">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%[4]s</svg>
`, plotWidth, y, html.EscapeString("Measurements of "+r.Date), b.String())
}

// bars draws one scenario from y down and returns where it ends.
func (r Report) bars(b *strings.Builder, g Group, s Scenario, y int) int {
	longest := 0.0
	for _, p := range r.Peers {
		if v, ok := r.Value(s.ID, p.Name, s.Plot); ok {
			longest = max(longest, v)
		}
	}
	if longest == 0 {
		return y
	}
	title := g.Title
	if len(g.Scenarios) > 1 {
		title += ", " + s.Label
	}
	c := s.Plot.column()
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"600\" fill=\"#1f2328\">%s: %s</text>\n",
		margin, y+titleStep-14, html.EscapeString(title), html.EscapeString(c.title))
	y += titleStep
	for _, p := range r.Peers {
		v, ok := r.Value(s.ID, p.Name, s.Plot)
		if !ok {
			continue
		}
		length := max(1, int(v/longest*barWidth))
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#1f2328\">%s</text>\n", nameWidth-6, y+13, html.EscapeString(p.Name))
		fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", nameWidth, y, length, barHeight, color(p.Name))
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" fill=\"#59636e\">%s</text>\n", nameWidth+length+6, y+13, html.EscapeString(c.format(v)))
		y += barStep
	}
	return y
}

func color(peer string) string {
	if strings.HasPrefix(peer, Subject) {
		return "#1f6feb"
	}
	return "#b8c0ca"
}
