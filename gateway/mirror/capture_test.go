package mirror_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// received is what a mirror got.
type received struct {
	Method, URI, Type string
	Length            int
	Hash              string
}

// hashing is a mirror that reports what it gets.
func hashing(t *testing.T) (url string, got func(i int) received) {
	t.Helper()
	var mu sync.Mutex
	var all []received
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the mirror got a partial request: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, received{r.Method, r.RequestURI, r.Header.Get("Content-Type"), len(b), hash(b)})
	}))
	t.Cleanup(s.Close)
	return s.URL, func(i int) received {
		mu.Lock()
		defer mu.Unlock()
		if i >= len(all) {
			return received{}
		}
		return all[i]
	}
}

func hash(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// pattern is n bytes that differ from one another's neighbours.
func pattern(n int, salt byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ salt
	}
	return b
}

// trickle is a live body that comes as the test sends it.
type trickle struct {
	pieces chan []byte // closed at the end
	err    error       // instead of io.EOF
	rest   []byte
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		piece, ok := <-r.pieces
		if !ok {
			if r.err != nil {
				return 0, r.err
			}
			return 0, io.EOF
		}
		r.rest = piece
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (*trickle) Close() error { return nil }

func TestM01TheLiveBodyIsNotReadAhead(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, got := hashing(t)
	for i, length := range []int64{6, -1} {
		r := newRequest(t, http.MethodPost, "/x", nil)
		c := f.NewCapture(length)
		f.offer(c, r, f.mirror(url))
		body := &trickle{pieces: make(chan []byte)} // nothing is read that live does not ask for
		live := c.Wrap(body)
		for _, piece := range []string{"ab", "cd", "ef"} {
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				body.pieces <- []byte(piece)
			}()
			p := make([]byte, 100)
			if n, err := live.Read(p); string(p[:n]) != piece || err != nil {
				t.Fatalf("live reads %q, %v; the caller sent %q", p[:n], err, piece)
			}
			<-sent
		}
		close(body.pieces)
		if length > 0 {
			f.wait(i + 1) // dispatched when the announced length is reached, though live has not seen the end
		}
		if n, err := live.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
		f.wait(i + 1)
		if g := got(i); g.Hash != hash([]byte("abcdef")) {
			t.Errorf("the mirror got %+v", g)
		}
		c.Finish()
	}
}

func TestM06AdmissionComesBeforeCapture(t *testing.T) {
	gate := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	defer s.Close()
	f := newFixture(t, mirror.Options{Queue: 2, Workers: 1, Budget: 1 << 20})
	m := f.mirror(s.URL)
	for range 3 {
		f.send("GET", "/x", "", m)
		testbed.Eventually(t, "one is being sent", func() bool { return m.queue.State().Sending == 1 })
	}
	f.send("POST", "/x", strings.Repeat("b", 1000), m) // finds the queue full
	c := f.NewCapture(1000)
	r := newRequest(t, http.MethodPost, "/x", nil)
	f.offer(c, r, m)
	if n := f.Captured(); n != 0 {
		t.Errorf("%d bytes captured with the queue full", n)
	}
	body := io.NopCloser(strings.NewReader("live"))
	if c.Wrap(body) != body {
		t.Error("the live body is wrapped though nothing is captured")
	}
	c.Finish()
	close(gate)
	want := map[result]int{{record.OK, record.None, 200}: 3, {record.Dropped, record.QueueFull, 0}: 2}
	if diff := cmp.Diff(want, count(f.wait(5))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestM07CopiesAreByteIdentical(t *testing.T) {
	for client, over := range clients() {
		t.Run(client, func(t *testing.T) { byteIdentical(t, over) })
	}
}

func byteIdentical(t *testing.T, over deployments.PoolOptions) {
	t.Helper()
	const limit = 200_000
	f := newFixtureOver(t, mirror.Options{MaxBody: limit}, over)
	url, got := hashing(t)
	m := f.mirror(url + "/base/?k=v")
	seen := 0
	for _, size := range []int{0, 1, 1023, 1024, 1025, 4096, 65535, 65536, 65537, limit - 1, limit, limit + 1} {
		for _, announced := range []bool{true, false} {
			for _, piece := range []int{1 << 20, 3333, 511} {
				body := pattern(size, byte(seen))
				r := newRequest(t, http.MethodPut, "/a%2Fb/c%20d?q=%41&r", nil)
				r.Header.Set("Content-Type", "application/x-thing; v=1")
				length := int64(-1)
				if announced {
					length = int64(size)
				}
				c := f.NewCapture(length)
				f.offer(c, r, m)
				live := c.Wrap(io.NopCloser(&pieces{b: body, size: piece}))
				if b, err := io.ReadAll(live); err != nil || !bytes.Equal(b, body) {
					t.Fatalf("live read %d bytes of %d, %v", len(b), size, err)
				}
				c.Finish()
				seen++
				rec := f.wait(seen)[seen-1]
				if size > limit {
					if rec.Outcome != record.Dropped || rec.ErrorKind != record.TooLarge || rec.RequestBytes != 0 {
						t.Errorf("body of %d bytes: %+v", size, rec)
					}
					continue
				}
				want := received{"PUT", "/base/a%2Fb/c%20d?k=v&q=%41&r", "application/x-thing; v=1", size, hash(body)}
				if diff := cmp.Diff(want, got(seen-1)); diff != "" {
					t.Fatalf("%d bytes, announced %t, in pieces of %d (-live +copy):\n%s", size, announced, piece, diff)
				}
				if rec.RequestBytes != int64(size) || rec.Status != 200 {
					t.Errorf("record of %d bytes: %+v", size, rec)
				}
			}
		}
	}
}

// pieces reads b in pieces, with io.EOF by itself.
type pieces struct {
	b    []byte
	size int
}

func (r *pieces) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.size)], r.b)
	r.b = r.b[n:]
	return n, nil
}

