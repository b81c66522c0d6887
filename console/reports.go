package console

import (
	"bytes"
	"net/http"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// reportPolicy is the policy for a report: it stands alone, with its styles in it,
// and nothing in it runs or is loaded.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// mostReported is how many records a report is made of. It is above what the
// memory for them usually holds.
const mostReported = 1_000_000

// showReport is the report about a mirror, of the records in memory, against its
// gates.
func (c *Console) showReport(v *visit) {
	name, mirror := v.r.PathValue("name"), v.r.PathValue("mirror")
	declared := c.mirror(name, mirror)
	if declared == nil {
		v.fail(http.StatusNotFound, "No mirror of the name "+mirror+" gets copies of requests to "+name+".")
		return
	}
	collector := report.NewCollector(report.Options{Endpoint: name})
	var d records.Decoder
	if c.o.Recent != nil {
		for _, line := range c.o.Recent.Newest(mostReported, records.Filter{Endpoint: name}).Lines {
			var r records.Record
			if d.Decode(line, &r) == nil && r.Event == records.Inference {
				collector.Add(&r)
			}
		}
	}
	if !collector.Has(mirror) {
		v.fail(http.StatusNotFound, "There are no records of the mirror "+mirror+" in memory, so that there is nothing to report. Call the endpoint first.")
		return
	}
	made := collector.Report(mirror, declared.Gates)
	made.Notes = append(made.Notes, "Made of the records that this gateway keeps in memory; switchyard report takes log files as well.")
	var page bytes.Buffer
	if err := report.Print(&page, made, report.FormatHTML, false); err != nil {
		v.fail(http.StatusInternalServerError, "The report cannot be made.", err.Error())
		return
	}
	v.w.Header().Set("Content-Security-Policy", reportPolicy)
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = v.w.Write(page.Bytes()) // the viewer left
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
