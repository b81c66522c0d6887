package deployments_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// verdicts is a transport that answers as it is told.
type verdicts struct {
	status int   // 0: fails
	err    error // with this

	response http.Response
}

func (v *verdicts) RoundTrip(*http.Request) (*http.Response, error) {
	if v.status == 0 {
		return nil, v.err
	}
	v.response.StatusCode, v.response.Body = v.status, http.NoBody
	return &v.response, nil
}
func (v *verdicts) CloseIdleConnections() {}

// broken is a version with a breaker, and what it has told of.
type broken struct {
	*verdicts
	pool    *deployments.Pool
	group   *deployments.Group
	body    io.ReadCloser // of what is sent
	bind    func(schema.Breaker) *deployments.Group
	changes []deployments.ChangeKind
}

func newBroken(t *testing.T, rule schema.Breaker) *broken {
	t.Helper()
	b := &broken{verdicts: &verdicts{status: http.StatusOK, err: errors.New("broken off")}}
	b.pool = deployments.NewPool(deployments.PoolOptions{
		Transport: func(deployments.Destination) deployments.Transport { return b.verdicts },
		Changed: func(c deployments.Change) {
			if c.Version == nil || c.Version.Number != 1 {
				t.Errorf("change %+v", c)
			}
			b.changes = append(b.changes, c.Kind)
		},
	})
	b.bind = func(rule schema.Breaker) *deployments.Group {
		v := &deployments.Version{Branch: "main", Name: "m", Number: 1, URLs: []*url.URL{{Scheme: "http", Host: "a"}}}
		v.Serving.Limits.Breaker = &rule
		return b.pool.Bind(v, deployments.Use{})
	}
	b.group = b.bind(rule)
	return b
}

// send sends a request if it is admitted.
func (b *broken) send(t *testing.T) (admitted bool) {
	t.Helper()
	admission, err := b.group.Admit()
	if err != nil {
		var open *deployments.BreakerOpenError
		if !errors.As(err, &open) || open.RetryAfter <= 0 {
			t.Errorf("refused with %v", err)
		}
		return false
	}
	r, err := b.group.Take(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	req := (&http.Request{Method: http.MethodPost, URL: r.URL(), Body: b.body}).WithContext(t.Context())
	res, err := r.RoundTrip(req)
	admission.Ended(r, req, res, err)
	if err == nil {
		res.Body.Close()
	}
	return true
}

var rule = schema.Breaker{FailureRate: .5, MinRequests: 10, Window: 10 * time.Second, OpenFor: 5 * time.Second, Probes: 2}

func TestABreakerOpensAtItsRateAndClosesAfterItsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		for i := range 30 { // below the rate
			b.status = http.StatusOK
			if i%3 == 0 {
				b.status = http.StatusInternalServerError
			}
			if !b.send(t) {
				t.Fatalf("refused after %d", i)
			}
		}
		b.status = 0
		sent := 0
		for b.send(t) {
			sent++
		}
		if sent == 0 || sent > 30 {
			t.Errorf("it opened after %d failures", sent)
		}
		for range 3 { // it fails on, and so does each probe
			<-time.After(rule.OpenFor - time.Millisecond)
			if b.send(t) {
				t.Error("admitted before its time")
			}
			<-time.After(time.Millisecond)
			if !b.send(t) || b.send(t) {
				t.Error("it wants one probe, and no more")
			}
		}
		<-time.After(rule.OpenFor)
		b.status = http.StatusNotFound // as good as any answer
		for i := range 5 {
			if !b.send(t) {
				t.Errorf("refused after %d probes", i)
			}
		}
		if diff := cmp.Diff([]deployments.ChangeKind{deployments.BreakerOpened, deployments.BreakerClosed}, b.changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		if state, _ := b.group.Gate(); state.BreakerOpen || state.BreakerOpened != 4 || state.BreakerRefused == 0 {
			t.Errorf("state %+v", state)
		}
	})
}

// That a breaker has opened again is told as well, but not each time: a version may be
// broken for days.
func TestABreakerThatOpensAgainIsToldOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		b.status = 0
		for began := time.Now(); time.Since(began) < 150*time.Second; <-time.After(time.Second) {
			b.send(t)
		}
		if diff := cmp.Diff([]deployments.ChangeKind{deployments.BreakerOpened, deployments.BreakerReopened, deployments.BreakerReopened}, b.changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
	})
}

