package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// colors is how many classes of colors the style sheet has.
const colors = 8

// Class is the class of the color of the i-th backend or mirror.
func Class(i int) string { return "s" + strconv.Itoa(i%colors) }

// Part is one part of a bar.
type Part struct {
	Label string
	Share float64 // of the whole, in [0, 1]
	Color int
}

// Bar is a bar of 100 % of its width, divided into parts.
func Bar(parts []Part) template.HTML {
	var b strings.Builder
	var words []string
	at := 0.0
	for _, p := range parts {
		words = append(words, p.Label+" "+Percent(p.Share))
		if p.Share > 0 {
			fmt.Fprintf(&b, `<rect class="%s" x="%s" width="%s" height="8"><title>%s</title></rect>`,
				Class(p.Color), coordinate(at*1000), coordinate(p.Share*1000), html.EscapeString(words[len(words)-1]))
		}
		at += p.Share
	}
	return drawing("bar", "none", 1000, 8, strings.Join(words, ", "), b.String())
}

// Line is one line of a chart. A value that is no finite number is a gap.
type Line struct {
	Label  string
	Values []float64
	Color  int
	Dashed bool
}

// Spark draws lines without axes, all to the same scale; words say what they show.
func Spark(lines []Line, words string) template.HTML {
	const width, height = 120, 28
	top := math.Max(highest(lines), 1e-9)
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(path(l, 0, 1, width, height-2, top))
	}
	return drawing("spark", "none", width, height, words, b.String())
}

// Chart is lines over time, with axes.
type Chart struct {
	Title string
	Lines []Line
	Unit  func(float64) string // of the values, such as "12 ms"
	Ago   []string             // what stands below the left end, the middle and the right end
	Least float64              // the scale reaches at least so far
}

// The measures of a chart, in units of its view box.
const (
	chartWidth  = 640
	chartHeight = 190
	left        = 64
	right       = 10
	above       = 12
	below       = 24
)

// SVG draws the chart.
func (c Chart) SVG() template.HTML {
	top := niceAbove(math.Max(highest(c.Lines), c.Least))
	width, height := float64(chartWidth-left-right), float64(chartHeight-above-below)
	var b strings.Builder
	const steps = 4
	for i := range steps + 1 {
		y := above + height*float64(steps-i)/steps
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%s" y2="%s"/><text class="axis" x="%d" y="%s" text-anchor="end">%s</text>`,
			left, chartWidth-right, coordinate(y), coordinate(y), left-8, coordinate(y+4), html.EscapeString(c.Unit(top*float64(i)/steps)))
	}
	for i, text := range c.Ago {
		x := left + width*float64(i)/float64(max(1, len(c.Ago)-1))
		anchor := "middle"
		if i == len(c.Ago)-1 {
			anchor = "end"
		}
		if i == 0 {
			anchor = "start"
		}
		fmt.Fprintf(&b, `<text class="axis" x="%s" y="%d" text-anchor="%s">%s</text>`, coordinate(x), chartHeight-6, anchor, html.EscapeString(text))
	}
	for _, l := range c.Lines {
		b.WriteString(path(l, left, above, width, height, top))
	}
	return drawing("chart", "xMidYMid", chartWidth, chartHeight, c.words(), b.String())
}

// words say what the chart shows: the last and the highest value of each line.
func (c Chart) words() string {
	parts := []string{c.Title}
	for _, l := range c.Lines {
		last, most, some := math.NaN(), math.Inf(-1), false
		for _, v := range l.Values {
			if !missing(v) {
				last, most, some = v, math.Max(most, v), true
			}
		}
		if some {
			parts = append(parts, fmt.Sprintf("%s: now %s, at most %s", l.Label, c.Unit(last), c.Unit(most)))
		} else {
			parts = append(parts, l.Label+": nothing")
		}
	}
	return strings.Join(parts, ". ")
}

// missing reports whether a value is a gap.
func missing(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// path draws one line into a box.
func path(l Line, x, y, width, height, top float64) string {
	var d, dots strings.Builder
	step := width / float64(max(1, len(l.Values)-1))
	pen := false
	for i, v := range l.Values {
		if missing(v) {
			pen = false
			continue
		}
		alone := !pen && (i+1 == len(l.Values) || missing(l.Values[i+1]))
		place := coordinate(x+step*float64(i)) + " " + coordinate(y+height*(1-math.Min(v/top, 1)))
		switch {
		case alone: // a point shows only if it has a length
			dots.WriteString("M" + place + "h.01")
		case pen:
			d.WriteString("L" + place)
		default:
			d.WriteString("M" + place)
		}
		pen = true
	}
	class := "line " + Class(l.Color)
	if l.Dashed {
		class += " dashed"
	}
	return pathOf(class, d.String(), l.Label) + pathOf("line dot "+Class(l.Color), dots.String(), l.Label)
}

func pathOf(class, d, label string) string {
	if d == "" {
		return ""
	}
	return `<path class="` + class + `" d="` + d + `"><title>` + html.EscapeString(label) + `</title></path>`
}

// drawing is an SVG of a class and a size that says what it shows. fit is how it
// fills its place: none stretches it.
func drawing(class, fit string, width, height int, words, content string) template.HTML {
	return template.HTML(fmt.Sprintf( //nolint:gosec // all texts in it are escaped
		`<svg class="%s" viewBox="0 0 %d %d" preserveAspectRatio="%s" role="img" aria-label="%s">%s</svg>`,
		class, width, height, fit, html.EscapeString(words), content))
}

func coordinate(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

func highest(lines []Line) float64 {
	most := 0.0
	for _, l := range lines {
		for _, v := range l.Values {
			if !missing(v) {
				most = math.Max(most, v)
			}
		}
	}
	return most
}

// niceAbove is the least of 1, 2, 4, 5, 8 times a power of ten that is not below v.
func niceAbove(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 4, 5, 8} {
		if digit*power >= v*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// Percent is a share in percent, as exact as it is small.
func Percent(share float64) string {
	p := share * 100
	switch {
	case p == 0 || p == 100:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case p < 0.1:
		return strconv.FormatFloat(p, 'g', 1, 64) + " %"
	case p < 1:
		return rounded(p, 100) + " %"
	case p < 10:
		return rounded(p, 10) + " %"
	case p > 99.9:
		return "> 99.9 %"
	case p > 99:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// rounded is a number to so many parts of one, without zeros at its end.
func rounded(v, parts float64) string {
	return strconv.FormatFloat(math.Round(v*parts)/parts, 'f', -1, 64)
}
