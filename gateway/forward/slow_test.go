package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// tardy is a body whose errors come late.
type tardy struct{ io.Reader }

func (b tardy) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		<-time.After(100 * time.Millisecond)
	}
	return n, err
}

// A caller whose body is cut off because it comes too slowly is told so, also where net/http ends the request's context
// with the connection's error, and whoever waits for that sees it before the error itself.
func TestCallersOfSlowBodiesAreAnswered(t *testing.T) {
	for framing, start := range map[string]string{"Content-Length: 1000": "x", "Transfer-Encoding: chunked": "3e8\r\nx"} {
		t.Run(framing, func(t *testing.T) {
			g := setup{grace: 50 * time.Millisecond, wrap: func(b io.ReadCloser) io.Reader { return tardy{b} }}.start(t, deployment(t, echo))
			c, err := net.Dial("tcp", g.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "POST /v1/x HTTP/1.1\r\nHost: a\r\n"+framing+"\r\n\r\n"+start); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if r := g.result(t); res.StatusCode != http.StatusBadRequest || r.Status != http.StatusBadRequest || r.Kind != record.BadRequest {
				t.Errorf("answered with %d; result %+v", res.StatusCode, r)
			}
		})
	}
}
