package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/console/beside"
	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/records"
)

// tryPage is a request that is made up here, and what came of it.
type tryPage struct {
	Name     string
	Method   string
	Rest     string
	Headers  string
	Body     string
	Mirrors  []part
	May      bool // who looks may send it
	Problems []string
	Answer   *answer
	Copies   []tried
	Waited   bool // some mirror has no record yet
}

// tried is what became of a copy.
type tried struct {
	recordRow
	Lines  []beside.Line // of its answer, beside the live one
	Cut    bool
	Marked bool // the whole of both answers is there, so that what differs is marked
	Same   bool // the answers are the same, whatever the rules of comparison leave out
}

// answer is what a caller got.
type answer struct {
	Status  int
	Backend string
	ID      string
	Took    string
	Header  []string
	Lines   []beside.Line
	Cut     bool
	Live    *recordRow // nil: its record is not there
	body    []byte
}

const (
	mostTried   = 256 << 10        // bytes of an answer that are shown
	tryWithin   = 60 * time.Second // for the answer
	copiesAfter = 5 * time.Second  // for the records of copies after it
)

func (c *Console) showTry(v *visit) {
	name := v.r.PathValue("name")
	e := c.endpoint(name)
	if e == nil {
		v.fail(http.StatusNotFound, "No endpoint of the name "+name+" serves.")
		return
	}
	page := tryPage{
		Name: name, Method: http.MethodPost, Headers: "Content-Type: application/json", Body: `{"data": 10}`,
		May: v.o.Write && v.session != nil && v.session.User.Editor(),
	}
	_, page.Mirrors = parts(e)
	v.show(http.StatusOK, "try", "Try "+name, "endpoints", "", page)
}

// send makes the request of a form as a caller would, in this process.
func (c *Console) send(v *visit) {
	name, form := v.r.PathValue("name"), v.r.PostForm
	e := c.endpoint(name)
	if e == nil {
		v.fail(http.StatusNotFound, "No endpoint of the name "+name+" serves.")
		return
	}
	page := tryPage{
		Name: name, Method: form.Get("method"), Rest: form.Get("rest"), Headers: draft.LineFeeds(form.Get("headers")), Body: form.Get("body"), May: true,
	}
	_, page.Mirrors = parts(e)
	ctx, cancel := context.WithTimeout(v.r.Context(), tryWithin)
	defer cancel()
	r, err := page.request(ctx)
	if err != nil {
		page.Problems = append(page.Problems, sentence(err.Error()))
		v.show(http.StatusUnprocessableEntity, "try", "Try "+name, "endpoints", "", page)
		return
	}
	var heard answers
	if c.o.Watch != nil {
		defer c.o.Watch(r.Header.Get("X-Request-Id"), heard.add)()
	}
	page.Answer = c.call(r)
	rows := c.copiesOf(v.r.Context(), page.Answer.ID, 1+len(page.Mirrors))
	page.Waited = len(rows) < 1+len(page.Mirrors)
	page.compare(rows, &heard)
	v.show(http.StatusOK, "try", "Try "+name, "endpoints", "", page)
}

// answers are those of mirrors, as they come.
type answers struct {
	mu  sync.Mutex
	all map[string]gateway.MirrorAnswer
}

func (a *answers) add(m gateway.MirrorAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]gateway.MirrorAnswer{}
	}
	a.all[m.Mirror] = m
}

func (a *answers) of(mirror string) (gateway.MirrorAnswer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.all[mirror]
	return m, ok
}

// compare puts the answers beside each other. A line of the live one is marked if
// any mirror says something else there.
func (p *tryPage) compare(rows []recordRow, heard *answers) {
	p.Answer.Lines = beside.Text(p.Answer.body)
	for i := range rows {
		if rows[i].Role == records.Live {
			p.Answer.Live = &rows[i]
			continue
		}
		t := tried{recordRow: rows[i]}
		if m, ok := heard.of(rows[i].Backend); ok {
			t.Cut, t.Marked = m.Cut, !m.Cut && !p.Answer.Cut
			p.put(&t, m.Body)
		}
		p.Copies = append(p.Copies, t)
	}
}

// put puts the answer of a mirror beside the live one. Of the beginning of an answer nobody
// can tell what is the same.
func (p *tryPage) put(t *tried, body []byte) {
	if !t.Marked {
		t.Lines = beside.Text(body)
		return
	}
	live, mirror := beside.Lines(p.Answer.body, body)
	t.Lines, t.Same = mirror, true
	for k, l := range live {
		t.Same = t.Same && !l.Differs
		if k < len(p.Answer.Lines) {
			p.Answer.Lines[k].Differs = p.Answer.Lines[k].Differs || l.Differs
		}
	}
}

// request is the request that the form describes.
func (p tryPage) request(ctx context.Context) (*http.Request, error) {
	rest := p.Rest
	if rest != "" && !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "?") {
		rest = "/" + rest
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, "http://console.internal/v1/"+p.Name+rest, strings.NewReader(p.Body))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(p.Headers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q is no header; write NAME: VALUE", line)
		}
		r.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if r.Header.Get("X-Request-Id") == "" {
		r.Header.Set("X-Request-Id", "console-"+rand.Text())
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	return r, nil
}

// call has the gateway answer.
func (c *Console) call(r *http.Request) *answer {
	w := &recorder{header: http.Header{}}
	began := time.Now()
	c.serve(w, r)
	a := &answer{Status: w.status, Backend: w.sent.Get("X-Switchyard-Backend"), ID: w.sent.Get("X-Request-Id"), Took: latency(time.Since(began))}
	if a.ID == "" {
		a.ID = r.Header.Get("X-Request-Id")
	}
	for name, values := range w.sent {
		a.Header = append(a.Header, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(a.Header)
	a.Cut = w.cut
	a.body = w.body.Bytes()
	return a
}

// recorder is a caller who remembers the beginning of an answer.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the answer began; the gateway uses its memory again
	status int
	body   bytes.Buffer
	cut    bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status, r.sent = status, r.header.Clone()
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	room := mostTried - r.body.Len()
	r.cut = r.cut || len(p) > room
	r.body.Write(p[:min(len(p), room)])
	return len(p), nil
}

// Flush does nothing: there is nobody who waits.
func (r *recorder) Flush() {}

// serve is the gateway, whose way to cut a connection is a panic.
func (c *Console) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if reason := recover(); reason != nil && reason != http.ErrAbortHandler { //nolint:errorlint // it is the very value
			panic(reason)
		}
	}()
	c.o.Gateway.ServeHTTP(w, r)
}

// copiesOf waits for the records of a request and its copies.
func (c *Console) copiesOf(ctx context.Context, id string, want int) []recordRow {
	ctx, cancel := context.WithTimeout(ctx, copiesAfter)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		rows := c.ofRequest(id)
		if len(rows) >= want || c.o.Recent == nil {
			return rows
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return rows
		}
	}
}
