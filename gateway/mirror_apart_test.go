package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// The deployment has the first byte before the caller sends the last one: no time
// limit is needed to tell.
func TestM01TheLiveBodyIsNotReadAheadForAMirror(t *testing.T) {
	first := make(chan struct{}, 1)
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		var b [1]byte
		if _, err := io.ReadFull(r.Body, b[:]); err != nil {
			return
		}
		first <- struct{}{}
		rest, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append(b[:], rest...))
	})
	copied := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(mirrored(live, map[string]string{"m": copied.url}))
	for proto, c := range s.clients() {
		for _, length := range []int64{-1, 10} {
			body, write := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/v1/e", body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			go func() {
				_, _ = io.WriteString(write, "h")
				<-first
				_, _ = io.WriteString(write, "elloworld")
				write.Close()
			}()
			res, err := c.client.Do(req)
			if err != nil {
				t.Fatalf("%s, length %d: %v", proto, length, err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || string(got) != "helloworld" {
				t.Errorf("%s, length %d: %q, %v", proto, length, got, err)
			}
		}
	}
	s.written(4, role("mirror"))
	for _, got := range copied.requests() {
		if got.body != "helloworld" {
			t.Errorf("the mirror got %q", got.body)
		}
	}
}

// The mirror answers nothing before all of the live requests are over.
func TestM03NextRequestIsNotHeldByAMirror(t *testing.T) {
	copied, arrived, release := hold(t)
	defer release()
	live := newReplica(t, "v1")
	s := newStage(t, options{mirror: mirror.Options{Workers: 2, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"m": copied}))
	for proto, c := range s.clients() {
		for i := range 20 {
			got := s.at(c).post("/v1/e", fmt.Sprint(proto, i))
			if got.status != http.StatusOK {
				t.Fatalf("%s: %+v", proto, got)
			}
		}
	}
	testbed.Receive(t, "a copy", arrived)
	if n := len(s.all(role("mirror"))); n != 0 {
		t.Errorf("%d copies are over, though the mirror answered none", n)
	}
	release()
	for _, f := range s.written(40, role("mirror")) {
		if f["outcome"] != "ok" {
			t.Errorf("a copy that was answered late: %v", f)
		}
	}
}

func TestM04AnUploadIsNotHeldByAMirrorThatNeverReads(t *testing.T) {
	const size = 8 << 20
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		hash := sha256.New()
		_, _ = io.Copy(hash, r.Body)
		_, _ = fmt.Fprintf(w, "%x", hash.Sum(nil))
	})
	over := make(chan struct{})
	deaf := testbed.TCP(t, func(c *net.TCPConn) {
		_ = c.SetReadBuffer(4 << 10)
		var b [1]byte
		_, _ = c.Read(b[:])
		<-over
	})
	s := newStage(t, options{mirror: mirror.Options{MaxBody: size, Timeout: time.Minute}})
	s.serve(mirrored(live, map[string]string{"m": deaf}))
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	want := fmt.Sprintf("%x", sha256.Sum256(body))
	for range 3 {
		if got := s.do(http.MethodPost, "/v1/e", bytes.NewReader(body)); got.status != http.StatusOK || got.body != want {
			t.Errorf("%d %q", got.status, got.body)
		}
	}
	if n := len(s.all(role("mirror"))); n != 0 {
		t.Errorf("%d copies are over before the live requests: the uploads waited for the mirror", n)
	}
	close(over)
	for _, f := range s.written(3, role("mirror")) {
		if f["errorKind"] != "reset" {
			t.Errorf("a mirror that never reads: %v", f)
		}
	}
}

// A body is under way when its copies are refused, and nothing is held for it.
func TestM06NothingIsCapturedForWhomAdmissionRefuses(t *testing.T) {
	hung, arrived, release := hold(t)
	defer release()
	live := newReplica(t, "v1")
	for reason, o := range map[string]mirror.Options{
		"queue_full":   {Queue: 1, Workers: 1, Timeout: time.Minute},
		"breaker_open": {BreakerFailures: 1, BreakerMin: time.Hour, BreakerMax: time.Hour},
	} {
		s := newStage(t, options{mirror: o})
		url := map[string]string{"queue_full": hung, "breaker_open": "http://127.0.0.1:1"}[reason]
		s.serve(mirrored(live.url, map[string]string{"m": url}))
		s.post("/v1/e", "first")
		if reason == "queue_full" {
			testbed.Receive(t, "the copy that is sent", arrived)
			s.post("/v1/e", "second") // waits, and has the only slot
		} else {
			s.written(1, role("mirror"))
		}
		before := s.captured()
		body, write := io.Pipe()
		done := make(chan answer, 1)
		go func() { done <- s.do(http.MethodPost, "/v1/e", body, "X-Request-Id", "refused") }()
		for range 8 {
			_, _ = write.Write(make([]byte, 64<<10))
			if now := s.captured(); now > before { // the first copy may let go of its own
				t.Errorf("%s: %v bytes are captured, %v before", reason, now, before)
			}
		}
		write.Close()
		if got := testbed.Receive(t, "the answer", done); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", reason, got.status, got.body)
		}
		f := s.written(1, func(f fields) bool { return f["requestId"] == "refused" && f["role"] == "mirror" })[0]
		if f["errorKind"] != reason {
			t.Errorf("the record says %v instead of %s", f["errorKind"], reason)
		}
	}
}

