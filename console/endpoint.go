package console

import (
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/console/chart"
	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/schema"
)

// endpointPage is all about one endpoint.
type endpointPage struct {
	Name     string
	Kind     string
	Paths    []string
	Key      string
	Sampling string
	Timeout  string
	Live     endpointLive
	Replicas []gateway.ReplicaHealth
	Open     []string // mirrors that are left alone for their failures
	Versions []resolution
	Calls    calls
	Path     string // of the document
	Source   []sourceLine
	Writes   bool
	Gone     bool // it does not serve any more
}

// endpointLive is what moves on the page.
type endpointLive struct {
	Name      string
	View      view
	Backends  []part
	Mirrors   []part
	Bar       template.HTML
	Requests  template.HTML
	Errors    template.HTML
	Latencies template.HTML
	Agreement template.HTML // empty: nothing was compared
	Any       bool
	Judged    []judgement
}

// span is how far back the charts go.
type span struct {
	Name    string
	Long    string
	Query   string // of the page that shows it
	Current bool
	Points  int
	Steps   int // of the series in a point
	Ago     []string
}

// percentile is one of latencies.
type percentile struct {
	Name    string // such as p90
	Long    string
	Query   string // of the page that shows it
	Current bool
	Share   float64
}

// view is how charts are looked at.
type view struct {
	Spans       []span
	Span        span
	Percentiles []percentile
	Percentile  percentile
}

// viewOf is the view that a query asks for.
func viewOf(query url.Values) view {
	v := view{Percentiles: []percentile{
		{Name: "p50", Long: "50th percentile", Share: 0.5},
		{Name: "p90", Long: "90th percentile", Share: 0.9},
		{Name: "p99", Long: "99th percentile", Share: 0.99},
	}}
	v.Spans, v.Span = spans(query.Get("span"))
	v.Percentile = v.Percentiles[1]
	for _, p := range v.Percentiles {
		if p.Name == query.Get("latency") {
			v.Percentile = p
		}
	}
	of := func(s span, p percentile) string {
		return "?" + url.Values{"span": {s.Name}, "latency": {p.Name}}.Encode()
	}
	for i := range v.Spans {
		v.Spans[i].Query = of(v.Spans[i], v.Percentile)
	}
	for i := range v.Percentiles {
		p := &v.Percentiles[i]
		p.Query, p.Current = of(v.Span, *p), p.Name == v.Percentile.Name
	}
	v.Percentile.Query = of(v.Span, v.Percentile)
	return v
}

// spans are those that can be chosen, the first one by default.
func spans(chosen string) (all []span, current span) {
	all = []span{
		{Name: "10m", Long: "10 minutes", Points: 120, Steps: 1, Ago: []string{"10 min ago", "5 min", "now"}},
		{Name: "1h", Long: "1 hour", Points: 120, Steps: 6, Ago: []string{"1 h ago", "30 min", "now"}},
	}
	for i := range all {
		if all[i].Name == chosen {
			all[i].Current = true
			return all, all[i]
		}
	}
	all[0].Current = true
	return all, all[0]
}

func (c *Console) showEndpoint(v *visit) {
	name := v.r.PathValue("name")
	e := c.endpoint(name)
	if e == nil {
		v.fail(http.StatusNotFound, "No endpoint of the name "+name+" serves.")
		return
	}
	kept, _ := c.o.Revisions(v.r.Context()) // without them nobody is named, and no time
	page := endpointPage{
		Name: name, Kind: kind(e), Paths: []string{"/v1/" + name}, Key: keyText(e.Assignment), Sampling: keyText(e.Sampling),
		Timeout: timeoutText(e.Timeout), Versions: c.resolutions(kept, e), Calls: c.calls(v.r, e),
		Writes: v.o.Write && v.session != nil && v.session.User.Editor(),
	}
	if e.Path != "" {
		page.Paths = append(page.Paths, e.Path)
	}
	chosen := viewOf(v.r.URL.Query())
	page.Live = c.endpointLive(e, chosen)
	page.Replicas, page.Open = c.o.Health(name)
	if doc, ok := draft.Find(v.follow.LiveRevision, name); ok {
		page.Path, page.Source = doc.Path, c.source(kept, doc, v.follow)
	}
	v.show(http.StatusOK, "endpoint", name, "endpoints", "/console/events/endpoints/"+name+chosen.Percentile.Query, page)
}

