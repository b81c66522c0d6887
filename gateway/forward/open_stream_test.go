package forward_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// A caller of gRPC that has sent a message, and waits for an answer before it sends more, is
// told at once that there will be none.
func TestACallerThatWaitsIsToldThatItsCallHasFailed(t *testing.T) {
	for name, fail := range map[string]func(*http2.Framer, *http2.DataFrame) bool{
		"refused": func(f *http2.Framer, d *http2.DataFrame) bool {
			return f.WriteRSTStream(d.StreamID, http2.ErrCodeRefusedStream) == nil
		},
		"reset": func(f *http2.Framer, d *http2.DataFrame) bool {
			return f.WriteRSTStream(d.StreamID, http2.ErrCodeInternal) == nil
		},
		"broken off": func(*http2.Framer, *http2.DataFrame) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			replica := rawDeployment(t, func(c *net.TCPConn) {
				if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
					return
				}
				f := http2.NewFramer(c, c)
				_ = f.WriteSettings()
				for {
					frame, err := f.ReadFrame()
					if err != nil {
						return
					}
					if data, ok := frame.(*http2.DataFrame); ok && !fail(f, data) {
						return
					}
				}
			})
			g := setup{tls: true, pool: h2cPool(), protocol: schema.H2C, attempt: forward.Attempt{Timeout: schema.SimpleTimeout(patience)}}.start(t, replica)
			body, caller := io.Pipe()
			defer caller.Close()
			go func() { _, _ = io.Copy(caller, strings.NewReader(message("first"))) }()
			req := request(t, http.MethodPost, g.URL+"/v1/x", body)
			req.Header.Set("Content-Type", "application/grpc")
			res, err := g.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if r := g.result(t); res.Header.Get("Grpc-Status") != "14" || r.Kind != record.Reset || r.Status != http.StatusBadGateway {
				t.Errorf("%v, %+v", res.Header, r)
			}
		})
	}
}
