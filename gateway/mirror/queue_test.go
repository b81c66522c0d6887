package mirror_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// transport is a mirror without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r)
}

func (transport) CloseIdleConnections() {}

func (f transport) over() deployments.PoolOptions {
	return deployments.PoolOptions{Transport: func(deployments.Destination) deployments.Transport { return f }}
}

func answer(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: 200, Body: http.NoBody}, err
}

func TestTheBreakerOpensGrowsProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Bool
		var calls atomic.Int64
		fails.Store(true)
		f := newFixtureOver(t, mirror.Options{}, transport(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			if fails.Load() {
				return nil, io.ErrUnexpectedEOF
			}
			return answer(r)
		}).over())
		m := f.mirror("http://mirror.invalid")
		try := func(n int) (sent int64) {
			before := calls.Load()
			for range n {
				f.send("POST", "/x", "b", m)
				synctest.Wait()
			}
			return calls.Load() - before
		}
		if n := try(20); n != 5 {
			t.Errorf("%d copies were sent before the breaker opened, want 5", n)
		}
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			<-time.After(wait*time.Second - time.Millisecond)
			if n := try(3); n != 0 {
				t.Errorf("%d copies were sent before %d s have passed", n, wait)
			}
			<-time.After(time.Millisecond)
			if n := try(3); n != 1 {
				t.Errorf("%d probes after %d s, want 1", n, wait)
			}
		}
		if !m.queue.State().BreakerOpen {
			t.Error("the breaker is closed")
		}
		fails.Store(false)
		<-time.After(30 * time.Second)
		if n := try(10); n != 10 || m.queue.State().BreakerOpen {
			t.Errorf("%d copies after a probe that succeeded, want 10", n)
		}
		fails.Store(true)
		if n := try(20); n != 5 {
			t.Errorf("%d copies until it opened again, want 5", n)
		}
		<-time.After(time.Second)
		if n := try(1); n != 1 {
			t.Error("it does not begin with the least time again")
		}
	})
}

// A mirror whose answers are all beyond the limit costs a connection and the
// limit for each copy; one that streams as much over a while costs little.
func TestM02AnswersBeyondTheLimitOpenTheBreaker(t *testing.T) {
	for took, wantSent := range map[time.Duration]int{0: 3, 2 * time.Second: 10} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixtureOver(t, mirror.Options{BreakerFailures: 3, MaxAnswer: 10}, transport(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: &lateBody{strings.NewReader("more than ten"), took}}, nil
			}).over())
			m := f.mirror("http://mirror.invalid")
			for range 10 {
				f.send("POST", "/x", "b", m)
				<-time.After(took)
				synctest.Wait()
			}
			want := map[result]int{{record.Error, record.TooLarge, 200}: wantSent}
			if dropped := 10 - wantSent; dropped > 0 {
				want[result{record.Dropped, record.BreakerOpen, 0}] = dropped
			}
			if diff := cmp.Diff(want, count(f.wait(10))); diff != "" {
				t.Errorf("answers that take %v (-want +got):\n%s", took, diff)
			}
		})
	}
}

// lateBody has its first byte after a while.
type lateBody struct {
	io.Reader
	after time.Duration
}

func (b *lateBody) Read(p []byte) (int, error) {
	<-time.After(b.after)
	b.after = 0
	return b.Reader.Read(p)
}

func (b *lateBody) Close() error { return nil }

func TestAProbeThatIsNotSentDoesNotBlockTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		f := newFixtureOver(t, mirror.Options{BreakerFailures: 1}, transport(func(*http.Request) (*http.Response, error) {
			calls++
			return nil, io.ErrUnexpectedEOF
		}).over())
		m := f.mirror("http://mirror.invalid")
		f.send("POST", "/x", "b", m)
		synctest.Wait()
		<-time.After(time.Second)
		f.send("POST", "/x/../y", "b", m) // has no place at the replica
		synctest.Wait()
		f.send("POST", "/x", "b", m)
		synctest.Wait()
		if calls != 2 {
			t.Errorf("%d copies were sent, want the first and a probe", calls)
		}
	})
}

