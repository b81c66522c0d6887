//go:build !linux

package front

import "net"

// source reads from a connection. Elsewhere than on Linux there is no fast lane.
type source struct {
	*net.TCPConn
	waited bool
}

func newSource(tcp *net.TCPConn) *source { return &source{TCPConn: tcp} }
