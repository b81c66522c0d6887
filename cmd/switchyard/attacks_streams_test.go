package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// goOn is a deployment whose streams have no end of their own.
func goOn(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: on\n\n")
		_ = control.Flush()
		<-r.Context().Done()
		return
	}
	c, buffered, err := control.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(c, buffered) // until it is left
}

// revokedStreams are opened with a key that is then taken out of the repository.
func revokedStreams(b *besieged) (tried, through int) {
	const each = 10
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	over2 := newOverHTTP2(b).client
	var streams []io.ReadCloser
	for range each {
		streams = append(streams, b.events(ctx, http.DefaultClient), b.events(ctx, over2), b.webSocket())
	}
	must0(b.t, os.Remove(b.dir+"/keys/leaked.yaml"))
	b.git("git commit -qam Revoke")
	if got := b.sendAdmin(sent{path: "/sync", fields: []string{"Authorization: Bearer " + b.token}}); got.status != http.StatusOK {
		b.t.Fatalf("the commit is not read: %d %s", got.status, got.text)
	}
	var reading sync.WaitGroup
	var open atomic.Int64
	for _, s := range streams {
		reading.Go(func() {
			defer s.Close()
			_, err := io.Copy(io.Discard, s)
			if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
				open.Add(1)
			}
		})
	}
	reading.Wait()
	if open.Load() > 0 {
		b.t.Errorf("%d streams of %d go on", open.Load(), len(streams))
	}
	return len(streams), int(open.Load())
}

// events opens a stream of events.
func (b *besieged) events(ctx context.Context, client *http.Client) io.ReadCloser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.listen+"/v1/pricing/stream", http.NoBody)
	must0(b.t, err)
	r.Header.Set("Authorization", b.leaked)
	res, err := client.Do(r)
	must0(b.t, err)
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("a key that is good for now is answered with %d", res.StatusCode)
	}
	return res.Body
}

// webSocket opens one.
func (b *besieged) webSocket() io.ReadCloser {
	b.t.Helper()
	c, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", b.listen)
	must0(b.t, err)
	must0(b.t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, strings.Join([]string{
		"GET /v1/pricing/stream HTTP/1.1", "Host: gateway.example", "Authorization: " + b.leaked, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "",
	}, "\r\n"))
	must0(b.t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must0(b.t, err)
	if res.StatusCode != http.StatusSwitchingProtocols {
		b.t.Fatalf("a WebSocket is answered with %d", res.StatusCode)
	}
	return c
}
