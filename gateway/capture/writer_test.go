package capture_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// message is a tap with a message in it.
func message(b *tap.Budget, rule *capture.Rule, h http.Header, body string, whole bool) *tap.Tap {
	t := b.Tap(rule.MaxBytes, rule.Headers)
	t.Begin(h)
	_, _ = t.Write([]byte(body))
	if whole {
		t.End()
	}
	return t
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestCapturedObjects(t *testing.T) {
	plain := capture.Declared{Response: true, MaxBytes: 100, Headers: []string{"X-Tenant"}}
	redacting := capture.Declared{Response: true, MaxBytes: 100, Redact: []string{"/ssn"}}
	kind := http.Header{"Content-Type": {"application/json"}}
	key, _ := access.NewKey()
	for _, c := range []struct {
		name     string
		declared capture.Declared
		header   http.Header
		body     string
		broken   bool
		want     string
		rows     int
	}{
		{"JSON is a value", plain, kind, `{"data": [[1, "a"], [2, "b"]]}`, false, `{"contentType":"application/json","bytes":30,"truncated":false,"body":{"data":[[1,"a"],[2,"b"]]}}`, 2},
		{"whatever its type says", plain, http.Header{"Content-Type": {"text/plain"}}, ` 20 `, false, `{"contentType":"text/plain","bytes":4,"truncated":false,"body":20}`, 0},
		{"other bodies are base64", plain, http.Header{}, `hello`, false, `{"contentType":null,"bytes":5,"truncated":false,"bodyBase64":"aGVsbG8="}`, 0},
		{"the beginning of JSON too", plain, kind, `"` + strings.Repeat("x", 200) + `"`, false, `{"contentType":"application/json","bytes":202,"truncated":true,"bodyBase64":"` + base64.StdEncoding.EncodeToString([]byte(`"`+strings.Repeat("x", 99))) + `"}`, 0},
		{"and what broke off", plain, kind, `{"a": 1`, true, `{"contentType":"application/json","bytes":7,"truncated":true,"bodyBase64":"eyJhIjogMQ=="}`, 0},
		{"an empty body is none", plain, http.Header{"X-Tenant": {"a", `"b"`}}, ``, false, `{"contentType":null,"bytes":0,"truncated":false,"headers":{"X-Tenant":"a, \"b\""}}`, 0},
		{"no key in a field", plain, http.Header{"X-Tenant": {"a", key}}, ``, false, `{"contentType":null,"bytes":0,"truncated":false,"headers":{"X-Tenant":"a, sy_***"}}`, 0},
		{"a body that never began", plain, kind, ``, true, `{"contentType":"application/json","bytes":0,"truncated":true}`, 0},
		{"gzip is decoded", redacting, http.Header{"Content-Encoding": {"gzip"}}, zipped(t, `{"ssn": 1, "a": 2}`), false, `{"contentType":null,"bytes":42,"truncated":false,"body":{"ssn":"[redacted]","a":2}}`, 0},
		{"what is not decoded is base64", plain, http.Header{"Content-Encoding": {"br"}}, `x`, false, `{"contentType":null,"bytes":1,"truncated":false,"contentEncoding":"br","bodyBase64":"eA=="}`, 0},
		{"or nothing with redaction", redacting, http.Header{"Content-Encoding": {"br"}}, `x`, false, `{"contentType":null,"bytes":1,"truncated":true,"omitted":"redaction"}`, 0},
		{"nothing that is not JSON with redaction", redacting, http.Header{}, `ssn=1`, false, `{"contentType":null,"bytes":5,"truncated":true,"omitted":"redaction"}`, 0},
		{"nothing of a part with redaction", redacting, kind, `{"ssn": 1`, true, `{"contentType":"application/json","bytes":9,"truncated":true,"omitted":"redaction"}`, 0},
		{"redacted", redacting, kind, `{"ssn": {"x": 1}}`, false, `{"contentType":"application/json","bytes":17,"truncated":false,"body":{"ssn":"[redacted]"}}`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, rule := tap.NewBudget(1<<20), capture.NewRule(c.declared)
			kept := message(b, rule, c.header, c.body, !c.broken)
			defer kept.Release()
			var rec record.Record
			rule.Describe(&rec, nil, kept, nil)
			if diff := cmp.Diff(c.want, string(rec.Response)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !json.Valid(rec.Response) || rec.ResultCount != c.rows || rec.Request != nil {
				t.Errorf("valid %t, %d rows, request %q", json.Valid(rec.Response), rec.ResultCount, rec.Request)
			}
		})
	}
}

func TestABodyForWhichThereIsNoMemoryIsMissed(t *testing.T) {
	b, rule := tap.NewBudget(0), capture.NewRule(capture.Declared{Request: true, MaxBytes: 100})
	kept := message(b, rule, http.Header{}, "body", true)
	defer kept.Release()
	var rec record.Record
	rule.Describe(&rec, kept, nil, nil)
	if want := `{"contentType":null,"bytes":4,"truncated":true,"omitted":"memory"}`; string(rec.Request) != want {
		t.Errorf("%s, want %s", rec.Request, want)
	}
}

// collected is what a Writer passed on.
type collected struct {
	mu    sync.Mutex
	lines []string
	gate  chan struct{} // nil: open
}

func (c *collected) done(r *record.Record) {
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, string(record.AppendJSON(nil, r)))
}

