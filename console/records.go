package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/records"
)

// mostRecords is how many records the page shows.
const mostRecords = 200

// recordsPage is the newest records that a filter lets through.
type recordsPage struct {
	Query     url.Values
	Endpoints []string
	Rows      []recordRow
	Problem   string
	None      bool // no records are kept
	Outcomes  []string
}

// recordRow is one record in a list.
type recordRow struct {
	records.Record
	Agrees string // yes, no, or empty when nothing was compared
}

// Given is what the filter says.
func (p recordsPage) Given(key string) string { return p.Query.Get(key) }

// Took is the duration in words.
func (r recordRow) Took() string {
	return latency(time.Duration(r.Duration * float64(time.Millisecond)))
}

// Body is what was captured of a request or an answer, as it is shown.
func (r recordRow) Body(captured string) string { return capturedBody(captured) }

func newRecordRow(r records.Record) recordRow {
	row := recordRow{Record: r}
	switch r.Agree {
	case records.Agrees:
		row.Agrees = "yes"
	case records.Differs:
		row.Agrees = "no"
	case records.NotCompared:
	}
	return row
}

func (c *Console) showRecords(v *visit) {
	page := c.records(v.r.URL.Query())
	v.show(http.StatusOK, "records", "Records", "records", "/console/events/records?"+v.r.URL.RawQuery, page)
}

func (c *Console) records(query url.Values) recordsPage {
	page := recordsPage{Query: query, None: c.o.Recent == nil, Outcomes: []string{records.OK, records.Error, records.Canceled, records.Dropped}}
	if s := c.o.Snapshot(); s != nil {
		for _, e := range s.Endpoints() {
			page.Endpoints = append(page.Endpoints, e.Name)
		}
	}
	given := url.Values{}
	for _, key := range []string{"endpoint", "backend", "role", "outcome", "status", "request", "since"} {
		if value := query.Get(key); value != "" {
			given.Set(key, value)
		}
	}
	filter, err := records.ParseFilter(given, c.now())
	if err != nil {
		page.Problem = sentence(err.Error())
		return page
	}
	page.Rows = c.newest(mostRecords, filter)
	return page
}

// newest are the newest records that a filter lets through, the newest first.
func (c *Console) newest(most int, filter records.Filter) []recordRow {
	if c.o.Recent == nil {
		return nil
	}
	var d records.Decoder
	var rows []recordRow
	for _, line := range c.o.Recent.Newest(most, filter).Lines {
		var r records.Record
		if d.Decode(line, &r) == nil && r.Event == records.Inference {
			rows = append(rows, newRecordRow(r))
		}
	}
	slices.Reverse(rows)
	return rows
}

func (c *Console) streamRecords(w http.ResponseWriter, r *http.Request) {
	c.stream(w, r, "records", func() any { return c.records(r.URL.Query()) })
}

// requestPage is all records of one request: the live one and its copies'.
type requestPage struct {
	ID   string
	Rows []recordRow
}

// showRequest shows the records of a request, whose id is in the query: callers choose it, and
// a path would not hold each.
func (c *Console) showRequest(v *visit) {
	page := requestPage{ID: cmp.Or(v.r.URL.Query().Get("id"), v.r.PathValue("id"))}
	page.Rows = c.ofRequest(page.ID)
	if len(page.Rows) == 0 {
		v.fail(http.StatusNotFound, "No record of this request is kept in memory any more. The log has it.")
		return
	}
	v.show(http.StatusOK, "request", "Request "+page.ID, "records", "", page)
}

// ofRequest are the records of one request, the live one first.
func (c *Console) ofRequest(id string) []recordRow {
	rows := c.newest(mostRecords, records.Filter{RequestID: id})
	slices.SortStableFunc(rows, func(a, b recordRow) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Backend, b.Backend)) // live comes before mirror
	})
	return rows
}

// capturedBody is a captured body as people read it: JSON indented.
func capturedBody(captured string) string {
	var c struct {
		Body       json.RawMessage `json:"body"`
		BodyBase64 string          `json:"bodyBase64"`
		Bytes      int64           `json:"bytes"`
		Truncated  bool            `json:"truncated"`
	}
	if json.Unmarshal([]byte(captured), &c) != nil {
		return captured
	}
	text := c.BodyBase64
	if text != "" {
		text = "base64: " + text
	}
	if len(c.Body) > 0 {
		text = indented(c.Body)
	}
	if c.Truncated {
		text += "\n… cut; the whole has " + strconv.FormatInt(c.Bytes, 10) + " bytes"
	}
	return text
}

// indented is JSON with its structure shown, and any other text as it is.
func indented(text []byte) string {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		return plain
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}
