package recent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	followLimit  = 10               // lines of before that a follower gets if it does not say
	writeTimeout = 10 * time.Second // for a follower to take what it is sent
)

// Fields of answers.
const (
	HeaderSince     = "X-Switchyard-Records-Since"      // how far back the records go, see [Ring.Since]
	HeaderPushedOut = "X-Switchyard-Records-Pushed-Out" // how many older ones there were, see [Ring.PushedOut]
)

// query is what is asked for by the query of a URL.
type query struct {
	filter records.Filter
	limit  int
	follow bool
}

// ServeHTTP answers with the newest records that the query means, as lines of JSON in
// the order in which they came. The parameters are those of records.ParseFilter,
// limit, and follow=1: then it goes on with the lines that come, until the caller
// leaves. What a follower is too slow for is one line, with the event lost. HeaderSince
// and HeaderPushedOut are about all records, of which the query may mean some.
func (r *Ring) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	q, err := r.parseQuery(req.URL.Query(), time.Now())
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the caller left
		return
	}
	b := r.Newest(q.limit, q.filter)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(HeaderSince, r.Since().UTC().Format(time.RFC3339Nano)) // after Newest: what it took has not been let go since
	w.Header().Set(HeaderPushedOut, strconv.FormatUint(r.PushedOut(), 10))
	if err := send(w, b.Lines); err == nil && q.follow {
		r.follow(w, req, q.filter, b.Next)
	}
}

// send writes lines, within the time that a reader has to take them.
func send(w http.ResponseWriter, lines [][]byte) error {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // what cannot have one is no connection
	if _, err := w.Write(slices.Concat(lines...)); err != nil {
		return err
	}
	return control.Flush()
}

// follow writes lines from a number on as they come, until the caller leaves.
func (r *Ring) follow(w http.ResponseWriter, req *http.Request, f records.Filter, next uint64) {
	match := matcher(f)
	for {
		select {
		case <-r.After(next):
		case <-req.Context().Done():
			return
		}
		b := r.Read(next)
		next = b.Next
		lines := slices.DeleteFunc(b.Lines, func(line []byte) bool { return !match(line) })
		if b.Missed > 0 {
			lines = slices.Insert(lines, 0, lost(b.Missed))
		}
		if send(w, lines) != nil {
			return
		}
	}
}

// lost is the line that tells a reader how many lines it missed.
func lost(n uint64) []byte {
	return fmt.Appendf(nil, "{%q:%q,%q:\"warn\",%q:%q,%q:%d}\n", record.FieldTime, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		record.FieldLevel, record.FieldEvent, record.EventLost, record.FieldCount, n)
}

func (r *Ring) parseQuery(given url.Values, now time.Time) (query, error) {
	known := append(records.FilterKeys(), "limit", "follow")
	for name, values := range given {
		if !slices.Contains(known, name) {
			return query{}, unknown(name, known)
		}
		if len(values) > 1 {
			return query{}, fmt.Errorf("%s is given %d times", name, len(values))
		}
	}
	f, err := records.ParseFilter(given, now)
	if err != nil {
		return query{}, err
	}
	q := query{filter: f, limit: len(r.spans)}
	switch given.Get("follow") {
	case "", "0", "false":
	case "1", "true":
		q.follow, q.limit = true, followLimit
	default:
		return q, fmt.Errorf("follow: %q is neither 1 nor 0", given.Get("follow"))
	}
	if s := given.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return q, fmt.Errorf("limit: %q is no number of lines", s)
		}
		q.limit = n
	}
	return q, nil
}

func unknown(name string, known []string) error {
	if near, ok := schema.Nearest(name, known); ok {
		return fmt.Errorf("there is no parameter %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("there is no parameter %q; there are %s", name, strings.Join(known, ", "))
}
