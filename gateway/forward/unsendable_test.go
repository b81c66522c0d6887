package forward_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestQueriesThatCannotStandInARequestLineAreRefused(t *testing.T) {
	for raw, good := range map[string]bool{
		"": true, "a=b&c=%20": true, "a=\xc3\xa4": true, "a=[1]|\"^": true,
		"a b": false, " ": false, "a\tb": false, "a\x00": false, "a\x7f": false, "a#b": false, "a\r\nX: y": false,
	} {
		if err := forward.CheckQuery(raw); (err == nil) != good {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// A request that cannot be written is nobody's fault but the caller's.
func TestARequestThatCannotBeSentDoesNotCount(t *testing.T) {
	pool := deployments.NewPool(deployments.PoolOptions{Transport: newOwnTransport})
	defer pool.Close()
	v := &deployments.Version{URLs: []*url.URL{{Scheme: "http", Host: "127.0.0.1:1"}, {Scheme: "http", Host: "127.0.0.1:2"}}}
	v.Serving.Outlier = &schema.Outlier{Consecutive5xx: 1, ConsecutiveFailures: 1, Ejection: time.Hour, MaxEjection: time.Hour}
	v.Serving.Limits.Breaker = &schema.Breaker{FailureRate: .5, MinRequests: 1, Window: time.Hour, OpenFor: time.Hour, Probes: 1}
	group, f := pool.Bind(v, deployments.Use{}), forward.New(forward.Options{})
	for range 5 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/x", http.NoBody)
		r.Header["X-Broken"] = []string{"a\nb"}
		w := httptest.NewRecorder()
		if result := f.Serve(w, r, forward.Attempt{Group: group}); w.Code != http.StatusBadRequest || result.Kind != record.BadRequest {
			t.Errorf("answered with %d, result %+v", w.Code, result)
		}
	}
	for _, r := range group.Replicas() {
		if !r.Up() {
			t.Errorf("%s is not up", r)
		}
	}
}

// overtaken refuses the first connection, and then answers before it has closed the
// body that it has read, as a client may whose answer overtakes the last act of the
// goroutine that sends.
type overtaken struct {
	refused bool
	body    io.ReadCloser // that is to be closed
}

func (o *overtaken) RoundTrip(r *http.Request) (*http.Response, error) {
	if !o.refused {
		o.refused = true
		r.Body.Close()
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	_, err := io.Copy(io.Discard, r.Body)
	o.body = r.Body
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, err
}
func (*overtaken) CloseIdleConnections() {}

func TestTheMemoryOfABodyIsNotUsedAgainBeforeItIsClosed(t *testing.T) {
	f := forward.New(forward.Options{})
	seen := map[io.ReadCloser]bool{}
	for range 10 {
		o := new(overtaken)
		pool := deployments.NewPool(deployments.PoolOptions{Transport: func(deployments.Destination) deployments.Transport { return o }})
		v := &deployments.Version{URLs: []*url.URL{{Scheme: "http", Host: "a"}, {Scheme: "http", Host: "b"}}}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/x", strings.NewReader("{}"))
		if result := f.Serve(w, r, forward.Attempt{Group: pool.Bind(v, deployments.Use{})}); result.Outcome != record.OK {
			t.Fatalf("%+v", result)
		}
		if seen[o.body] {
			t.Error("another request has the memory of a body that is still to be closed")
		}
		seen[o.body] = true
		pool.Close()
	}
}