// A caller may take an hour to send what would be the probe.
func TestTheProbeIsTheFirstCopyThatIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails, calls := true, 0
		f := newFixtureOver(t, mirror.Options{BreakerFailures: 1}, transport(func(r *http.Request) (*http.Response, error) {
			calls++
			if fails {
				return nil, io.ErrUnexpectedEOF
			}
			<-time.After(time.Second)
			return answer(r)
		}).over())
		m := f.mirror("http://mirror.invalid")
		f.send("POST", "/x", "b", m)
		synctest.Wait()
		<-time.After(time.Second)
		fails = false
		slow, finish := f.begin(m)
		f.send("POST", "/x", "b", m) // the probe
		if synctest.Wait(); calls != 2 {
			t.Error("there is no probe before a slow body is whole")
		}
		f.send("POST", "/x", "b", m) // finds it on its way
		slow()                       // and so does what was admitted before
		finish()
		if synctest.Wait(); calls != 2 {
			t.Errorf("%d copies were sent, want the first and a probe", calls)
		}
		<-time.After(2 * time.Second)
		f.send("POST", "/x", "b", m)
		want := map[result]int{
			{record.Error, record.Reset, 0}: 1, {record.OK, record.None, 200}: 2, {record.Dropped, record.BreakerOpen, 0}: 2,
		}
		if diff := cmp.Diff(want, count(f.wait(5))); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

// begin offers a copy of a request whose body has begun to come: its rest, and the end
// of the request, come when the test says so.
func (f *fixture) begin(m target) (rest, finish func()) {
	f.t.Helper()
	body := &trickle{pieces: make(chan []byte, 2)}
	c := f.NewCapture(-1)
	f.offer(c, newRequest(f.t, http.MethodPost, "/x", nil), m)
	live := c.Wrap(body)
	body.pieces <- []byte("begun")
	if _, err := live.Read(make([]byte, 10)); err != nil {
		f.t.Fatal(err)
	}
	return func() {
		close(body.pieces)
		_, _ = io.Copy(io.Discard, live)
	}, c.Finish
}

func TestWhatIsBeingCapturedTakesNoSlot(t *testing.T) {
	gate := make(chan struct{})
	f := newFixtureOver(t, mirror.Options{Queue: 2, Workers: 1}, transport(func(r *http.Request) (*http.Response, error) {
		<-gate
		return answer(r)
	}).over())
	m := f.mirror("http://mirror.invalid")
	var rests []func()
	for range 5 {
		rest, finish := f.begin(m)
		defer finish()
		rests = append(rests, rest)
	}
	f.send("POST", "/x", "b", m)
	testbed.Eventually(t, "it is being sent", func() bool { return m.queue.State().Sending == 1 })
	f.send("POST", "/x", "b", m)
	for _, rest := range rests { // one finds a slot
		rest()
	}
	close(gate)
	want := map[result]int{{record.OK, record.None, 200}: 3, {record.Dropped, record.QueueFull, 0}: 4}
	if diff := cmp.Diff(want, count(f.wait(7))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestACopyThatCannotBeWrittenIsNoFailure(t *testing.T) {
	f := newFixtureOver(t, mirror.Options{BreakerFailures: 1}, clients()["own client"])
	m := f.mirror(answering(t).URL)
	for _, spoil := range []func(*http.Request){
		func(r *http.Request) { r.Method = "G T" },
		func(r *http.Request) { r.URL.RawQuery = "a b" },
	} {
		r := newRequest(t, http.MethodGet, "/x", nil)
		spoil(r)
		c := f.NewCapture(0)
		f.offer(c, r, m)
		c.Wrap(nil)
		c.Finish()
	}
	f.wait(2)
	f.send("POST", "/x", "b", m)
	want := map[result]int{{record.OK, record.None, 200}: 1, {record.Dropped, record.BadRequest, 0}: 2}
	if diff := cmp.Diff(want, count(f.wait(3))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestAStatusOrABrokenCallerIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOver(t, mirror.Options{BreakerFailures: 1}, transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
		}).over())
		m := f.mirror("http://mirror.invalid")
		for range 10 {
			f.send("GET", "/x", "", m)
		}
		synctest.Wait()
		want := map[result]int{{record.Error, record.Status, 503}: 10}
		if diff := cmp.Diff(want, count(f.wait(10))); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

func TestWhatWaitsIsDroppedWhenTheBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOver(t, mirror.Options{Workers: 2, Timeout: 5 * time.Second}, transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}).over())
		m := f.mirror("http://mirror.invalid")
		for range 100 {
			f.send("POST", "/x", "b", m)
		}
		begin := time.Now()
		got := count(f.wait(100))
		want := map[result]int{{record.Error, record.Timeout, 0}: 6, {record.Dropped, record.BreakerOpen, 0}: 94}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
		if took := time.Since(begin); took != 15*time.Second { // three times 5 s, two at a time
			t.Errorf("it took %v", took)
		}
	})
}

func TestWorkersAreBoundedAndEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int64
		var most peak
		f := newFixtureOver(t, mirror.Options{Workers: 4}, transport(func(r *http.Request) (*http.Response, error) {
			most.tell(now.Add(1))
			defer now.Add(-1)
			<-time.After(time.Second)
			return answer(r)
		}).over())
		before := runtime.NumGoroutine()
		var all []target
		for range 1000 {
			all = append(all, f.mirror("http://mirror.invalid"))
		}
		if n := runtime.NumGoroutine() - before; n > 0 {
			t.Errorf("%d goroutines for mirrors without copies", n)
		}
		m := all[0]
		for range 40 {
			f.send("POST", "/x", "b", m)
		}
		f.wait(40)
		if most.Load() != 4 {
			t.Errorf("%d copies were sent at the same time, want 4", most.Load())
		}
		<-time.After(11 * time.Second)
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 0 {
			t.Errorf("%d goroutines are left of idle workers", n)
		}
		f.send("POST", "/x", "b", m)
		f.wait(41)
	})
}

func TestQueuesSurviveAndRetiredOnesFinish(t *testing.T) {
	gate := make(chan struct{})
	f := newFixtureOver(t, mirror.Options{Workers: 1}, transport(func(r *http.Request) (*http.Response, error) {
		<-gate
		return answer(r)
	}).over())
	kept, retired := f.mirror("http://mirror.invalid"), f.mirror("http://mirror.invalid")
	for range 3 {
		f.send("POST", "/x", "b", kept, retired)
	}
	f.Forget("e", retired.name)
	if f.Queue("e", kept.name, nil) != kept.queue {
		t.Error("a retained queue is forgotten")
	}
	if f.Queue("e", retired.name, nil) == retired.queue {
		t.Error("a retired queue is not forgotten")
	}
	f.send("POST", "/x", "b", retired) // of a request that began before the swap
	close(gate)
	if n := count(f.wait(7))[result{record.OK, record.None, 200}]; n != 7 {
		t.Errorf("%d copies were sent, want 7", n)
	}
}

func TestATimeoutBeginsWithTheSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOver(t, mirror.Options{Workers: 1, Timeout: 3 * time.Second}, transport(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(2 * time.Second):
				return answer(r)
			case <-r.Context().Done():
				return nil, errors.Join(r.Context().Err())
			}
		}).over())
		m := f.mirror("http://mirror.invalid")
		for range 5 {
			f.send("POST", "/x", strings.Repeat("b", 10), m)
		}
		for i, rec := range f.wait(5) {
			if took := rec.End.Sub(rec.Start); rec.Outcome != record.OK || took != 2*time.Second || rec.TTFB != took {
				t.Errorf("copy %d: %s after %v", i, rec.Outcome, took)
			}
		}
	})
}
