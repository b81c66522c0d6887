//go:build !linux

package front

import "net"

// source reads from a connection. There is no fast lane here.
type source struct {
	*net.TCPConn
	waited bool
}

// more reads what is there: it does not know.
func (*source) more([]byte) (int, error) { return 0, nil }

func newSource(tcp *net.TCPConn) *source { return &source{TCPConn: tcp} }
