package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// lend reads the live body to its end, as far as it is lent so, at most so many bytes at
// a time, and tells how much of it was.
func lend(t *testing.T, live io.Reader, most int64) (all []byte, lent int) {
	t.Helper()
	body := live.(*mirror.Capture)
	for {
		p, hold, err := body.Lend(most)
		if hold == nil {
			rest, err := io.ReadAll(live)
			if err != nil {
				t.Error(err)
			}
			return append(all, rest...), lent
		}
		if int64(len(p)) > most {
			t.Fatalf("%d bytes were lent, %d asked for", len(p), most)
		}
		all = append(all, p...)
		lent += len(p)
		hold.Close()
		if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract
			t.Error(err)
			return all, lent
		}
	}
}

func TestM07LentBodiesAreByteIdentical(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	for client, over := range clients() {
		t.Run(client, func(t *testing.T) {
			f := newFixtureOver(t, mirror.Options{MaxBody: 3 * m}, over)
			url, got := hashing(t)
			to := f.mirror(url)
			for i, tt := range []struct{ size, piece, most int }{
				{1, 1, m},
				{k, 100, m},
				{k + 1, 4 * k, m},
				{16 * k, m, 7 * k},
				{64*k - 1, m, m},
				{64 * k, m, m},
				{64*k + 1, m, m},
				{65 * k, 64*k - 1, m},
				{128 * k, 64*k + 1, m},
				{m, 4 * m, 4 * m},
				{m, 3 * k, 4 * m},
				{m + 64*k - 1, 4 * m, 4 * m},
				{m + 64*k, 4 * m, 4 * m},
				{m + 64*k + 1, 4 * m, 4 * m},
				{3 * m, 4 * m, 4 * m},
				{3 * m, m - 1, 100 * k},
			} {
				body := pattern(tt.size, byte(i))
				c := f.NewCapture(int64(tt.size))
				f.offer(c, newRequest(t, http.MethodPost, "/x", nil), to)
				live, lent := lend(t, c.Wrap(io.NopCloser(&pieces{b: body, size: tt.piece})), int64(tt.most))
				c.Finish()
				if !bytes.Equal(live, body) || lent != tt.size {
					t.Fatalf("%+v: live got %d bytes, %d of them lent", tt, len(live), lent)
				}
				if rec := f.wait(i + 1)[i]; got(i).Hash != hash(body) || rec.RequestBytes != int64(tt.size) {
					t.Fatalf("%+v: the mirror got %+v, record %+v", tt, got(i), rec)
				}
			}
		})
	}
}

// Of a body whose length is not known, and of one that is not captured any more, nothing
// is lent: live reads it.
func TestWhatIsNotCapturedIsNotLent(t *testing.T) {
	const most = 100_000
	f := newFixture(t, mirror.Options{MaxBody: most})
	url, got := hashing(t)
	to := f.mirror(url)
	arrived := 0
	for i, tt := range []struct {
		length int64
		limit  int64
		size   int
		lent   int
		want   record.ErrorKind
	}{
		{length: -1, size: 70_000},
		{length: -1, size: most + 1, want: record.TooLarge},
		{length: 80_000, size: 80_000, limit: 70_000, lent: 80_000, want: record.Refused}, // the attempt ends it
		{length: 70_000, size: 70_100, lent: 70_000},                                      // what follows is none of the body's
	} {
		body := pattern(tt.size, byte(i))
		c := f.NewCapture(tt.length)
		c.Limit(tt.limit)
		f.offer(c, newRequest(t, http.MethodPost, "/x", nil), to)
		live, lent := lend(t, c.Wrap(io.NopCloser(&pieces{b: body, size: tt.size})), 1<<20)
		c.Finish()
		if !bytes.Equal(live, body) || lent != tt.lent {
			t.Errorf("%+v: live got %d bytes, %d of them lent", tt, len(live), lent)
		}
		if rec := f.wait(i + 1)[i]; rec.ErrorKind != tt.want {
			t.Errorf("%+v: record %+v", tt, rec)
		}
		if tt.want == record.None {
			if g := got(arrived); g.Hash != hash(body[:70_000]) {
				t.Errorf("%+v: the mirror got %+v", tt, g)
			}
			arrived++
		}
	}
}

// What live is sending stays as it is, and counts for the budget, when the copies have
// been sent long ago.
func TestWhatIsLentOutlivesTheCopies(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, _ := hashing(t)
	to := f.mirror(url)
	const size = 50_000
	c := f.NewCapture(size)
	f.offer(c, newRequest(t, http.MethodPost, "/x", nil), to)
	body := pattern(size, 1)
	p, hold, err := c.Wrap(io.NopCloser(bytes.NewReader(body))).(*mirror.Capture).Lend(size)
	if err != nil || hold == nil {
		t.Fatal(hold, err)
	}
	f.wait(1)
	c.Finish()
	for i := range 20 {
		f.send(http.MethodPost, "/x", string(pattern(size, byte(i+2))), to)
		f.wait(i + 2)
	}
	if !bytes.Equal(p, body) {
		t.Error("what was lent has changed")
	}
	held := f.Captured()
	hold.Close()
	if after := f.Captured(); held < size || after != 0 {
		t.Errorf("%d bytes of the budget are held with it, %d without", held, after)
	}
}

