package console

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// reportPolicy is the policy for a report: it stands alone, with its styles in it,
// and nothing in it runs or is loaded.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// reportEvery is after how many seconds a browser makes a report anew.
const reportEvery = "30"

// mostReported is how many records a report is made of. It is above what the
// memory for them usually holds.
const mostReported = 1_000_000

// ofMemory is what to know of reports that are made here, where there are records.
func (c *Console) ofMemory() string {
	return "Made of the records that this gateway keeps in memory, which reaches back to " + report.When(c.o.Recent.Since()) +
		", anew every " + reportEvery + " s; switchyard report takes log files as well."
}

// showReport is the report about a mirror, of the records in memory, against its
// gates.
func (c *Console) showReport(v *visit) {
	name, mirror := v.r.PathValue("name"), v.r.PathValue("mirror")
	declared := c.mirror(name, mirror)
	if declared == nil {
		v.fail(http.StatusNotFound, "No mirror of the name "+mirror+" gets copies of requests to "+name+".")
		return
	}
	collector := c.collect(name)
	if !collector.Has(mirror) {
		v.fail(http.StatusNotFound, "There are no records of the mirror "+mirror+" in memory, so that there is nothing to report. Call the endpoint first.")
		return
	}
	made := collector.Report(mirror, declared.Gates)
	made.Notes = append(made.Notes, c.ofMemory())
	var page bytes.Buffer
	v.report(&page, report.Print(&page, made, report.FormatHTML, false))
}

// showSplitReport is the report about the backends of a split.
func (c *Console) showSplitReport(v *visit) {
	name := v.r.PathValue("name")
	e := c.endpoint(name)
	if e == nil || len(e.Backends) < 2 || len(e.Backends) > report.MaxBackends {
		v.fail(http.StatusNotFound, "No split of the name "+name+" serves.")
		return
	}
	made, older := c.compareBackends(e, v.follow)
	if made == nil {
		v.fail(http.StatusNotFound, "There are no records of "+name+" in memory since what serves does, so that there is nothing to report. Call the endpoint first.")
		return
	}
	if older > 0 {
		made.Notes = append(made.Notes, plural(older, "record")+" of earlier revisions are left out, as weights may have been others.")
	}
	made.Notes = append(made.Notes, c.ofMemory())
	var page bytes.Buffer
	v.report(&page, report.Print(&page, made, report.FormatHTML, false))
}

// report answers with a report.
func (v *visit) report(page *bytes.Buffer, err error) {
	if err != nil {
		v.fail(http.StatusInternalServerError, "The report cannot be made.", err.Error())
		return
	}
	v.w.Header().Set("Content-Security-Policy", reportPolicy)
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Refresh", reportEvery)
	_, _ = v.w.Write(page.Bytes()) // the viewer left
}

// each gives the records of an endpoint that are in memory, the oldest first.
func (c *Console) each(name string, add func(*records.Record)) {
	if c.o.Recent == nil {
		return
	}
	var d records.Decoder
	for _, line := range c.o.Recent.Newest(mostReported, records.Filter{Endpoint: name}).Lines {
		var r records.Record
		if d.Decode(line, &r) == nil && r.Event == records.Inference {
			add(&r)
		}
	}
}

// collect reads the records of an endpoint that are in memory.
func (c *Console) collect(name string) *report.Collector {
	o := report.Options{Endpoint: name, Tolerances: map[string]report.Tolerance{}}
	if e := c.endpoint(name); e != nil {
		for i := range e.Mirrors {
			if compare := e.Mirrors[i].Compare; compare != nil && compare.Tolerance != nil {
				o.Tolerances[e.Mirrors[i].Name] = report.Tolerance(*compare.Tolerance)
			}
		}
	}
	collector := report.NewCollector(o)
	c.each(name, collector.Add)
	return collector
}

// compareBackends compares the backends of a split since its weights are what they
// are, as far as is known: by the records of the revision that serves. older
// counts the others. It is nil without any.
func (c *Console) compareBackends(e *endpoints.Endpoint, follow Following) (made *report.Split, older int) {
	o := report.SplitOptions{Endpoint: e.Name, Weights: map[string]float64{}}
	for i := range e.Backends {
		if b := &e.Backends[i]; b.Weight > 0 {
			o.Backends = append(o.Backends, b.Name)
			o.Weights[b.Name] = b.Weight
		}
	}
	splits, found := report.NewSplits(o), false
	c.each(e.Name, func(r *records.Record) {
		switch {
		case r.Role != records.Live || !slices.Contains(o.Backends, r.Backend):
		case follow.Live != nil && r.Commit != follow.Live.Commit:
			older++
		default:
			found = true
			splits.Add(r)
		}
	})
	if !found || len(o.Backends) < 2 {
		return nil, older
	}
	return splits.Report(), older
}

// mirror is a mirror that serves; nil if there is none.
func (c *Console) mirror(endpoint, name string) *endpoints.Mirror {
	e := c.endpoint(endpoint)
	if e == nil {
		return nil
	}
	for i := range e.Mirrors {
		if e.Mirrors[i].Name == name {
			return &e.Mirrors[i]
		}
	}
	return nil
}
