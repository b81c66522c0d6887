//go:build linux

package load

import (
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/switchyard-gateway/switchyard/bench/epoll"
)

const (
	longestWait = 50 * time.Millisecond // between two looks at the clock
	redialAfter = 10 * time.Millisecond // since the last look for connections that are down
	received    = 256 << 10             // bytes read at once
)

// Window is told when the measured time begins and when it ends, on the loop's
// own thread, to read clocks. It is quick.
type Window struct {
	Begin func()
	End   func()
}

// Run makes the calls and returns when all are answered or the drain is over.
func Run(o Options, w Window) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := newRun(o)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.loop(w); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

// run is one load. All times are since its beginning.
type run struct {
	options Options
	random  *rand.Rand
	epoll   *epoll.Loop
	buffer  []byte

	began            time.Time
	from, end, limit time.Duration // of what is measured, and of the drain
	step             time.Duration // between two requests that are due; 0: a closed loop

	connections []connection
	idle        ring
	busy        int
	next        int64 // the number of the next request at a constant rate
	total       int64 // how many requests a constant rate has in all
	redialed    time.Duration

	sent, requests, good, due, notOK, broken, unanswered int64
	latencies                                            Histogram
	answers                                              [256]int64
}

func newRun(o Options) (*run, error) {
	loop, err := epoll.New()
	if err != nil {
		return nil, err
	}
	r := &run{options: o, random: rand.New(rand.NewPCG(1, 1)), epoll: loop, buffer: make([]byte, received)}
	r.from = o.Warm
	r.end = r.from + o.Duration
	r.limit = r.end + o.Drain
	if o.Rate > 0 {
		r.step = time.Duration(float64(time.Second) / o.Rate)
		r.total = int64(r.end / r.step)
	}
	body := newBody(o.Body)
	r.connections = make([]connection, o.Connections)
	r.idle.items = make([]int, o.Connections+1)
	for i := range r.connections {
		r.connections[i] = connection{request: newRequest(o, body), fd: -1}
	}
	return r, nil
}

func (r *run) close() {
	for i := range r.connections {
		if fd := r.connections[i].fd; fd >= 0 {
			epoll.Close(fd)
		}
	}
	_ = r.epoll.Close()
}

func (r *run) now() time.Duration { return time.Since(r.began) }

func (r *run) loop(w Window) error {
	r.began = time.Now()
	r.redial(0)
	begun, ended := false, false
	for {
		now := r.now()
		if !begun && now >= r.from {
			begun = true
			w.Begin()
		}
		if !ended && now >= r.end {
			ended = true
			w.End()
		}
		r.startDue(now)
		if now >= r.limit || ended && r.busy == 0 && r.next >= r.total {
			return nil
		}
		if now-r.redialed > redialAfter && now < r.end {
			r.redial(now)
		}
		events, err := r.epoll.Wait(r.wait(now))
		if err != nil {
			return err
		}
		for _, e := range events {
			r.handle(int(e.Fd), e.Events)
		}
	}
}

// wait is how long nothing is to be done unless a socket wakes the loop.
func (r *run) wait(now time.Duration) time.Duration {
	d := longestWait
	for _, next := range [...]time.Duration{r.from, r.end, r.limit} {
		if next > now {
			d = min(d, next-now)
		}
	}
	if r.next < r.total && r.idle.count > 0 {
		d = min(d, r.dueAt(r.next)-now)
	}
	return d
}

// dueAt is when a request is due at a constant rate.
func (r *run) dueAt(n int64) time.Duration { return time.Duration(n) * r.step }

// startDue sends the requests that are due, as far as connections are free.
func (r *run) startDue(now time.Duration) {
	for r.next < r.total && r.dueAt(r.next) <= now {
		i, ok := r.takeIdle()
		if !ok {
			return
		}
		r.start(i, r.dueAt(r.next))
		r.next++
	}
}

func (r *run) takeIdle() (int, bool) {
	for r.idle.count > 0 {
		i := r.idle.take()
		r.connections[i].queued = false
		if r.connections[i].state == idle {
			return i, true
		}
	}
	return 0, false
}

func (r *run) measured(due time.Duration) bool { return due >= r.from && due < r.end }

// result sums up. What is still under way, and what was due and never sent, was
// not answered.
func (r *run) result() Result {
	now := r.now()
	for i := range r.connections {
		if c := &r.connections[i]; c.state == busy && r.measured(c.due) {
			r.miss(c.due, now)
		}
	}
	for ; r.next < r.total; r.next++ {
		if r.measured(r.dueAt(r.next)) {
			r.due++
			r.miss(r.dueAt(r.next), now)
		}
	}
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	out := Result{
		Requests: r.requests, Rate: float64(r.good) / r.options.Duration.Seconds(), Due: r.due, Sent: r.sent,
		NotOK: r.notOK, Broken: r.broken, Unanswered: r.unanswered, Answers: map[string]int64{},
		P50: us(r.latencies.Quantile(0.5)), P99: us(r.latencies.Quantile(0.99)), P999: us(r.latencies.Quantile(0.999)),
		Max: us(r.latencies.Max()),
	}
	for b, n := range r.answers {
		if n > 0 {
			out.Answers[string(rune(b))] = n
		}
	}
	return out
}

func (r *run) miss(due, now time.Duration) {
	r.unanswered++
	r.latencies.Add(now - due)
}

// watched are the events that a connection is woken by, once for each change.
const watched = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
