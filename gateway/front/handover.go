package front

import (
	"net"
	"sync"
)

// handover is the listener on which the http.Server accepts what the fast lane hands over.
type handover struct {
	conns  chan net.Conn // capacity 0: give waits for the server's accept loop, which takes at once or is closed
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func newHandover(addr net.Addr) *handover {
	return &handover{conns: make(chan net.Conn), closed: make(chan struct{}), addr: addr}
}

// give passes the connection on; a server that no longer accepts makes it end here.
func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It may be called any number of times.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr is the address of the public listener.
func (h *handover) Addr() net.Addr { return h.addr }