// timeoutText is how long an attempt may take, in words.
func timeoutText(t schema.Timeout) string {
	var parts []string
	for _, bound := range []struct {
		what string
		d    time.Duration
	}{
		{"to connect", t.Connect},
		{"to the first byte", t.FirstByte},
		{"of silence", t.Idle},
		{"for a plain answer", t.Plain},
		{"in all", t.Total},
	} {
		if bound.d > 0 {
			parts = append(parts, durationText(bound.d)+" "+bound.what)
		}
	}
	if len(parts) == 0 {
		return durationText(schema.DefaultTimeout) + " for a plain answer, if the version does not say otherwise"
	}
	return strings.Join(parts, ", ")
}

// durationText is a duration without the zeros at its end: 1m, not 1m0s.
func durationText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if short, ok := strings.CutSuffix(text, zero); ok {
			text = short + zero[:1]
		}
	}
	return text
}

func (c *Console) endpoint(name string) *endpoints.Endpoint {
	if s := c.o.Snapshot(); s != nil {
		return s.Endpoint(name)
	}
	return nil
}

// endpointLive is what moves, as it is now.
func (c *Console) endpointLive(e *endpoints.Endpoint, chosen view) endpointLive {
	over := chosen.Span
	l := endpointLive{Name: e.Name, View: chosen, Judged: c.judgementsOf(e)}
	l.Backends, l.Mirrors = parts(e)
	now := c.now()
	window := time.Duration(over.Points*over.Steps) * c.o.Series.Step()
	requests := chart.Chart{Title: "Requests per second", Unit: number, Ago: over.Ago, Least: 1}
	failures := chart.Chart{Title: "Errors", Unit: chart.Percent, Ago: over.Ago, Least: 0.01}
	latencies := chart.Chart{Title: "Latency, " + chosen.Percentile.Long, Unit: milliseconds, Ago: over.Ago, Least: 1}
	agreement := chart.Chart{Title: "Agreement of mirrors", Unit: chart.Percent, Ago: over.Ago, Least: 1}
	compared := false
	var bar []chart.Part
	for _, list := range [][]part{l.Backends, l.Mirrors} {
		for i := range list {
			p := &list[i]
			k := series.Key{Endpoint: e.Name, Name: p.Name, Mirror: p.Mirror}
			p.Now = c.o.Series.Total(k, now, window)
			points := c.o.Series.Points(k, now, over.Points, over.Steps)
			l.Any = l.Any || p.Now.Requests > 0
			requests.Lines = append(requests.Lines, p.line(points, (*series.Point).Rate))
			failures.Lines = append(failures.Lines, p.line(points, orNaN((*series.Point).ErrorRate)))
			latencies.Lines = append(latencies.Lines, p.line(points, func(at *series.Point) float64 {
				d, ok := at.Quantile(chosen.Percentile.Share)
				return unless(!ok, float64(d.Microseconds())/1000)
			}))
			if p.Mirror {
				agreement.Lines = append(agreement.Lines, p.line(points, orNaN((*series.Point).Agreement)))
				compared = compared || p.Now.Compared > 0
			} else {
				bar = append(bar, chart.Part{Label: p.Name, Share: p.Share, Color: p.Color})
			}
		}
	}
	l.Bar = chart.Bar(bar)
	l.Requests, l.Errors, l.Latencies = requests.SVG(), failures.SVG(), latencies.SVG()
	if compared {
		l.Agreement = agreement.SVG()
	}
	return l
}

// line is what a chart draws of a backend or mirror.
func (p part) line(points []series.Point, value func(*series.Point) float64) chart.Line {
	l := chart.Line{Label: p.Name, Color: p.Color, Dashed: p.Mirror, Values: make([]float64, len(points))}
	for i := range points {
		l.Values[i] = value(&points[i])
	}
	return l
}

func orNaN(share func(*series.Point) (float64, bool)) func(*series.Point) float64 {
	return func(p *series.Point) float64 {
		f, ok := share(p)
		return unless(!ok, f)
	}
}

func unless(missing bool, f float64) float64 {
	if missing {
		return math.NaN()
	}
	return f
}

func milliseconds(ms float64) string { return latency(time.Duration(ms * float64(time.Millisecond))) }
