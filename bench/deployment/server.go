//go:build linux

package deployment

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/switchyard-gateway/switchyard/bench/epoll"
)

const (
	replyBytes  = 200
	received    = 256 << 10
	longestWait = 50 * time.Millisecond
	maxAccepts  = 64 // of one listener in a row
)

// Server serves deployments.
type Server struct {
	epoll       *epoll.Loop
	deployments []*served
	connections []connection // by file descriptor
	buffer      []byte
	began       time.Time
	late        []late // slow answers under way, the next first
}

// served is one deployment of a server.
type served struct {
	spec     Spec
	listener int
	port     int
	reply    []byte

	requests, bytes, malformed atomic.Int64 // written by Serve's thread only
}

// late is an answer that is due.
type late struct {
	due        time.Duration
	fd         int
	generation uint32
}

// New binds a port for each deployment. What Serve has not begun to take waits.
func New(specs []Spec) (*Server, error) {
	loop, err := epoll.New()
	if err != nil {
		return nil, err
	}
	s := &Server{epoll: loop, buffer: make([]byte, received), began: time.Now()}
	for _, spec := range specs {
		if err := s.open(spec); err != nil {
			return nil, fmt.Errorf("deployment %s: %w", spec.Name, err)
		}
	}
	return s, nil
}

func (s *Server) open(spec Spec) error {
	fd, port, err := epoll.Bind()
	if err != nil {
		return err
	}
	d := &served{spec: spec, listener: fd, port: port, reply: reply(spec.Name)}
	s.deployments = append(s.deployments, d)
	if spec.Behavior == Dead { // bound, so that the port stays dead
		return nil
	}
	if err := epoll.Listen(fd); err != nil {
		return err
	}
	return s.epoll.Add(fd, unix.EPOLLIN, -len(s.deployments))
}

func reply(name string) []byte {
	body := bytes.Repeat([]byte("x"), replyBytes)
	body[0] = name[0]
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
	return append([]byte(head), body...)
}

// Ports are where the deployments listen, by name.
func (s *Server) Ports() map[string]int {
	ports := map[string]int{}
	for _, d := range s.deployments {
		ports[d.spec.Name] = d.port
	}
	return ports
}

// Counts is what each deployment has seen, by name. It may be called at any time
// from any goroutine.
func (s *Server) Counts() map[string]Counts {
	counts := map[string]Counts{}
	for _, d := range s.deployments {
		counts[d.spec.Name] = Counts{Requests: d.requests.Load(), Bytes: d.bytes.Load(), Malformed: d.malformed.Load()}
	}
	return counts
}

// Serve serves until stop is closed, which it notices within 50 ms, and then
// closes everything.
func (s *Server) Serve(stop <-chan struct{}) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.close()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		events, err := s.epoll.Wait(s.wait())
		if err != nil {
			return err
		}
		for _, e := range events {
			s.handle(int(e.Fd))
		}
		s.answerLate()
	}
}

func (s *Server) close() {
	for fd := range s.connections {
		if s.connections[fd].deployment != nil {
			epoll.Close(fd)
		}
	}
	for _, d := range s.deployments {
		epoll.Close(d.listener)
	}
	_ = s.epoll.Close()
}

func (s *Server) wait() time.Duration {
	if len(s.late) == 0 {
		return longestWait
	}
	return min(longestWait, s.late[0].due-time.Since(s.began))
}

// handle deals with an event: of a connection, or, below 0, of a listener.
func (s *Server) handle(tag int) {
	if tag < 0 {
		s.accept(s.deployments[-tag-1])
		return
	}
	n, errno := epoll.Receive(tag, s.buffer)
	if errno == unix.EAGAIN {
		return
	}
	if errno != 0 || n == 0 || !s.take(tag, s.buffer[:n]) {
		s.drop(tag)
	}
}

func (s *Server) accept(d *served) {
	for range maxAccepts {
		fd, errno := epoll.Accept(d.listener)
		if errno != 0 {
			return
		}
		for fd >= len(s.connections) {
			s.connections = append(s.connections, connection{})
		}
		c := &s.connections[fd]
		*c = connection{deployment: d, generation: c.generation + 1, head: c.head[:0]}
		if s.epoll.Add(fd, unix.EPOLLIN|unix.EPOLLRDHUP, fd) != nil {
			s.drop(fd)
		}
	}
}

func (s *Server) drop(fd int) {
	c := &s.connections[fd]
	c.deployment = nil
	c.generation++
	epoll.Close(fd)
}

// answerLate sends the slow answers that are due. All have the same delay, so
// that the first to come is the first to go.
func (s *Server) answerLate() {
	for len(s.late) > 0 && s.late[0].due <= time.Since(s.began) {
		l := s.late[0]
		s.late = s.late[1:]
		if c := &s.connections[l.fd]; c.generation == l.generation && !s.send(l.fd) {
			s.drop(l.fd)
		}
	}
}
