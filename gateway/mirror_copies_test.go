package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestM07CopiesAreByteIdentical(t *testing.T) {
	const most = 64 << 10
	type got struct{ Method, URI, Hash, Type string }
	of := func(a asked) got {
		return got{a.method, a.uri, fmt.Sprintf("%x", sha256.Sum256([]byte(a.body))), a.header.Get("Content-Type")}
	}
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{mirror: mirror.Options{MaxBody: most}})
	s.serve(mirrored(live.url+"/base", map[string]string{"m": copied.url + "/base"}))
	results, sent := map[any]string{}, 0
	for proto, c := range s.clients() {
		for _, size := range []int{0, 1, most - 1, most, most + 1} {
			for _, chunked := range []bool{false, true} {
				name := fmt.Sprintf("%s, %d bytes, chunked %v", proto, size, chunked)
				body := make([]byte, size)
				_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(body)
				var r io.Reader = bytes.NewReader(body)
				if chunked {
					r = io.MultiReader(r) // hides its length
				}
				id := fmt.Sprintf("%s-%d-%v", proto[5:], size, chunked)
				if a := s.at(c).do(http.MethodPut, "/v1/e/x%2Fy?q=%2F&r", r, "Content-Type", "application/x-"+id, "X-Request-Id", id); a.status != http.StatusOK {
					t.Fatalf("%s: %+v", name, a)
				}
				results[id] = map[bool]string{false: "ok", true: "too_large"}[size > most]
				sent++
				testbed.Eventually(t, "the ledger has the request", func() bool { return s.ledger("m") == sent })
				want := got{http.MethodPut, "/base/x%2Fy?q=%2F&r", fmt.Sprintf("%x", sha256.Sum256(body)), "application/x-" + id}
				if diff := cmp.Diff(want, of(last(live))); diff != "" {
					t.Errorf("%s: live: %s", name, diff)
				}
				if size > most {
					continue
				}
				if diff := cmp.Diff(want, of(last(copied))); diff != "" {
					t.Errorf("%s: the copy: %s", name, diff)
				}
			}
		}
	}
	for _, f := range s.written(sent, role("mirror")) {
		if want := results[f["requestId"]]; f["outcome"] != want && f["errorKind"] != want {
			t.Errorf("%v: %v %v instead of %s", f["requestId"], f["outcome"], f["error"], want)
		}
	}
	for _, got := range copied.requests() {
		if results[got.header.Get("X-Request-Id")] != "ok" {
			t.Errorf("a body of %d bytes, above the cap, was copied", len(got.body))
		}
	}
	running.Measured(t, "M7", "%d bodies: hash, method, URI and type equal, those above the cap not copied", sent)
}

// Large bodies, which the live request is sent from where they are captured, with a mirror
// that is done at once and one that never is.
func TestM07LargeCopiesAreByteIdentical(t *testing.T) {
	const k, m, most = 1 << 10, 1 << 20, 1<<20 + 128<<10
	live, fast := newReplica(t, "v1"), newReplica(t, "fast")
	slow, copied, release := hold(t)
	defer release()
	s := newStage(t, options{mirror: mirror.Options{MaxBody: most, Workers: 64, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"fast": fast.url, "slow": slow}))
	all := make([]byte, most+1)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(all)
	sent := 0
	for _, size := range []int{32 * k, 32*k + 1, 64*k - 1, 64 * k, 64*k + 1, 200_000, 1_000_000, m, m + 64*k, m + 64*k + 1, most, most + 1} {
		for _, chunked := range []bool{false, true} {
			body := all[most+1-size:]
			var r io.Reader = bytes.NewReader(body)
			if chunked {
				r = io.MultiReader(r) // hides its length
			}
			if a := s.do(http.MethodPost, "/v1/e", r); a.status != http.StatusOK {
				t.Fatalf("%d bytes: %+v", size, a)
			}
			if last(live).body != string(body) {
				t.Errorf("%d bytes, chunked %v: live got others", size, chunked)
			}
			sent++
			testbed.Eventually(t, "the ledger has the request", func() bool { return s.ledger("fast") == sent })
			if size > most {
				continue
			}
			if last(fast).body != string(body) {
				t.Errorf("%d bytes, chunked %v: the copy has others", size, chunked)
			}
			if got := testbed.Receive(t, "the slow copy", copied); got.body != string(body) {
				t.Errorf("%d bytes, chunked %v: the slow copy has others", size, chunked)
			}
		}
	}
}

// last is the newest request.
func last(r *replica) asked {
	all := r.requests()
	return all[len(all)-1]
}

