//go:build !linux

package front

import "net"

// source reads from a connection. There is no fast lane here.
type source struct {
	*net.TCPConn
	waited bool
}

func newSource(tcp *net.TCPConn) *source { return &source{TCPConn: tcp} }
