package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// webhook is what copies go without in these tests.
const webhook = "response_webhook"

// removing is the edits of a mirror that does not get these members.
func removing(names ...string) []*edit.Edit {
	var b deployments.Body
	for _, name := range names {
		b.Remove = append(b.Remove, "/"+name)
	}
	return []*edit.Edit{edit.New(b)}
}

// remover is an engine with one mirror, that keeps what the mirror got.
type remover struct {
	*mirror.Engine
	pool    *deployments.Pool
	group   *deployments.Group
	got     chan *http.Request // capacity 1; its body is in bodies
	bodies  chan []byte        // capacity 1
	records chan record.Record // capacity 1
}

func newRemover(tb testing.TB) *remover {
	tb.Helper()
	r := &remover{got: make(chan *http.Request, 1), bodies: make(chan []byte, 1), records: make(chan record.Record, 1)}
	r.Engine = mirror.NewEngine(mirror.Options{Done: func(c *mirror.Copy) { r.records <- c.Record }})
	r.pool = deployments.NewPool(transport(r.take).over())
	u := &url.URL{Scheme: "http", Host: "mirror.invalid"}
	r.group = r.pool.Bind(&deployments.Version{URLs: []*url.URL{u}}, deployments.Use{Endpoint: "e", Mirror: "m"})
	tb.Cleanup(func() {
		if err := r.Drain(context.Background()); err != nil {
			tb.Error(err)
		}
		r.pool.Close()
		if n := r.Captured(); n != 0 {
			tb.Errorf("%d bytes are captured at rest", n)
		}
	})
	return r
}

func (r *remover) take(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err == nil && int64(len(body)) != req.ContentLength {
		err = errors.New("the body has not the announced length")
	}
	r.got <- req
	r.bodies <- body
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
}

// send gives a body to the mirror, as it is given to do, and returns what arrived.
func (r *remover) send(length int64, header http.Header, do func(*mirror.Capture)) (*http.Request, []byte, record.Record) {
	c := r.NewCapture(length)
	copied := c.Offer(r.Queue("e", "m", nil), &record.Record{Endpoint: "e", Backend: "m", Role: record.Mirror})
	copied.Method, copied.Fields, copied.Group, copied.Edits = http.MethodPost, fields(header), r.group, removing(webhook, "other")
	do(c)
	c.Finish()
	rec := <-r.records
	return <-r.got, <-r.bodies, rec
}

// ways are how a body reaches the engine: at once, or as it is read, in pieces.
func ways(body []byte) map[string]func(*mirror.Capture) {
	read := func(c *mirror.Capture, live io.Reader) { _, _ = io.ReadAll(c.Wrap(io.NopCloser(live))) }
	return map[string]func(*mirror.Capture){
		"shared": func(c *mirror.Capture) { c.Share(body) },
		"read":   func(c *mirror.Capture) { read(c, bytes.NewReader(body)) },
		"pieces": func(c *mirror.Capture) { read(c, iotest.HalfReader(bytes.NewReader(body))) },
	}
}

func TestM19WebhooksAreLeftOutOfCopies(t *testing.T) {
	long := strings.Repeat("x", 1020) // so that a name stands across two blocks
	r := newRemover(t)
	for _, tt := range []struct{ name, body, want string }{
		{"first", `{"response_webhook": "https://a", "data": [1, 2]}`, `{ "data": [1, 2]}`},
		{"last", `{"data": {"a": "}"}, "response_webhook": "https://a"}`, `{"data": {"a": "}"}}`},
		{"amid", `{"a":1,"response_webhook":null,"b":2}`, `{"a":1,"b":2}`},
		{"alone", "{ \"response_webhook\" : \"https://a\"\n}", "{\n}"},
		{"lines", "{\n  \"data\": 1,\n  \"response_webhook\": {\"a\": [\"]\"]}\n}\n", "{\n  \"data\": 1\n}\n"},
		{"twice", `{"response_webhook":1,"a":2,"response_webhook":3}`, `{"a":2}`},
		{"all but one", `{"other":1,"response_webhook":2,"a":3,"other":4, "response_webhook":5}`, `{"a":3}`},
		{"nothing left", `{"other":1,"response_webhook":2}`, `{}`},
		{"not JSON, but what Python takes", `{"data": [NaN, -Infinity], "response_webhook": "https://a"}`, `{"data": [NaN, -Infinity]}`},
		{"quotes and backslashes", `{"a\\":"\\\"","response_webhook":"\"}","b":"\\"}`, `{"a\\":"\\\"","b":"\\"}`},
		{"escaped", `{"\u0072esponse_webhook":1,"a":2,"response\u005fwebhook":3}`, `{"a":2}`},
		{"its time-out stays", `{"data":1,"response_webhook":"x","response_webhook_ignore_timeout":true}`, `{"data":1,"response_webhook_ignore_timeout":true}`},
		{"across blocks", `{"` + long[:1010] + `":1,"response_webhook":2,"a":3}`, `{"` + long[:1010] + `":1,"a":3}`},
		{"many blocks", `{"a":"` + strings.Repeat(long, 200) + `","response_webhook":2}`, `{"a":"` + strings.Repeat(long, 200) + `"}`},

		{name: "deeper", body: `{"data": {"response_webhook": 1}}`},
		{name: "a value", body: `{"data": "response_webhook"}`},
		{name: "a longer name", body: `{"response_webhook_": 1, "xresponse_webhook": 2}`},
		{name: "an array", body: `[{"response_webhook": 1}]`},
		{name: "two objects", body: `{"response_webhook": 1} {"response_webhook": 1}`},
		{name: "not closed", body: `{"response_webhook": 1`},
		{name: "no comma", body: `{"a": 1 "response_webhook": 1}`},
		{name: "no value", body: `{"response_webhook": }`},
		{name: "a comma too many", body: `{"response_webhook": 1,}`},
		{name: "a string that does not end", body: `{"response_webhook": "\`},
		{name: "no JSON", body: `response_webhook=https://a`},
		{name: "only its beginning", body: `{`},
	} {
		want := tt.want
		if want == "" {
			want = tt.body
		}
		for way, do := range ways([]byte(tt.body)) {
			for _, length := range []int64{int64(len(tt.body)), -1} {
				_, got, rec := r.send(length, http.Header{}, do)
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%s, %s, announced %d (-want +got):\n%s", tt.name, way, length, diff)
				}
				if rec.Outcome != record.OK || rec.RequestBytes != int64(len(want)) {
					t.Errorf("%s, %s: %s with %d bytes recorded of %d", tt.name, way, rec.Outcome, rec.RequestBytes, len(want))
				}
			}
		}
	}
}

