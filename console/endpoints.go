package console

import (
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/console/chart"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/endpoints"
)

// rowsOfPage is how many endpoints stand on one page of the list.
const rowsOfPage = 100

// The list shows the last ten minutes, of which the last minute in numbers.
const (
	listSpan   = 10 * time.Minute
	listPoints = 40
	listRecent = time.Minute
)

// listPage is the list of endpoints.
type listPage struct {
	Query    string
	Total    int // endpoints that serve
	Found    int // of them, that match the query
	Rows     []row
	From, To int // which of those found are shown
	Previous string
	Next     string
	Writes   bool
	CallURL  string
}

// row is an endpoint in the list.
type row struct {
	Name     string
	Kind     string // alias or split
	Path     string
	Key      string // what callers are told apart by; empty: nothing
	Backends []part
	Bar      template.HTML
	Mirrors  []part
	Traffic  traffic
}

// part is a backend or a mirror.
type part struct {
	Name    string
	Target  string // what answers, such as main/pricing 7
	Alias   string // by which alias that is; empty: by number
	Static  bool
	Weight  float64
	Share   float64
	Percent float64
	Color   int
	Mirror  bool
	Now     series.Point
}

// traffic is what came to an endpoint lately.
type traffic struct {
	Spark   template.HTML
	Rate    float64 // requests per second
	Any     bool    // there were requests in the last minutes
	Errors  float64
	Failing bool // the share of errors is worth a look
	P90     time.Duration
}

func (c *Console) showEndpoints(v *visit) {
	page := c.list(v.r.URL.Query())
	page.Writes = v.o.Write && v.session != nil && v.session.User.Editor()
	v.show(200, "endpoints", "Endpoints", "endpoints", "/console/events/endpoints?"+v.r.URL.RawQuery, page)
}

// list is the page that a query asks for.
func (c *Console) list(query url.Values) listPage {
	page := listPage{Query: strings.TrimSpace(query.Get("q")), CallURL: c.o.CallURL}
	s := c.o.Snapshot()
	if s == nil {
		return page
	}
	all := s.Endpoints()
	page.Total = len(all)
	found := all
	if page.Query != "" {
		found = nil
		for _, e := range all {
			if matches(e, strings.ToLower(page.Query)) {
				found = append(found, e)
			}
		}
	}
	page.Found = len(found)
	n, _ := strconv.Atoi(query.Get("page"))
	n = min(max(n, 1), max(1, (len(found)+rowsOfPage-1)/rowsOfPage))
	begin, end := (n-1)*rowsOfPage, min(n*rowsOfPage, len(found))
	page.From, page.To = min(begin+1, end), end
	link := func(n int) string { return "/?" + url.Values{"q": {page.Query}, "page": {strconv.Itoa(n)}}.Encode() }
	if n > 1 {
		page.Previous = link(n - 1)
	}
	if end < len(found) {
		page.Next = link(n + 1)
	}
	now := c.now()
	for _, e := range found[begin:end] {
		page.Rows = append(page.Rows, c.row(e, now))
	}
	return page
}

// matches reports whether an endpoint has a text in its name, its path, or what
// answers it.
func matches(e *endpoints.Endpoint, text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if has(e.Name) || has(e.Path) {
		return true
	}
	for i := range e.Backends {
		b := &e.Backends[i]
		if has(b.Name) || b.Deployment != nil && (has(b.Deployment.Name) || has(b.Deployment.Branch)) {
			return true
		}
	}
	for i := range e.Mirrors {
		if m := &e.Mirrors[i]; has(m.Name) || has(m.Deployment.Name) || has(m.Deployment.Branch) {
			return true
		}
	}
	return false
}

func (c *Console) row(e *endpoints.Endpoint, now time.Time) row {
	r := row{Name: e.Name, Kind: kind(e), Path: e.Path, Key: keyText(e.Assignment)}
	r.Backends, r.Mirrors = parts(e)
	var bar []chart.Part
	var lines []chart.Line
	var sum series.Point
	steps := int(listSpan / c.o.Series.Step() / listPoints)
	for i := range r.Backends {
		b := &r.Backends[i]
		bar = append(bar, chart.Part{Label: b.Name, Share: b.Share, Color: b.Color})
		k := series.Key{Endpoint: e.Name, Name: b.Name}
		values := make([]float64, listPoints)
		for j, p := range c.o.Series.Points(k, now, listPoints, steps) {
			values[j] = p.Rate()
			r.Traffic.Any = r.Traffic.Any || p.Requests > 0
		}
		lines = append(lines, chart.Line{Label: b.Name, Values: values, Color: b.Color})
		b.Now = c.o.Series.Total(k, now, listRecent)
		sum.Add(&b.Now)
		sum.Span = b.Now.Span
	}
	for i := range r.Mirrors {
		r.Mirrors[i].Now = c.o.Series.Total(series.Key{Endpoint: e.Name, Name: r.Mirrors[i].Name, Mirror: true}, now, listSpan)
	}
	r.Bar = chart.Bar(bar)
	r.Traffic.Rate = sum.Rate()
	r.Traffic.Errors, _ = sum.ErrorRate()
	r.Traffic.Failing = r.Traffic.Errors >= 0.01
	r.Traffic.P90, _ = sum.Quantile(0.9)
	if r.Traffic.Any {
		r.Traffic.Spark = chart.Spark(lines, "requests to "+e.Name+" in the last 10 minutes, now "+number(r.Traffic.Rate)+" per second")
	}
	return r
}

func kind(e *endpoints.Endpoint) string {
	if len(e.Backends) > 1 {
		return "split"
	}
	return "alias"
}

func keyText(keys endpoints.Keys) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	return strings.Join(names, ", else ")
}

// parts are the backends and the mirrors of an endpoint, with a color for each.
func parts(e *endpoints.Endpoint) (backends, mirrors []part) {
	total := 0.0
	for i := range e.Backends {
		total += e.Backends[i].Weight
	}
	for i := range e.Backends {
		b := &e.Backends[i]
		p := part{Name: b.Name, Weight: b.Weight, Share: b.Weight / total, Color: i, Static: b.Deployment == nil}
		if math.IsNaN(p.Share) {
			p.Share = 0
		}
		if d := b.Deployment; d != nil {
			p.Target, p.Alias = d.Branch+"/"+d.Name+" "+strconv.Itoa(d.Number), d.Alias
		}
		backends = append(backends, p)
	}
	for i := range e.Mirrors {
		m := &e.Mirrors[i]
		mirrors = append(mirrors, part{
			Name: m.Name, Percent: m.Percent, Color: len(e.Backends) + i, Mirror: true,
			Target: m.Deployment.Branch + "/" + m.Deployment.Name + " " + strconv.Itoa(m.Deployment.Number), Alias: m.Deployment.Alias,
		})
	}
	return backends, mirrors
}

// AgreementText is how often a mirror agreed, in words; empty when nothing was
// compared.
func (p part) AgreementText() string {
	share, ok := p.Now.Agreement()
	if !ok {
		return ""
	}
	return chart.Percent(share)
}

// ErrorText is the share of errors, in words; empty when nothing came.
func (p part) ErrorText() string {
	share, ok := p.Now.ErrorRate()
	if !ok {
		return ""
	}
	return chart.Percent(share)
}

// Quantile is a latency in words; a dash when nothing came.
func (p part) Quantile(q float64) string {
	d, ok := p.Now.Quantile(q)
	if !ok {
		return "–"
	}
	return latency(d)
}
