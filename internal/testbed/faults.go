package testbed

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Faults starts a server for each fault of the requirements' fault set that a
// server can have, and returns their URLs by name. What remains is up to the
// client's side: a SYN lost in a black hole, DNS, panics.
func Faults(tb testing.TB) map[string]string {
	tb.Helper()
	over := tb.Context().Done()
	urls := map[string]string{"refused": "http://127.0.0.1:1"}
	for name, handle := range map[string]func(*net.TCPConn){
		"never reads":       deaf(over),
		"reads 1 KiB/s":     sip(over),
		"never answers":     Hung,
		"answers in 60 s":   AfterRequest(late(over)),
		"resets mid-body":   resetAmidBody,
		"resets mid-answer": AfterRequest(resetAmidAnswer),
		"1 GB answer":       AfterRequest(hugeAnswer),
		"endless 1xx":       AfterRequest(func(c *net.TCPConn) { Repeat(c, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") }),
		"invalid HTTP":      AfterRequest(func(c *net.TCPConn) { Repeat(c, "", "SSH-2.0-OpenSSH_9.6\r\n") }),
	} {
		urls[name] = TCP(tb, handle)
	}
	urls["TLS failure"] = strings.Replace(TCP(tb, func(*net.TCPConn) {}), "http:", "https:", 1)
	return urls
}

// Deaf starts a server that accepts connections and never reads from them.
func Deaf(tb testing.TB) (url string) {
	tb.Helper()
	return TCP(tb, deaf(tb.Context().Done()))
}

func deaf(over <-chan struct{}) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_ = c.SetReadBuffer(4 << 10)
		<-over
	}
}

// sip reads 1 KiB in a second.
func sip(over <-chan struct{}) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_ = c.SetReadBuffer(4 << 10)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.CopyN(io.Discard, c, 102); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}
}

func late(over <-chan struct{}) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		select {
		case <-time.After(time.Minute):
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		case <-over:
		}
	}
}

// Both reset their connections instead of closing them.

func resetAmidBody(c *net.TCPConn) {
	_, _ = io.CopyN(io.Discard, c, 300)
	_ = c.SetLinger(0)
}

func resetAmidAnswer(c *net.TCPConn) {
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	_ = c.SetLinger(0)
}

func hugeAnswer(c *net.TCPConn) {
	Repeat(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", strings.Repeat("x", 64<<10))
}
