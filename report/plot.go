package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/report/stat"
)

// The size of a plot and of the space around what it shows.
const (
	plotWidth  = 720.0
	plotHeight = 240.0
	plotLeft   = 56.0
	plotRight  = 36.0
	plotTop    = 16.0
	plotBottom = 44.0
)

// bins is how many bars a histogram has for each series.
const bins = 40

// plot is a drawing with a title that says what it shows.
type plot struct {
	Title string
	SVG   template.HTML
	Key   []string // names of the series, drawn in the styles s0, s1
}

// series is sorted values with a name.
type series struct {
	name   string
	values []float64
}

// canvas draws within axes.
type canvas struct {
	strings.Builder
	fromX, toX, toY float64
	logX            bool
}

func (c *canvas) x(v float64) float64 {
	from, to := c.fromX, c.toX
	if c.logX {
		v, from, to = math.Log(v), math.Log(from), math.Log(to)
	}
	return plotLeft + (v-from)/(to-from)*(plotWidth-plotLeft-plotRight)
}

func (c *canvas) y(v float64) float64 {
	return plotHeight - plotBottom - v/c.toY*(plotHeight-plotTop-plotBottom)
}

// axes draws both axes with marks.
func (c *canvas) axes(xs []float64, format func(float64) string) {
	bottom := plotHeight - plotBottom
	fmt.Fprintf(c, `<path class="axis" d="M%.0f %.0fV%.0fH%.0f"/>`, plotLeft, plotTop, bottom, plotWidth-plotRight)
	for i := range 5 {
		v := c.toY * float64(i) / 4
		fmt.Fprintf(c, `<path class="grid" d="M%.0f %.1fH%.0f"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, c.y(v), plotWidth-plotRight, plotLeft-8, c.y(v)+4, html.EscapeString(percent(v)))
	}
	for _, v := range xs {
		fmt.Fprintf(c, `<text x="%.1f" y="%.0f" text-anchor="middle">%s</text>`, c.x(v), bottom+18, html.EscapeString(format(v)))
	}
}

func (c *canvas) plot(title string, key ...string) plot {
	svg := fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`, plotWidth, plotHeight, html.EscapeString(title), c.String())
	return plot{Title: title, SVG: template.HTML(svg), Key: key} //nolint:gosec // all texts in it are escaped
}

// histogram draws how values are spread: the shares of all within equal steps between
// their outermost hundredths, what is outside of these in the first and last one.
func histogram(title string, all []series) plot {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range all {
		low, high = min(low, stat.Quantile(.005, s.values)), max(high, stat.Quantile(.995, s.values))
	}
	if low == high {
		low, high = low-.5, high+.5
	}
	shares := make([][]float64, len(all))
	c := &canvas{fromX: low, toX: high}
	for i, s := range all {
		shares[i] = make([]float64, bins)
		for _, v := range s.values {
			at := min(max(int((v-low)/(high-low)*bins), 0), bins-1)
			shares[i][at] += 1 / float64(len(s.values))
		}
		c.toY = max(c.toY, slices.Max(shares[i]))
	}
	ticks := make([]float64, 6)
	for i := range ticks {
		ticks[i] = low + (high-low)*float64(i)/5
	}
	c.axes(ticks, figure)
	var names []string
	step := (high - low) / bins
	for i, s := range all {
		names = append(names, s.name)
		for k, share := range shares[i] {
			x0, x1 := c.x(low+float64(k)*step), c.x(low+float64(k+1)*step)
			wide := (x1 - x0 - 1) / float64(len(all))
			fmt.Fprintf(c, `<rect class="s%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, i, x0+wide*float64(i), c.y(share), wide, c.y(0)-c.y(share))
		}
	}
	return c.plot(title, names...)
}

// curves draws the cumulative shares of durations over a logarithmic axis.
func curves(title string, first, second *stat.Durations, firstName, secondName string) plot {
	low := max(min(first.Quantile(.001), second.Quantile(.001)), 1e-3)
	high := max(first.Quantile(.999), second.Quantile(.999), 2*low)
	c := &canvas{fromX: low, toX: high, toY: 1, logX: true}
	ticks := make([]float64, 6)
	for i := range ticks {
		ticks[i] = low * math.Pow(high/low, float64(i)/5)
	}
	c.axes(ticks, millis)
	for i, d := range []*stat.Durations{first, second} {
		var points []string
		for k := range 201 {
			ms := low * math.Pow(high/low, float64(k)/200)
			points = append(points, fmt.Sprintf("%.1f %.1f", c.x(ms), c.y(d.Share(ms))))
		}
		fmt.Fprintf(c, `<path class="l%d" d="M%s"/>`, i, strings.Join(points, "L"))
	}
	return c.plot(title, firstName, secondName)
}