func TestM08NoForeignBytes(t *testing.T) {
	const callers, each, size = 16, 20, 64 << 10
	live := newReplica(t, "v1")
	var mu sync.Mutex
	wrong, copies := 0, map[string]bool{}
	slow := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		<-time.After(5 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("X-Request-Id")
		copies[id] = true
		if err != nil || string(body) != distinct(id, size) {
			wrong++
		}
	})
	s := newStage(t, options{mirror: mirror.Options{Queue: callers * each}})
	s.serve(mirrored(live.url, map[string]string{"m": slow}))
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("c%d-%d", c, i)
				s.post("/v1/e", distinct(id, size), "X-Request-Id", id)
			}
		})
	}
	wg.Wait()
	s.written(callers*each, role("mirror"))
	mu.Lock()
	defer mu.Unlock()
	if wrong > 0 || len(copies) != callers*each {
		t.Errorf("%d of %d copies have foreign or missing bytes", wrong, len(copies))
	}
	for _, got := range live.requests() {
		if got.body != distinct(got.header.Get("X-Request-Id"), size) {
			t.Errorf("live got foreign bytes")
		}
	}
	running.Measured(t, "M8", "%d of %d copies with foreign or missing bytes", wrong, len(copies))
}

// distinct is a body that no other id has.
func distinct(id string, size int) string {
	return strings.Repeat(id+".", size/(len(id)+1)+1)[:size]
}