func TestM08NoForeignBytes(t *testing.T) {
	for client, over := range clients() {
		t.Run(client, func(t *testing.T) { noForeignBytes(t, over) })
	}
}

func noForeignBytes(t *testing.T, over deployments.PoolOptions) {
	t.Helper()
	const clients, each = 16, 15
	var bodies [clients * each][]byte // by their salts
	for salt := range bodies {
		bodies[salt] = pattern(64<<10, byte(salt))
	}
	var bad sync.Map
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		salt, _ := strconv.Atoi(r.Header.Get("X-Salt"))
		if err != nil || !bytes.Equal(b, bodies[salt]) {
			bad.Store(r.Header.Get("X-Salt"), len(b))
		}
		<-time.After(5 * time.Millisecond)
	}))
	defer s.Close()
	f := newFixtureOver(t, mirror.Options{Queue: 10_000}, over)
	a, b := f.mirror(s.URL), f.mirror(s.URL)
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				salt := client*each + i
				r := newRequest(t, http.MethodPost, "/x", bytes.NewReader(bodies[salt]))
				r.Header.Set("X-Salt", strconv.Itoa(salt))
				length := r.ContentLength
				if i%2 == 0 {
					length = -1
				}
				c := f.NewCapture(length)
				f.offer(c, r, a, b)
				live := c.Wrap(r.Body)
				p := make([]byte, 7000)
				for err := error(nil); err == nil; {
					_, err = live.Read(p)
					clear(p) // what live does with its memory is its own affair
				}
				c.Finish()
			}
		})
	}
	wg.Wait()
	for r, n := range count(f.wait(clients * each * 2)) {
		if r.Outcome != record.OK && r.Kind != record.Memory {
			t.Errorf("%d copies ended %+v", n, r)
		}
	}
	bad.Range(func(salt, n any) bool {
		t.Errorf("the copy of %v has wrong bytes, %v of them", salt, n)
		return true
	})
}

func TestM11ACallerWhoLeavesAfterTheBodyHasItsCopy(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, got := hashing(t)
	r := newRequest(t, http.MethodPost, "/x", strings.NewReader("whole"))
	c := f.NewCapture(5)
	f.offer(c, r, f.mirror(url))
	live := c.Wrap(r.Body)
	if _, err := io.ReadFull(live, make([]byte, 5)); err != nil { // not asking for the end
		t.Fatal(err)
	}
	live.Close()
	c.Finish()
	if rec := f.wait(1)[0]; rec.Outcome != record.OK || got(0).Hash != hash([]byte("whole")) {
		t.Errorf("record %+v, the mirror got %+v", rec, got(0))
	}
}

