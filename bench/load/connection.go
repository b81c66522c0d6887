//go:build linux

package load

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/switchyard-gateway/switchyard/bench/epoll"
)

type state uint8

const (
	down state = iota
	dialing
	idle
	busy
)

// connection is one kept-alive connection and the request that is under way on it.
type connection struct {
	fd     int
	state  state
	queued bool // it is in the ring of idle connections

	request request
	written int
	due     time.Duration
	answer  answer
}

// ring is a queue of connections, the longest idle first, so that all are used.
type ring struct {
	items       []int // one more than there are connections
	head, count int
}

func (q *ring) put(i int) {
	q.items[(q.head+q.count)%len(q.items)] = i
	q.count++
}

func (q *ring) take() int {
	i := q.items[q.head]
	q.head = (q.head + 1) % len(q.items)
	q.count--
	return i
}

// redial connects what is down.
func (r *run) redial(now time.Duration) {
	r.redialed = now
	for i := range r.connections {
		if r.connections[i].state == down {
			r.dial(i)
		}
	}
}

// dial begins to connect; if that fails at once, redial tries again.
func (r *run) dial(i int) {
	c := &r.connections[i]
	fd, err := epoll.Dial(r.options.Port)
	if err != nil {
		return
	}
	if err := r.epoll.Add(fd, watched, i); err != nil {
		epoll.Close(fd)
		return
	}
	c.fd, c.state = fd, dialing
}

// handle deals with an event of connection i.
func (r *run) handle(i int, events uint32) {
	c := &r.connections[i]
	switch {
	case c.state == down:
	case c.state == dialing && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0:
		if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 || epoll.Failed(c.fd) {
			r.shut(i)
			return
		}
		r.free(i)
	default:
		if c.state == busy && events&unix.EPOLLOUT != 0 {
			r.write(i)
		}
		if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			r.read(i, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		}
	}
}

// free lets connection i take its next request.
func (r *run) free(i int) {
	c := &r.connections[i]
	c.state = idle
	now := r.now()
	switch {
	case now >= r.end && r.step == 0:
	case r.step == 0:
		r.start(i, now)
	case r.next < r.total && r.dueAt(r.next) <= now && r.idle.count == 0:
		r.start(i, r.dueAt(r.next))
		r.next++
	case !c.queued:
		c.queued = true
		r.idle.put(i)
	}
}

func (r *run) start(i int, due time.Duration) {
	c := &r.connections[i]
	c.state, c.due, c.written = busy, due, 0
	c.answer.reset()
	c.request.vary(r.random, r.options.Endpoints)
	r.busy++
	r.sent++
	if r.measured(due) {
		r.due++
	}
	r.write(i)
}

// write sends as much as fits; an edge of EPOLLOUT continues. That the
// connection is over is for read to find.
func (r *run) write(i int) {
	c := &r.connections[i]
	for c.written < c.request.size() {
		p, more := c.request.from(c.written)
		n, errno := epoll.Send(c.fd, p, more)
		if errno != 0 {
			return
		}
		c.written += n
	}
}

// read takes all that has come; over tells that nothing will come after it.
func (r *run) read(i int, over bool) {
	c := &r.connections[i]
	for {
		n, errno := epoll.Receive(c.fd, r.buffer)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != 0 || n == 0:
			r.lost(i)
			return
		case c.state != busy: // nothing was asked
			r.shut(i)
			return
		}
		done, err := c.answer.read(r.buffer[:n])
		if err != nil {
			r.lost(i)
			return
		}
		if done {
			c.answer.closes = c.answer.closes || over
			r.answered(i)
			return
		}
		if n < len(r.buffer) && !over { // nothing is left; what comes later is a new edge
			return
		}
	}
}

// answered counts an answer and puts its connection to its next use.
func (r *run) answered(i int) {
	c := &r.connections[i]
	now := r.now()
	good := c.answer.status/100 == 2
	if now >= r.from && now < r.end {
		r.requests++
		if good && (r.step == 0 || r.measured(c.due)) {
			r.good++
		}
	}
	switch {
	case r.measured(c.due) && good:
		r.latencies.Add(now - c.due)
		r.answers[c.answer.first]++
	case r.measured(c.due):
		r.notOK++
	}
	r.busy--
	if c.answer.closes || c.written < c.request.size() {
		r.shut(i)
		r.dial(i)
		return
	}
	r.free(i)
}

// lost is the end of a connection that somebody else made. It matters to the
// request that was under way.
func (r *run) lost(i int) {
	c := &r.connections[i]
	if c.state == busy {
		r.busy--
		if r.measured(c.due) {
			r.broken++
		}
	}
	r.shut(i)
	if r.now() < r.end {
		r.dial(i)
	}
}

func (r *run) shut(i int) {
	c := &r.connections[i]
	epoll.Close(c.fd)
	c.fd, c.state = -1, down
}