func TestM10AHungMirrorTakesNothingFromAnother(t *testing.T) {
	hung, _, release := hold(t)
	defer release()
	live, good := newReplica(t, "v1"), newReplica(t, "b")
	s := newStage(t, options{mirror: mirror.Options{Queue: 4, Workers: 2, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"a": hung, "b": good.url}))
	const n = 100
	for i := range n {
		s.post("/v1/e", fmt.Sprint(i))
		// One at a time, so that no queue of the good mirror overflows.
		testbed.Eventually(t, "the good mirror gets its copy", func() bool { return len(good.requests()) == i+1 })
	}
	for _, f := range s.written(n, func(f fields) bool { return f["backend"] == "b" }) {
		if f["outcome"] != "ok" {
			t.Errorf("the good mirror: %v", f)
		}
	}
	running.Measured(t, "M10", "%d of %d copies arrived beside a hung mirror", n, n)
}

// A mirror of the very URL that serves live has connections of its own, and what
// becomes of them is no news for live.
func TestM13AMirrorSharesNoConnectionWithLive(t *testing.T) {
	var mu sync.Mutex
	live, copied := map[string]bool{}, map[string]bool{}
	shared := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("X-Switchyard-Mirror") == "" {
			live[r.RemoteAddr] = true
			return
		}
		copied[r.RemoteAddr] = true
	})
	s := newStage(t, options{})
	s.serve(mirrored(shared, map[string]string{"m": shared, "n": shared}))
	var callers sync.WaitGroup
	const each = 30
	for range 4 {
		callers.Go(func() {
			for range each {
				s.post("/v1/e", "{}")
			}
		})
	}
	callers.Wait()
	s.written(2*4*each, role("mirror"))
	mu.Lock()
	defer mu.Unlock()
	for address := range live {
		if copied[address] {
			t.Errorf("the connection %s has carried live requests and copies", address)
		}
	}
	if len(live) == 0 || len(copied) < 2 {
		t.Errorf("%d connections for live requests, %d for two mirrors", len(live), len(copied))
	}
	running.Measured(t, "M13", "%d connections for live requests, %d for two mirrors on the same host, none shared", len(live), len(copied))
}

// The mirror calls the same URLs as live, and fails in the way that marks a live
// replica as down: then only the other one would be called.
func TestM14MirrorsLeaveHealthAndCountsOfLiveAlone(t *testing.T) {
	a, b := newReplica(t, "a"), newReplica(t, "b")
	refuse := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}}
	s := newStage(t, options{transport: func(to deployments.Destination) (deployments.Transport, bool) {
		return refuse, to.Use.Mirror == "m" && "http://"+to.URL.Host == a.url
	}})
	f := mirrored("["+a.url+", "+b.url+"]", map[string]string{"m": a.url})
	s.serve(f)
	const n = 60
	for range n {
		if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
			t.Fatalf("%+v", got)
		}
	}
	s.written(n, role("mirror"))
	for _, f := range s.written(n, role("live")) {
		if f["outcome"] != "ok" {
			t.Errorf("live: %v", f)
		}
	}
	if na, nb := len(a.requests()), len(b.requests()); na < n/10 || nb < n/10 || na+nb != n {
		t.Errorf("%d and %d live requests reached two replicas that are up", na, nb)
	}
	type counts struct{ Attempts, Good, Answers, Copies float64 }
	var got counts
	testbed.Eventually(t, "all is counted, which is after it is in the log", func() bool {
		got = counts{
			Attempts: s.metric("switchyard_attempts_total", `role="live"`),
			Good:     s.metric("switchyard_attempts_total", `role="live"`, `outcome="ok"`),
			Answers:  s.metric("switchyard_answers_total", `role="live"`, `status="2xx"`),
			Copies:   s.metric("switchyard_attempts_total", `role="mirror"`, `outcome="ok"`),
		}
		return got.Attempts >= n && got.Answers >= n && s.metric("switchyard_attempts_total", `role="mirror"`) >= n
	})
	if diff := cmp.Diff(counts{n, n, n, 0}, got); diff != "" {
		t.Error(diff)
	}
	running.Measured(t, "M14", "%d live requests beside a mirror that refuses: all counts are live's own", n)
}