// A breaker that a commit takes away while it is open is not open any more, also where
// other limits of the version go on.
func TestABreakerThatIsTakenAwayIsNotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		b.status = 0
		for b.send(t) {
		}
		v := &deployments.Version{Branch: "main", Name: "m", Number: 1, URLs: b.group.Version().URLs}
		v.Serving.Limits.Retries = &schema.Retries{Budget: .1}
		b.group = b.pool.Bind(v, deployments.Use{})
		if state, ok := b.group.Gate(); !ok || state.BreakerOpen || state.BreakerOpened != 1 {
			t.Errorf("state %+v, %v", state, ok)
		}
		if b.group.Refusing() || !b.send(t) {
			t.Error("it refuses requests")
		}
	})
}

func TestABreakerForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		b.status = 0
		for range 100 {
			if !b.send(t) {
				t.Fatal("refused")
			}
			<-time.After(1200 * time.Millisecond) // nine within a window
		}
	})
}

func TestAnOpenBreakerStaysOpenThroughASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		b.status = 0
		for b.send(t) {
		}
		other := rule
		other.Probes = 7
		b.group = b.bind(other)
		if b.send(t) || !b.group.Refusing() {
			t.Error("a swap has closed it")
		}
	})
}

// unsent is a body that nobody has read, as there is no connection yet.
type unsent struct{ io.ReadCloser }

func (unsent) Whole() bool { return false }

// A caller that has not sent its body is not to blame where there is nobody to send it to.
func TestABreakerOpensForWhatCannotBeConnectedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			err  error
			open bool
		}{
			"refused":    {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
			"broken off": {errors.New("broken off"), false},
		} {
			b := newBroken(t, rule)
			b.status, b.err, b.body = 0, c.err, unsent{http.NoBody}
			for range 2 * rule.MinRequests {
				b.send(t)
			}
			if b.group.Refusing() != c.open {
				t.Errorf("%s: the breaker is open: %v", name, !c.open)
			}
		}
	})
}

// A probe of which nothing is heard, because its caller has left, does not keep a
// breaker half-open for ever.
func TestAProbeThatIsNeverHeardOfIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroken(t, rule)
		b.status = 0
		for b.send(t) {
		}
		<-time.After(rule.OpenFor)
		if _, err := b.group.Admit(); err != nil {
			t.Error("the probe is refused")
		}
		if _, err := b.group.Admit(); err == nil {
			t.Error("two at a time")
		}
		<-time.After(rule.OpenFor)
		b.status = http.StatusOK
		for range 3 {
			if !b.send(t) {
				t.Error("it does not close")
			}
		}
	})
}

func TestRetriesAreAShareOfTheRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := deployments.NewPool(deployments.PoolOptions{})
		v := &deployments.Version{Branch: "main", Name: "m", Number: 1}
		v.Serving.Limits.Retries = &schema.Retries{Budget: .1}
		g := pool.Bind(v, deployments.Use{})
		spent := func(requests int) (retries int) {
			for range requests {
				g.CountRequest()
				if g.TryRetry() {
					retries++
				}
			}
			return retries
		}
		if n := spent(5); n != 3 {
			t.Errorf("%d retries of 5 requests, of which a share is none", n)
		}
		if n := spent(995); n < 90 || n > 100 {
			t.Errorf("%d retries of 995 requests", n)
		}
		<-time.After(20 * time.Second)
		if n := spent(5); n != 3 {
			t.Errorf("%d retries when all before is forgotten", n)
		}
	})
}

func BenchmarkSendThroughABreaker(b *testing.B) {
	for name, breaker := range map[string]*schema.Breaker{"without": nil, "closed": &rule} {
		b.Run(name, func(b *testing.B) {
			pool := deployments.NewPool(deployments.PoolOptions{
				Transport: func(deployments.Destination) deployments.Transport { return &verdicts{status: http.StatusOK} },
			})
			v := &deployments.Version{Branch: "main", Name: "m", Number: 1, URLs: []*url.URL{{Scheme: "http", Host: "a"}}}
			v.Serving.Limits.Breaker = breaker
			g := pool.Bind(v, deployments.Use{})
			r, req := g.Pick(), &http.Request{Method: http.MethodGet, URL: v.URLs[0]}
			defer r.Release()
			b.ReportAllocs()
			for b.Loop() {
				admission, _ := g.Admit()
				res, err := r.RoundTrip(req)
				admission.Ended(r, req, res, err)
			}
		})
	}
}
