//go:build linux

package front_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// counting calls serve for each request but /smuggled, and counts all.
func counting(calls chan<- string, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls <- r.URL.Path
		if r.URL.Path != "/smuggled" {
			serve(w, r)
		}
	})
}

// TestH05AbandonedContentIsNoRequest: when a handler gives up reading at a deadline, what comes of the content later is not
// taken for a request, whatever else the handler does. net/http takes it for one after EnableFullDuplex.
func TestH05AbandonedContentIsNoRequest(t *testing.T) {
	for lane, start := range lanes {
		for i, in := range []string{
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\nhel",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n26\r\nhel",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
		} {
			for _, duplex := range []bool{false, true} {
				for _, flush := range []bool{false, true} {
					t.Run(fmt.Sprint(lane, " ", i, " duplex ", duplex, " flush ", flush), func(t *testing.T) {
						t.Parallel()
						calls, done := make(chan string, 10), make(chan struct{})
						s := start(t, &http.Server{Handler: counting(calls, func(w http.ResponseWriter, r *http.Request) {
							defer close(done)
							rc := http.NewResponseController(w)
							rc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
							if duplex {
								rc.EnableFullDuplex()
							}
							if flush {
								rc.Flush()
							}
							io.ReadAll(r.Body)
						})})
						c := s.dial(t)
						io.WriteString(c, in)
						<-done
						<-time.After(20 * time.Millisecond) // the server may go on to wait for a request
						io.WriteString(c, smuggled)
						c.CloseWrite()
						io.ReadAll(c)
						if len(calls) != 1 {
							t.Errorf("%d requests of one", len(calls))
						}
					})
				}
			}
		}
	}
}

// TestH05NothingFollowsBrokenContent: the same for content whose chunks break a rule, for a handler that has answered before.
func TestH05NothingFollowsBrokenContent(t *testing.T) {
	for lane, start := range lanes {
		for name, shape := range refusedShapes() {
			if !strings.HasPrefix(name, "chunk") && !strings.HasPrefix(name, "trailer") {
				continue
			}
			for _, read := range []bool{false, true} {
				t.Run(fmt.Sprint(lane, " ", name, " read ", read), func(t *testing.T) {
					t.Parallel()
					calls := make(chan string, 10)
					s := start(t, &http.Server{Handler: counting(calls, func(w http.ResponseWriter, r *http.Request) {
						rc := http.NewResponseController(w)
						rc.EnableFullDuplex()
						rc.Flush()
						if !read {
							return
						}
						if _, err := io.ReadAll(r.Body); err == nil {
							t.Error("the content was read without an error")
						}
					})})
					exchange(t, s, shape+smuggled, patience)
					if len(calls) != 1 {
						t.Errorf("%d requests of one", len(calls))
					}
				})
			}
		}
	}
}
