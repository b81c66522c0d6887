package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/gateway/sink/webhook"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) {
	if !receiver.Main(os.Getenv) {
		testbed.Main(m)
	}
}

// TestKilledReceiverGetsEveryRecordOnce kills a receiver with records on their way
// to it, three times, and counts what it has in the end.
func TestKilledReceiverGetsEveryRecordOnce(t *testing.T) {
	address, path := testbed.Address(t), filepath.Join(t.TempDir(), "received")
	hook := webhook.New(webhook.Options{URL: "http://" + address})
	defer hook.Close()
	s, err := sink.New(sink.Options{
		Name: "test", Send: hook.Send, Spool: &sink.Spool{Dir: t.TempDir()}, Every: time.Millisecond, BatchSize: 4 << 10, Logger: zerolog.Nop(),
		Grace: func() time.Duration { return testbed.Patience },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	sent := 0
	send := func(n int) {
		for range n {
			s.Append(&record.Record{RequestID: fmt.Sprintf("r%06d", sent), Role: record.Live, Start: time.Now(), End: time.Now()})
			sent++
		}
	}
	for range 3 {
		kill := receiver.StartProcess(t, address, path)
		before := s.Counts().Sent
		send(300)
		testbed.Eventually(t, "a batch arrives", func() bool { return s.Counts().Sent > before })
		send(300)
		kill()
		failed := s.Counts().Failed
		send(300)
		testbed.Eventually(t, "the receiver is missed", func() bool { return s.Counts().Failed > failed })
	}
	defer receiver.StartProcess(t, address, path)()
	testbed.Eventually(t, "the spool is empty", func() bool { return s.Counts().Spooled == 0 })
	cancel()
	if err := testbed.Receive(t, "the end of the sink", ended); err != nil {
		t.Fatal(err)
	}
	got, ids := map[string]int{}, map[string]int{}
	for _, d := range receiver.Deliveries(path) {
		if ids[d.ID]++; ids[d.ID] > 1 {
			t.Errorf("delivery %s is kept twice", d.ID)
		}
		for _, line := range d.Data {
			var r struct{ Event, RequestID string }
			if err := json.Unmarshal(line, &r); err != nil {
				t.Error(err)
			}
			if r.Event == record.EventInference {
				got[r.RequestID]++
			}
		}
	}
	for id, n := range got {
		if n != 1 {
			t.Errorf("record %s arrived %d times", id, n)
		}
	}
	if lost := s.Counts().Lost; len(got)+int(lost) != sent {
		t.Errorf("%d records arrived and %d are counted as lost, of %d", len(got), lost, sent)
	}
}

// The batches are as large as they become: lines wait until they are 128 KiB, less one
// byte at the most, and then comes the longest line that there is.
func TestDeliveriesAreAtMostAMebibyte(t *testing.T) {
	const pairs = 6
	appended, largest := make(chan struct{}), 0 // one call comes at a time
	var records atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		<-appended
		var document struct{ Data []json.RawMessage }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Error(err)
		}
		largest = max(largest, len(body))
		records.Add(int64(len(document.Data)))
	}))
	defer s.Close()
	hook := webhook.New(webhook.Options{URL: s.URL})
	defer hook.Close()
	to, err := sink.New(sink.Options{Name: "test", Send: hook.Send, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- to.Run(ctx) }()
	for range pairs {
		for _, size := range []int{127 << 10, 831 << 10} {
			body := []byte(`"` + strings.Repeat("x", size) + `"`)
			to.Append(&record.Record{RequestID: "r", Role: record.Live, Request: body, Start: time.Now(), End: time.Now()})
		}
	}
	close(appended)
	testbed.Eventually(t, "the records arrive", func() bool { return records.Load()+to.Counts().Lost >= 2*pairs })
	cancel()
	if err := testbed.Receive(t, "the end of the sink", ended); err != nil {
		t.Fatal(err)
	}
	if largest > 1<<20 || largest < 950<<10 || records.Load() != 2*pairs {
		t.Errorf("the largest delivery has %d bytes; %d records arrived, %d are lost", largest, records.Load(), to.Counts().Lost)
	}
}

func TestDeliveryIsInModelbitsForm(t *testing.T) {
	type got struct{ Method, Type, Secret, ID, Body string }
	calls := make(chan got, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- got{r.Method, r.Header.Get("Content-Type"), r.Header.Get("X-Mb-Webhook-Secret"), r.Header.Get(webhook.HeaderDelivery), string(body)}
	}))
	defer s.Close()
	hook := webhook.New(webhook.Options{URL: s.URL, Header: func() (http.Header, error) { return http.Header{"X-Mb-Webhook-Secret": {"s3cret"}}, nil }})
	defer hook.Close()
	if err := hook.Send(t.Context(), sink.Batch{ID: "b-1", Lines: []byte("{\"a\":1}\n{\"b\":\"x\\n\"}\n")}); err != nil {
		t.Fatal(err)
	}
	want := got{"POST", "application/json", "s3cret", "b-1", `{"data":[{"a":1},{"b":"x\n"}]}`}
	if diff := cmp.Diff(want, <-calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnswersSayWhatBecomesOfABatch(t *testing.T) {
	var status int
	var after string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer s.Close()
	hook := webhook.New(webhook.Options{URL: s.URL})
	defer hook.Close()
	for _, c := range []struct {
		status int
		after  string
		want   string // taken, refused, busy, again
		least  time.Duration
	}{
		{200, "", "taken", 0},
		{204, "", "taken", 0},
		{302, "", "again", 0},
		{400, "", "refused", 0},
		{401, "", "again", 0},
		{413, "", "refused", 0},
		{422, "", "refused", 0},
		{429, "7", "busy", 7 * time.Second},
		{500, "", "again", 0},
		{503, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "busy", 30 * time.Minute},
		{503, "soon", "again", 0},
		{503, "-1", "again", 0},
	} {
		status, after = c.status, c.after
		err := hook.Send(t.Context(), sink.Batch{ID: "b", Lines: []byte("{}\n")})
		var refused *sink.RefusedError
		var busy *sink.BusyError
		got := "again"
		switch {
		case err == nil:
			got = "taken"
		case errors.As(err, &refused):
			got = "refused"
		case errors.As(err, &busy):
			got = "busy"
			if busy.After < c.least {
				t.Errorf("%d %q: after %s", c.status, c.after, busy.After)
			}
		}
		if got != c.want {
			t.Errorf("%d %q: %s, want %s", c.status, c.after, got, c.want)
		}
	}
}

func TestErrorsDoNotTellTheURL(t *testing.T) {
	hook := webhook.New(webhook.Options{URL: "http://127.0.0.1:1/s3cret"})
	defer hook.Close()
	err := hook.Send(t.Context(), sink.Batch{ID: "b", Lines: []byte("{}\n")})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}
