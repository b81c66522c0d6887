package forward_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// admission is that of a caller whose key may be taken away.
type admission struct {
	revoked atomic.Bool
	asked   atomic.Int64
}

func (a *admission) withdrawn(time.Time) *forward.Failure {
	a.asked.Add(1)
	if !a.revoked.Load() {
		return nil
	}
	return &forward.Failure{Status: http.StatusUnauthorized, Outcome: record.Canceled, Kind: record.Revoked, Message: "the API key is not known"}
}

// ended checks the result of a stream that was withdrawn.
func (a *admission) ended(t *testing.T, r forward.Result, status int) {
	t.Helper()
	if r.Kind != record.Revoked || r.Outcome != record.Canceled || r.Status != status || r.Err == nil || r.Err.Error() != "the API key is not known" {
		t.Errorf("result %+v", r)
	}
	if a.asked.Load() == 0 {
		t.Error("nobody was asked")
	}
}

// streamOf is a deployment that begins a stream, and goes on until it is left.
func streamOf(t *testing.T, kind, first string) string {
	t.Helper()
	return deployment(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		_, _ = io.WriteString(w, first)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestAStreamEndsWhenItsCallerMayHaveNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		http2       bool
		kind, first string
		status      string // of gRPC; empty: the stream breaks off
	}{
		"events":             {false, "text/event-stream", "data: one\n\n", ""},
		"events over HTTP/2": {true, "text/event-stream", "data: one\n\n", ""},
		"a call of gRPC":     {true, "application/grpc", message("one"), "16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a admission
			g := setup{tls: c.http2, attempt: forward.Attempt{Withdrawn: a.withdrawn}}.start(t, streamOf(t, c.kind, c.first))
			req := request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(message("request")))
			req.Header.Set("Content-Type", c.kind)
			res, err := g.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			first := make([]byte, len(c.first))
			if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != c.first {
				t.Fatalf("%q %v", first, err)
			}
			a.revoked.Store(true)
			rest, err := io.ReadAll(res.Body)
			r := g.result(t)
			a.ended(t, r, http.StatusOK)
			switch {
			case len(rest) > 0:
				t.Errorf("there was more: %q", rest)
			case c.status == "":
				if err == nil || !r.Abort {
					t.Errorf("it ended in order: %+v", r)
				}
			case err != nil || r.Abort || !slices.Equal(res.Trailer["Grpc-Status"], []string{c.status}) || res.Trailer.Get("Grpc-Message") != "the API key is not known":
				t.Errorf("%v %+v %v", err, r, res.Trailer)
			}
		})
	}
	t.Run("a WebSocket", func(t *testing.T) {
		t.Parallel()
		var a admission
		left := make(chan struct{})
		g := setup{attempt: forward.Attempt{Withdrawn: a.withdrawn}}.start(t, rawDeployment(t, func(c *net.TCPConn) {
			defer close(left)
			readHead(c)
			_, _ = io.WriteString(c, takeWebSocket)
			_, _ = io.Copy(c, c)
		}))
		_, r := open(t, g, "")
		a.revoked.Store(true)
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			t.Errorf("there was something to read: %q", rest)
		}
		a.ended(t, g.result(t), http.StatusSwitchingProtocols)
		select {
		case <-left:
		case <-time.After(patience):
			t.Error("the deployment's connection stays open")
		}
	})
	t.Run("but not what is plain", func(t *testing.T) {
		t.Parallel()
		var a admission
		finish := make(chan struct{})
		model := deployment(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/predict/plain" {
				w.Header().Set("Content-Length", "8")
			}
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-finish:
				_, _ = io.WriteString(w, "half")
			case <-r.Context().Done():
			}
		})
		g := setup{attempt: forward.Attempt{Withdrawn: a.withdrawn}}.start(t, model)
		a.revoked.Store(true)
		var answers [2]*http.Response
		for i, path := range []string{"/v1/x/plain", "/v1/x/stream"} { // the plain one first: it would be asked for first
			res, err := g.Client().Do(request(t, http.MethodGet, g.URL+path, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answers[i] = res
		}
		if _, err := io.ReadAll(answers[1].Body); err == nil {
			t.Error("the stream did not break off")
		}
		a.ended(t, g.result(t), http.StatusOK)
		close(finish)
		if whole, err := io.ReadAll(answers[0].Body); err != nil || string(whole) != "halfhalf" {
			t.Errorf("the plain answer: %q %v", whole, err)
		}
		if r := g.result(t); r.Outcome != record.OK {
			t.Errorf("result %+v", r)
		}
	})
}
