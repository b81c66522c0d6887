package front

import (
	"io"
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

// replayed is a connection whose first bytes have been read already. It embeds the interface, not the *net.TCPConn: a
// promoted WriteTo would pass by those bytes.
type replayed struct {
	net.Conn
	tcp     *net.TCPConn
	pending []byte
}

// Read returns the bytes read before, then those of the connection.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.pending) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// ReadFrom keeps sendfile and splice for net/http's io.Copy to the client.
func (r *replayed) ReadFrom(src io.Reader) (int64, error) { return r.tcp.ReadFrom(src) }

// CloseWrite lets net/http and tunnels half-close.
func (r *replayed) CloseWrite() error { return r.tcp.CloseWrite() }

// NetConn returns the connection below, as tls.Conn does, for its options; reading from it loses bytes.
func (r *replayed) NetConn() net.Conn { return r.tcp }
