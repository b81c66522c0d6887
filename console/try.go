package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
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
	Rows     []recordRow
	Waited   bool // some mirror has no record yet
}

// answer is what a caller got.
type answer struct {
	Status  int
	Backend string
	ID      string
	Took    string
	Header  []string
	Body    string
	Cut     bool
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
		Name: name, Method: form.Get("method"), Rest: form.Get("rest"), Headers: unixLines(form.Get("headers"), false), Body: form.Get("body"), May: true,
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
	page.Answer = c.call(r)
	page.Rows = c.copiesOf(v.r.Context(), page.Answer.ID, 1+len(page.Mirrors))
	page.Waited = len(page.Rows) < 1+len(page.Mirrors)
	v.show(http.StatusOK, "try", "Try "+name, "endpoints", "", page)
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
	a := &answer{Status: w.status, Backend: w.Header().Get("X-Switchyard-Backend"), ID: w.Header().Get("X-Request-Id"), Took: latency(time.Since(began))}
	if a.ID == "" {
		a.ID = r.Header.Get("X-Request-Id")
	}
	for name, values := range w.Header() {
		a.Header = append(a.Header, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(a.Header)
	a.Cut = w.cut
	a.Body = indented(bytes.ToValidUTF8(w.body.Bytes(), []byte("\ufffd")))
	return a
}

// recorder is a caller who remembers the beginning of an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	cut    bool
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
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
