package forward_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// resetting is a deployment that breaks off after a while, as servers of gRPC do when
// the time is over that they were told. Its callers' own alarms have not rung by then.
type resetting struct{ after time.Duration }

func (r resetting) RoundTrip(*http.Request) (*http.Response, error) {
	<-time.After(r.after)
	return nil, io.ErrUnexpectedEOF
}
func (resetting) CloseIdleConnections() {}

// When the caller's time is over that is why there is no answer, whoever noticed first:
// the deployment with its own timer, or the caller who is gone. It is nobody's fault
// but the caller's then.
func TestWhatBreaksOffWhenTheCallersTimeIsOverIsTheDeadline(t *testing.T) {
	for _, c := range []struct {
		name            string
		deadline, after time.Duration
		leaves          bool
		kind            record.ErrorKind
		status          int
		up              bool // the replica is, afterwards
	}{
		{"a moment before", 200 * time.Millisecond, 199 * time.Millisecond, false, record.Timeout, http.StatusGatewayTimeout, true},
		{"and the caller left", 200 * time.Millisecond, 199 * time.Millisecond, true, record.Timeout, http.StatusGatewayTimeout, true},
		{"a moment before a long time", time.Minute, time.Minute - 5*time.Millisecond, false, record.Timeout, http.StatusGatewayTimeout, true},
		{"exactly then", 200 * time.Millisecond, 200 * time.Millisecond, false, record.Timeout, http.StatusGatewayTimeout, true},
		{"well before", 200 * time.Millisecond, 150 * time.Millisecond, false, record.Reset, http.StatusBadGateway, false},
		{"well before a long time", time.Minute, time.Minute - 50*time.Millisecond, false, record.Reset, http.StatusBadGateway, false},
		{"without a deadline", 0, 200 * time.Millisecond, false, record.Reset, http.StatusBadGateway, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool := deployments.NewPool(deployments.PoolOptions{
					Transport: func(deployments.Destination) deployments.Transport { return resetting{c.after} },
				})
				defer pool.Close()
				v := &deployments.Version{URLs: []*url.URL{{Scheme: "http", Host: "a"}, {Scheme: "http", Host: "b"}}}
				v.Serving.Outlier = &schema.Outlier{Consecutive5xx: 1, ConsecutiveFailures: 1, Ejection: time.Hour, MaxEjection: time.Hour}
				a := forward.Attempt{Group: pool.Bind(v, deployments.Use{}), Began: time.Now(), Timeout: schema.SimpleTimeout(time.Hour)}
				if c.deadline > 0 {
					a.Deadline = a.Began.Add(c.deadline)
				}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if c.leaves {
					time.AfterFunc(c.after, leave)
				}
				w := httptest.NewRecorder()
				result := forward.New(forward.Options{}).Serve(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/x", http.NoBody), a)
				if result.Kind != c.kind || result.Status != c.status || w.Code != c.status {
					t.Errorf("answered with %d, result %+v", w.Code, result)
				}
				for _, r := range a.Group.Replicas() {
					if r.String() == result.Replica && r.Up() != c.up {
						t.Errorf("the replica is up: %v", r.Up())
					}
				}
			})
		})
	}
}
