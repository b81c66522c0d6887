package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// slowBodies are requests that take their time, all at once, with and without a length.
func slowBodies(b *besieged) (tried, through int) {
	const each = 25
	var callers sync.WaitGroup
	var got atomic.Int64
	for _, framing := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		for range each {
			callers.Go(func() {
				if !b.trickle(framing) {
					got.Add(1)
				}
			})
		}
	}
	callers.Wait()
	return 2 * each, int(got.Load())
}

// trickle sends a body byte by byte, and reports whether it was refused.
func (b *besieged) trickle(framing string) bool {
	c, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", b.listen)
	if err != nil {
		b.t.Error(err)
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "POST /v1/open HTTP/1.1\r\nHost: gateway.example\r\n"+framing+"\r\n\r\n"); err != nil {
		b.t.Error(err)
		return false
	}
	answered := make(chan int, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			answered <- 0
			return
		}
		res.Body.Close()
		answered <- res.StatusCode
	})
	defer reading.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case status := <-answered:
			if status != http.StatusBadRequest {
				b.t.Errorf("a slow body was answered with %d", status)
			}
			return status == http.StatusBadRequest
		case <-tick.C:
			piece := "x"
			if framing[0] == 'T' {
				piece = "1\r\nx\r\n"
			}
			_, _ = io.WriteString(c, piece)
		}
	}
}