func TestM11ACallerWhoLeavesWithinTheBodyHasNone(t *testing.T) {
	gone := errors.New("connection reset by peer")
	ends := map[string]func(live io.ReadCloser, c *mirror.Capture, body *trickle){
		"the read fails": func(live io.ReadCloser, _ *mirror.Capture, body *trickle) {
			body.err = gone
			close(body.pieces)
			if _, err := live.Read(make([]byte, 9)); !errors.Is(err, gone) {
				t.Errorf("live got %v", err)
			}
		},
		"live closes the body": func(live io.ReadCloser, _ *mirror.Capture, _ *trickle) { live.Close() },
		"live does not care":   func(_ io.ReadCloser, c *mirror.Capture, _ *trickle) { c.Finish() },
	}
	for name, end := range ends {
		for _, length := range []int64{-1, 100} {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				f := newFixture(t, mirror.Options{})
				url, got := hashing(t)
				r := newRequest(t, http.MethodPost, "/x", nil)
				c := f.NewCapture(length)
				f.offer(c, r, f.mirror(url), f.mirror(url))
				body := &trickle{pieces: make(chan []byte, 1)}
				live := c.Wrap(body)
				body.pieces <- []byte("half")
				if n, err := live.Read(make([]byte, 9)); n != 4 || err != nil {
					t.Fatal(n, err)
				}
				if f.Captured() == 0 {
					t.Error("nothing is captured")
				}
				end(live, c, body)
				if n := f.Captured(); n != 0 {
					t.Errorf("%d bytes are held for nothing", n)
				}
				for _, rec := range f.wait(2) {
					if resultOf(rec) != (result{record.Dropped, record.Incomplete, 0}) {
						t.Errorf("record %+v", rec)
					}
				}
				c.Finish()
				if got(0) != (received{}) {
					t.Errorf("the mirror got %+v", got(0))
				}
			})
		}
	}
}

func TestABodyThatEndsBeforeItsLengthIsIncomplete(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, _ := hashing(t)
	for i, b := range []string{"short", "rather too long"} {
		c := f.NewCapture(8)
		f.offer(c, newRequest(t, http.MethodPost, "/x", nil), f.mirror(url))
		_, _ = io.ReadAll(c.Wrap(io.NopCloser(strings.NewReader(b))))
		c.Finish()
		if rec := f.wait(i + 1)[i]; rec.ErrorKind != record.Incomplete {
			t.Errorf("%q: %+v", b, rec)
		}
	}
}

func TestOffersWithoutAnAttemptAreRefused(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	c := f.NewCapture(8)
	f.offer(c, newRequest(t, http.MethodPost, "/x", nil), f.mirror("http://127.0.0.1:1"))
	c.Finish()
	if rec := f.wait(1)[0]; rec.ErrorKind != record.Refused {
		t.Errorf("record %+v", rec)
	}
}

func TestASharedBodyIsNotCopied(t *testing.T) {
	const limit = 100_000
	f := newFixture(t, mirror.Options{MaxBody: limit, Budget: limit})
	url, got := hashing(t)
	for i, tt := range []struct {
		size      int
		announced int64
		want      record.ErrorKind
	}{
		{0, 0, record.None},
		{0, -1, record.None},
		{1, 1, record.None},
		{1, -1, record.None},
		{70_000, 70_000, record.None},
		{limit, -1, record.None},
		{limit + 1, -1, record.TooLarge},
	} {
		b := pattern(tt.size, 7)
		c := f.NewCapture(tt.announced)
		f.offer(c, newRequest(t, http.MethodPost, "/x", nil), f.mirror(url))
		c.Share(b)
		c.Finish()
		rec := f.wait(i + 1)[i]
		if rec.ErrorKind != tt.want || tt.want == record.None && got(i).Hash != hash(b) {
			t.Errorf("%d bytes: %+v, the mirror got %+v", tt.size, rec, got(i))
		}
	}
}

// A transport may read the body in a goroutine of its own that outlives the
// handler; -race decides.
func TestM18ALateReadTouchesNothing(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, _ := hashing(t)
	m := f.mirror(url)
	const n = 200
	for i := range n {
		body := pattern(20_000, byte(i))
		length := int64(len(body))
		if i%2 == 0 {
			length = -1
		}
		c := f.NewCapture(length)
		f.offer(c, newRequest(t, http.MethodPost, "/x", nil), m)
		live := c.Wrap(io.NopCloser(&pieces{b: body, size: 100}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			p := make([]byte, 100)
			for err := error(nil); err == nil; {
				_, err = live.Read(p)
				clear(p)
			}
			live.Close()
		}()
		if i%3 > 0 {
			c.Finish()
		}
		<-done
		c.Finish()
	}
	for r, k := range count(f.wait(n)) {
		if r.Outcome != record.OK && r.Kind != record.Incomplete && r.Kind != record.QueueFull {
			t.Errorf("%d copies ended %+v", k, r)
		}
	}
}
