//go:build unix

package upstream

import "syscall"

// peekSocket sets c.quiet if the socket is open and has nothing to read. Sockets of package net never block.
func (c *conn) peekSocket(fd uintptr) {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	c.quiet = err == syscall.EAGAIN
}
