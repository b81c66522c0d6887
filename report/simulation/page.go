package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/report"
)

// The block of the page that is written.
const (
	blockBegin = "<!-- simulation: go run ./report/simulation -->\n"
	blockEnd   = "<!-- /simulation -->"
)

func writePage(path string, findings []finding) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), blockBegin)
	_, after, ok2 := strings.Cut(rest, blockEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no block for what is simulated", path)
	}
	return os.WriteFile(path, []byte(before+blockBegin+page(findings)+blockEnd+after), 0o644)
}

// page is the tables: how often verdicts are wrong, and how soon they are right.
func page(findings []finding) string {
	var b strings.Builder
	looks := looksOf(findings)
	fmt.Fprintf(&b, "Of %d runs, each with a look after every %d pairs up to %d, those that said so at some look:\n\n", findings[0].runs, every, looks*every)
	b.WriteString("| the mirror is | `WORSE` | `SAME` | `BETTER` | usual intervals: worse |\n|---|---:|---:|---:|---:|\n")
	for _, f := range findings {
		if f.truth.right != "" {
			continue
		}
		fmt.Fprintf(&b, "| %s |", f.truth.name)
		for _, v := range verdicts() {
			fmt.Fprintf(&b, " %.1f %% |", 100*f.share(v, looks-1))
		}
		fmt.Fprintf(&b, " %.1f %% |\n", 100*float64(f.usual)/float64(f.runs))
	}
	fmt.Fprintf(&b, "\nOf %d runs each, those that had given the verdict that is right by then:\n\n", findings[len(findings)-1].runs)
	b.WriteString("| the mirror has, or is | right is | 1,000 pairs | 2,000 | 3,000 | 5,000 | half of them after |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, f := range findings {
		if f.truth.right != "" {
			b.WriteString(f.row(looks))
		}
	}
	var wide []string
	for _, g := range (truth{wide: true}).gates().Gates {
		wide = append(wide, fmt.Sprintf("`%s %s`", g.Metric, g))
	}
	fmt.Fprintf(&b, "\nWide gates are %s.\n", strings.Join(wide, ", "))
	return b.String()
}

// row says how soon the verdict comes that is right.
func (f finding) row(looks int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | `%s` |", f.truth.name, f.truth.right)
	for _, pairs := range []int{1000, 2000, 3000, 5000} {
		fmt.Fprintf(&b, " %.0f %% |", 100*f.share(f.truth.right, min(pairs/every, looks)-1))
	}
	if n := f.median(); n > 0 {
		fmt.Fprintf(&b, " %d pairs |\n", n)
	} else {
		b.WriteString(" more |\n")
	}
	return b.String()
}

func looksOf(findings []finding) int { return len(findings[0].said[report.Worse]) }

// colors of the curves, which can be told apart in print and by most eyes.
func colors() []string {
	return []string{"#8c8c8c", "#bdbdbd", "#595959", "#d0d0d0", "#9ecae1", "#4292c6", "#08519c", "#fdae6b", "#e6550d", "#a1d99b", "#238b45"}
}

// plot draws how many runs have said WORSE of the default gates, over pairs.
func plot(findings []finding) string {
	const width, height, left, top, right, bottom = 760.0, 380.0, 60.0, 20.0, 290.0, 50.0
	all := colors()
	looks := looksOf(findings)
	x := func(look int) float64 { return left + (width-left-right)*float64(look+1)/float64(looks) }
	y := func(share float64) float64 { return height - bottom - (height-top-bottom)*share }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Share of runs whose verdict has been WORSE, over pairs">
<rect width="100%%" height="100%%" fill="#ffffff"/>
`, width, height, width, height)
	for _, share := range []float64{0, .05, .25, .5, .75, 1} {
		fmt.Fprintf(&b, `<path d="M%.0f %.1fH%.0f" stroke="#e0e0e0"/><text x="%.0f" y="%.1f" text-anchor="end" fill="#444">%.0f %%</text>`+"\n", left, y(share), width-right, left-6, y(share)+4, 100*share)
	}
	for pairs := 1000; pairs <= looks*every; pairs += 1000 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" text-anchor="middle" fill="#444">%d</text>`+"\n", x(pairs/every-1), height-bottom+18, pairs)
	}
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="middle" fill="#444">pairs</text>`+"\n", (left+width-right)/2, height-12)
	held := slices.DeleteFunc(slices.Clone(findings), func(f finding) bool { return f.truth.wide })
	for i, f := range held {
		var points []string
		for look := range looks {
			points = append(points, fmt.Sprintf("%.1f %.1f", x(look), y(f.share(report.Worse, look))))
		}
		color := all[i%len(all)]
		fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, "L"), color)
		at := top + 12 + float64(i)*24
		name, _, _ := strings.Cut(f.truth.name, " (")
		fmt.Fprintf(&b, `<path d="M%.0f %.1fh18" stroke="%s" stroke-width="3"/><text x="%.0f" y="%.1f" fill="#222">%s</text>`+"\n", width-right+16, at-4, color, width-right+40, at, name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