// parked is a live body that keeps its reader waiting.
type parked struct {
	begun, end chan struct{}
	late       []byte
}

func (r *parked) Read(p []byte) (int, error) {
	close(r.begun)
	<-r.end
	return copy(p, r.late), nil
}

// A request may end while its body is read: what comes then goes where nobody else looks.
func TestM18ALateLendTouchesNothing(t *testing.T) {
	const size = 100
	f := newFixture(t, mirror.Options{})
	url, got := hashing(t)
	to := f.mirror(url)
	c := f.NewCapture(size)
	f.offer(c, newRequest(t, http.MethodPost, "/x", nil), to)
	body := &parked{begun: make(chan struct{}), end: make(chan struct{}), late: pattern(size, 1)}
	live := c.Wrap(io.NopCloser(body)).(*mirror.Capture)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, hold, err := live.Lend(size)
		if !bytes.Equal(p, body.late) || hold == nil || err != nil {
			t.Errorf("%d bytes, %v, %v", len(p), hold, err)
			return
		}
		hold.Close()
		if _, hold, err := live.Lend(size); hold != nil || err != nil {
			t.Errorf("it is lent when nothing is captured any more: %v", err)
		}
	}()
	<-body.begun
	c.Finish()
	f.wait(1)
	next := f.NewCapture(size) // begins while the other one is still read into its memory
	f.offer(next, newRequest(t, http.MethodPost, "/x", nil), to)
	other := next.Wrap(io.NopCloser(&pieces{b: pattern(size, 2), size: 1}))
	if _, err := io.ReadFull(other, make([]byte, size/2)); err != nil {
		t.Fatal(err)
	}
	close(body.end)
	<-done
	if _, err := io.ReadFull(other, make([]byte, size/2)); err != nil {
		t.Fatal(err)
	}
	next.Finish()
	want := map[result]int{{record.Dropped, record.Incomplete, 0}: 1, {record.OK, record.None, 200}: 1}
	if diff := cmp.Diff(want, count(f.wait(2))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got(0).Hash != hash(pattern(size, 2)) {
		t.Errorf("the mirror got %+v", got(0))
	}
}

type bomb struct{}

func (bomb) Read([]byte) (int, error) { panic(errors.New("of the body")) }

func TestAPanicOfWhatIsLentHoldsNothing(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	c := f.NewCapture(10)
	f.offer(c, newRequest(t, http.MethodPost, "/x", nil), f.mirror("http://127.0.0.1:1"))
	live := c.Wrap(io.NopCloser(bomb{})).(*mirror.Capture)
	func() {
		defer func() {
			if v := recover(); fmt.Sprint(v) != "of the body" {
				t.Errorf("the panic became %v", v)
			}
		}()
		_, _, _ = live.Lend(10)
	}()
	c.Finish()
	if n := f.Captured(); n != 0 {
		t.Errorf("%d bytes are held for nothing", n)
	}
}

// Bodies of many callers, each lent to live while it goes to two mirrors; -race decides as
// well. Copies that a busy machine does not connect are none of its business.
func TestM08NoForeignBytesWhereTheyAreLent(t *testing.T) {
	const size, callers, each = 100_000, 4, 5
	var bad sync.Map
	var arrived atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		salt, _ := strconv.Atoi(r.Header.Get("X-Salt"))
		if err != nil || !bytes.Equal(b, pattern(size, byte(salt))) {
			bad.Store(r.Header.Get("X-Salt"), len(b))
		}
		arrived.Add(1)
	}))
	defer s.Close()
	for client, over := range clients() {
		t.Run(client, func(t *testing.T) {
			f := newFixtureOver(t, mirror.Options{Queue: 1000}, over)
			a, b := f.mirror(s.URL), f.mirror(s.URL)
			var wg sync.WaitGroup
			for caller := range callers {
				wg.Go(func() {
					for i := range each {
						salt := caller*each + i
						want := pattern(size, byte(salt))
						r := newRequest(t, http.MethodPost, "/x", nil)
						r.Header.Set("X-Salt", strconv.Itoa(salt))
						c := f.NewCapture(size)
						f.offer(c, r, a, b)
						all, lent := lend(t, c.Wrap(io.NopCloser(bytes.NewReader(want))), 1<<20)
						c.Finish()
						if !bytes.Equal(all, want) || lent != size {
							t.Errorf("live got %d bytes, %d of them lent", len(all), lent)
						}
					}
				})
			}
			wg.Wait()
			f.wait(callers * each * 2)
		})
	}
	if arrived.Load() == 0 {
		t.Error("no copy arrived")
	}
	bad.Range(func(salt, n any) bool {
		t.Errorf("the copy of %v has wrong bytes, %v of them", salt, n)
		return true
	})
}