func TestWriterPassesEveryRecordOnWithItsOwnBodies(t *testing.T) {
	var got collected
	w := capture.NewWriter(capture.Options{Done: got.done})
	b, rule := tap.NewBudget(8<<20), capture.NewRule(capture.Declared{Request: true, Response: true, MaxBytes: 1000})
	const n = 500
	for i := range n {
		id := string(rune('a'+i%26)) + strings.Repeat("x", i%7)
		rec := record.Record{RequestID: id, Start: time.Now(), End: time.Now()}
		w.Add(&rec, rule, message(b, rule, http.Header{}, `{"of": "`+id+`"}`, true), message(b, rule, http.Header{}, `"`+id+`"`, true))
		rec.RequestID = "changed"
	}
	if err := w.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(got.lines) != n || b.Held() != 0 {
		t.Fatalf("%d records, %d bytes held", len(got.lines), b.Held())
	}
	for _, line := range got.lines {
		var r struct {
			RequestID string
			Request   struct{ Body struct{ Of string } }
			Response  struct{ Body string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Request.Body.Of != r.RequestID || r.Response.Body != r.RequestID {
			t.Errorf("foreign bodies: %s", line)
		}
	}
}

func TestWriterNeverBlocksAndLosesNoRecord(t *testing.T) {
	got := collected{gate: make(chan struct{})}
	blocked := capture.NewWriter(capture.Options{Queue: 4, Done: got.done})
	b, rule := tap.NewBudget(1<<20), capture.NewRule(capture.Declared{Response: true, MaxBytes: 100})
	var adding sync.WaitGroup
	const n = 20
	for range n {
		// What finds no room goes on at once, to who blocks in this test.
		adding.Go(func() {
			blocked.Add(&record.Record{End: time.Now(), Start: time.Now()}, rule, nil, message(b, rule, http.Header{}, "1", true))
		})
	}
	testbed.Eventually(t, "some are passed on without bodies", func() bool { return blocked.Omitted() > 0 })
	close(got.gate)
	adding.Wait()
	if err := blocked.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(got.lines) != n || b.Held() != 0 {
		t.Errorf("%d records of %d, %d bytes held", len(got.lines), n, b.Held())
	}
	omitted := strings.Count(strings.Join(got.lines, ""), `"omitted":"queue_full"`)
	if int64(omitted) != blocked.Omitted() {
		t.Errorf("%d records say that their bodies were left out, %d were", omitted, blocked.Omitted())
	}
}

func TestDrainEndsInTimeWithoutTheBodies(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	got := collected{gate: make(chan struct{})}
	w := capture.NewWriter(capture.Options{Done: got.done})
	b, rule := tap.NewBudget(1<<20), capture.NewRule(capture.Declared{Response: true, MaxBytes: 100})
	for range 50 {
		w.Add(&record.Record{Start: time.Now(), End: time.Now()}, rule, nil, message(b, rule, http.Header{}, "1", true))
	}
	cancel()
	drained := make(chan error, 1)
	go func() { drained <- w.Drain(ctx) }()
	// More and more rarely, for some must be left when Drain has begun.
	pause := time.Millisecond
	next := time.Now()
	testbed.Eventually(t, "the writer is in a hurry", func() bool {
		if time.Now().After(next) {
			select {
			case got.gate <- struct{}{}:
				next = time.Now().Add(pause)
				pause *= 2
			default:
			}
		}
		return w.Omitted() > 0
	})
	close(got.gate)
	if err := <-drained; err == nil {
		t.Error("nobody is told")
	}
	if len(got.lines) != 50 || b.Held() != 0 {
		t.Errorf("%d records, %d bytes held", len(got.lines), b.Held())
	}
}