// Both deployments close kept connections without a word after each answer, so
// that many requests meet a dead one; and live has a replica that refuses, so that
// many are tried twice.
func TestM09AtMostOneCopyWhateverHappensToConnections(t *testing.T) {
	var mu sync.Mutex
	copies := map[string]int{}
	dying := func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if req.Header.Get("X-Switchyard-Mirror") != "" {
			mu.Lock()
			copies[req.Header.Get("X-Request-Id")]++
			mu.Unlock()
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // and no "Connection: close"
	}
	live := newReplica(t, "v1")
	s := newStage(t, options{mirror: mirror.Options{BreakerFailures: 1 << 30, Workers: 2}})
	s.serve(mirrored("["+live.url+", http://127.0.0.1:1/]", map[string]string{"m": testbed.TCP(t, dying)}))
	const n = 150
	for i := range n {
		method := []string{http.MethodPost, http.MethodGet, http.MethodPut}[i%3]
		s.do(method, "/v1/e", strings.NewReader("{}"), "X-Request-Id", fmt.Sprint(i), "Idempotency-Key", fmt.Sprint(i))
	}
	sent := 0
	for _, f := range s.written(n, role("mirror")) {
		if f["outcome"] != "dropped" {
			sent++
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for id, times := range copies {
		if times > 1 {
			t.Errorf("request %s was copied %d times", id, times)
		}
	}
	if len(copies) == 0 || len(copies) > sent {
		t.Errorf("%d copies arrived, %d were sent", len(copies), sent)
	}
	running.Measured(t, "M9", "%d copies arrived, none twice", len(copies))
}

func TestM11ACallerWhoLeavesAfterTheBodyHasItsCopy(t *testing.T) {
	live, arrived, _ := hold(t)
	copied := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(mirrored(live, map[string]string{"m": copied.url}))
	const n = 20
	for range n {
		c := s.dial()
		_, _ = io.WriteString(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\nhelloworld")
		testbed.Receive(t, "the live request", arrived)
		c.Close()
	}
	for _, f := range s.written(n, role("live")) {
		if f["outcome"] != "canceled" || f["status"] != float64(499) {
			t.Errorf("live: %v", f)
		}
	}
	for _, f := range s.written(n, role("mirror")) {
		if f["outcome"] != "ok" {
			t.Errorf("the copy: %v", f)
		}
	}
	for _, got := range copied.requests() {
		if got.body != "helloworld" {
			t.Errorf("the mirror got %q", got.body)
		}
	}
	running.Measured(t, "M11", "%d of %d callers left after the body and had their copy", n, n)
}

func TestM11ACallerWhoLeavesWithinTheBodyHasNone(t *testing.T) {
	begun := make(chan struct{}, 100)
	live := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		var b [1]byte
		_, _ = io.ReadFull(r.Body, b[:])
		begun <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	copied := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(mirrored(live, map[string]string{"m": copied.url}))
	const n = 10
	for range n {
		for _, half := range []string{"Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
			c := s.dial()
			_, _ = io.WriteString(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\n"+half)
			testbed.Receive(t, "the live request", begun)
			c.Close()
		}
	}
	for _, f := range s.written(2*n, role("mirror")) {
		if f["outcome"] != "dropped" || f["errorKind"] != "incomplete" {
			t.Errorf("the copy: %v", f)
		}
	}
	for _, f := range s.written(2*n, role("live")) {
		if f["outcome"] != "canceled" {
			t.Errorf("live: %v", f)
		}
	}
	if got := copied.requests(); len(got) > 0 {
		t.Errorf("the mirror saw %d partial requests", len(got))
	}
	running.Measured(t, "M11", "%d left within it, no mirror saw a part", 2*n)
}

// The copies of a connection's requests are sent when the connection has long
// been serving others, with other fields in the memory that it uses again.
func TestM18ACopyKeepsNothingOfTheLiveRequest(t *testing.T) {
	hung, arrived, release := hold(t)
	defer release()
	live := newReplica(t, "v1")
	s := newStage(t, options{mirror: mirror.Options{Workers: 1, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"m": hung}))
	c := s.dial()
	r := bufio.NewReader(c)
	const n = 50
	send := func(i int) {
		raw := fmt.Sprintf("POST /v1/e/p%d?q=%d HTTP/1.1\r\nHost: g\r\nX-Request-Id: id-%d\r\nX-N: %d\r\nContent-Length: 4\r\n\r\n%04d", i, i, i, i, i)
		if _, err := io.WriteString(c, raw); err != nil {
			t.Fatal(err)
		}
		if got := s.receive(r, raw); got.status != http.StatusOK {
			t.Fatalf("%+v", got)
		}
	}
	for i := range n {
		send(i)
	}
	release()
	for i := range n {
		got := testbed.Receive(t, "a copy", arrived)
		want := []string{fmt.Sprintf("/p%d?q=%d", i, i), fmt.Sprintf("id-%d", i), fmt.Sprint(i), fmt.Sprintf("%04d", i)}
		if diff := cmp.Diff(want, []string{got.uri, got.header.Get("X-Request-Id"), got.header.Get("X-N"), got.body}); diff != "" {
			t.Errorf("copy %d: %s", i, diff)
		}
	}
	running.Measured(t, "M18", "%d copies sent after their requests were over and others had come: all their own", n)
}

func TestM19CopiesHaveNoFieldsOfTheConnection(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(mirrored(live.url, map[string]string{"m": copied.url}))
	got := s.send("POST /v1/e HTTP/1.1\r\nHost: g\r\nConnection: close, X-Nominated\r\nX-Nominated: 1\r\nKeep-Alive: 5\r\n" +
		"TE: trailers, deflate;q=0.5\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\nExpect: 100-continue\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\n{}")
	if got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	s.written(1, role("mirror"))
	if last(copied).header["Expect"] != nil {
		t.Error("the mirror got Expect")
	}
	for name, r := range map[string]*replica{"live": live, "the mirror": copied} {
		h := last(r).header
		for _, key := range []string{"Connection", "X-Nominated", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Transfer-Encoding"} {
			if h[key] != nil {
				t.Errorf("%s got %s: %v", name, key, h[key])
			}
		}
		if te := h["Te"]; te != nil && te[0] != "trailers" { // the one thing that is rebuilt: servers of gRPC insist on it
			t.Errorf("%s got TE: %v", name, te)
		}
		if h.Get("X-Kept") != "1" {
			t.Errorf("%s did not get a field that is the request's own", name)
		}
	}
}

func TestM19WebhooksAreLeftOutOfCopies(t *testing.T) {
	const plain, hooked = `{"data": 10}`, `{"data": 10, "response_webhook": "https://caller/"}`
	live, less, whole := newReplica(t, "v1"), newReplica(t, "less"), newReplica(t, "whole")
	s := newStage(t, options{})
	f := mirrored(live.url, map[string]string{"less": less.url, "whole": whole.url})
	f["endpoints/e.yaml"] = strings.Replace(f["endpoints/e.yaml"], "name: whole, version: 1}", "name: whole, version: 1}, body: {remove: []}", 1)
	s.serve(f)
	got := map[any][]string{}
	for i, body := range []string{plain, hooked} {
		if a := s.post("/v1/e", body); a.status != http.StatusOK {
			t.Fatalf("%+v", a)
		}
		for _, r := range s.written(3*(i+1), func(fields) bool { return true })[3*i:] {
			got[r["backend"]] = append(got[r["backend"]], fmt.Sprintf("%v recorded", r["requestBytes"]))
		}
	}
	for name, r := range map[string]*replica{"only": live, "less": less, "whole": whole} {
		for _, a := range r.requests() {
			got[name] = append(got[name], a.body)
		}
	}
	want := map[any][]string{
		"only":  {"12 recorded", "51 recorded", plain, hooked},
		"whole": {"12 recorded", "51 recorded", plain, hooked},
		"less":  {"12 recorded", "12 recorded", plain, plain},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	running.Measured(t, "M19", "response_webhook: with live, without in the copy, kept where the mirror says so")
}