// Digests of the whole body would have a deployment refuse the copy.
func TestM19DigestsGoWithWhatIsLeftOut(t *testing.T) {
	r := newRemover(t)
	for body, want := range map[string]http.Header{
		`{"response_webhook":1}`: {"Accept": {"*/*"}, "User-Agent": nil},
		`{"data":1}`:             {"Accept": {"*/*"}, "User-Agent": nil, "Content-Digest": {"sha-256=:x:"}, "Content-Md5": {"x"}},
	} {
		header := http.Header{"Accept": {"*/*"}, "Content-Digest": {"sha-256=:x:"}, "Content-Md5": {"x"}}
		got, _, _ := r.send(int64(len(body)), header, func(c *mirror.Capture) { c.Share([]byte(body)) })
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// The body is shared with other mirrors, which have it whole, and with live.
func TestM19OneMirrorsRemovalIsNotAnothers(t *testing.T) {
	const body = `{"data":1,"response_webhook":"https://a"}`
	var got sync.Map // of bodies, by path
	f := newFixtureOver(t, mirror.Options{}, transport(func(r *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(r.Body)
		got.Store(r.URL.Path, string(text))
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
	}).over())
	without, with := f.mirror("http://mirror.invalid/without"), f.mirror("http://mirror.invalid/with")
	without.edits = removing(webhook)
	f.send(http.MethodPost, "/", body, without, with)
	f.wait(2)
	want := map[any]any{"/without/": `{"data":1}`, "/with/": body}
	if diff := cmp.Diff(want, maps.Collect(got.Range)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRemove holds what is sent against the members that encoding/json sees.
func FuzzRemove(f *testing.F) {
	for _, seed := range []string{
		`{"response_webhook":"https://a","data":[1]}`, `{"a":{"b":"\""},"other":[{}],"response_webhook":{}}`, `{}`, `[]`, "",
		`{"response_webhook":}`, `{"a":1,"response_webhook":1,"b":{"response_webhook":1}}`,
	} {
		f.Add([]byte(seed))
	}
	r := newRemover(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			return
		}
		_, got, _ := r.send(-1, http.Header{}, func(c *mirror.Capture) {
			_, _ = io.ReadAll(c.Wrap(io.NopCloser(iotest.HalfReader(bytes.NewReader(body)))))
		})
		if !bytes.Contains(body, []byte(webhook)) && !bytes.Contains(body, []byte("other")) && !bytes.Contains(body, []byte(`\u`)) && !bytes.Equal(got, body) {
			t.Fatalf("%q became %q", body, got)
		}
		before, ok := members(body)
		if !ok {
			return
		}
		after, ok := members(got)
		if !ok {
			t.Fatalf("%q became %q, which is no JSON object", body, got)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%q became %q:\n%s", body, got, diff)
		}
	})
}

// members are the top-level members of a JSON object, names and values as they
// are written, without those that are to be removed.
func members(body []byte) (list []string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	if first, err := d.Token(); err != nil || first != json.Delim('{') || !json.Valid(body) {
		return nil, false
	}
	for d.More() {
		begin := d.InputOffset()
		decoded, _ := d.Token()
		name := bytes.TrimLeft(body[begin:d.InputOffset()], ", \t\r\n")
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		if decoded != webhook && decoded != "other" {
			list = append(list, string(name)+":"+string(value))
		}
	}
	return list, true
}
