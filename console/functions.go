package console

import (
	"fmt"
	"html/template"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/console/chart"
	"github.com/switchyard-gateway/switchyard/schema"
)

// functions are what the templates call.
var functions = template.FuncMap{
	"short":   short,
	"ago":     ago,
	"at":      at,
	"moment":  moment,
	"percent": chart.Percent,
	"class":   chart.Class,
	"number":  number,
	"exact":   exact,
	"editor":  editor,
	"latency": latency,
	"count":   count,
	"plural":  plural,
	"join":    strings.Join,
	"dict":    dict,
}

// dict is a template's way to give another one more than one value: names and
// values by turns.
func dict(pairs ...any) map[string]any {
	d := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return d
}

// short is a commit as it is shown.
func short(commit string) string { return commit[:min(len(commit), 10)] }

// ago is a time as the time since then; the script goes on counting, and tells
// the time in the viewer's zone.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	return stamp(t, "ago", since(time.Since(t)))
}

// at is a time in UTC; the script makes it one in the viewer's zone.
func at(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	return stamp(t, "at", t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// moment is a time to the millisecond; the script leaves the date out if it is today.
func moment(t time.Time) template.HTML {
	return stamp(t, "moment", t.UTC().Format("2006-01-02 15:04:05.000 UTC"))
}

func stamp(t time.Time, kind, text string) template.HTML {
	utc := t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-show="%s" title="%s">%s</time>`, //nolint:gosec // it is made of a time
		utc.Format(time.RFC3339Nano), kind, utc.Format("2006-01-02 15:04:05 UTC"), text))
}

// since is a duration as people say it.
func since(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// number is a number without more digits than say something.
func number(f float64) string {
	switch {
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case math.Abs(f) >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case math.Abs(f) >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// exact is a number with all its digits: what stands in a field is what the document
// says, so that a field that nobody touches changes nothing.
func exact(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// editor is the page on which the document can be changed that a problem is in; empty:
// there is none.
func editor(d schema.Diagnostic) string {
	name := strings.TrimSuffix(path.Base(d.File), path.Ext(d.File))
	if d.Branch != "" || path.Dir(d.File) != schema.EndpointsFolder || !schema.IsEndpointName(name) {
		return ""
	}
	return "/console/endpoints/" + name + "/change"
}

// latency is a duration in the unit that suits it.
func latency(d time.Duration) string {
	switch {
	case d < time.Second:
		return number(float64(d.Microseconds())/1000) + " ms"
	case d < time.Minute:
		return number(math.Round(d.Seconds()*100)/100) + " s"
	}
	return d.Round(time.Second).String()
}

// count is a count in thousands or millions if it is large.
func count(n uint64) string {
	switch {
	case n < 10_000:
		return strconv.FormatUint(n, 10)
	case n < 10_000_000:
		return number(math.Round(float64(n)/100)/10) + "k"
	}
	return number(math.Round(float64(n)/100_000)/10) + "M"
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
