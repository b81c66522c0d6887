package deployments_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// supervised is a version whose replicas are ejected.
func supervised(t *testing.T, urls ...string) *deployments.Version {
	t.Helper()
	v := version(t, urls...)
	v.Serving.Outlier = &schema.Outlier{Consecutive5xx: 5, ConsecutiveFailures: 3, Ejection: 30 * time.Second, MaxEjection: 100 * time.Second}
	return v
}

// ejectedFor is how long a replica is out after failing requests.
func ejectedFor(t *testing.T, r *deployments.Replica, requests int) time.Duration {
	t.Helper()
	for range requests {
		_, _ = send(t, r)
	}
	until := r.State().EjectedUntil
	if until.IsZero() {
		return 0
	}
	return time.Until(until)
}

func TestReplicaThatFailsInARowIsEjectedForLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		g := p.Bind(supervised(t, "http://a/", "http://b/", "http://c/"), live)
		a := g.Replicas()[0]
		w.answer("a", http.StatusInternalServerError)
		if d := ejectedFor(t, a, 4); d != 0 {
			t.Fatalf("ejected for %s after 4 answers of 500", d)
		}
		var times []time.Duration
		for range 4 {
			d := ejectedFor(t, a, 5)
			times = append(times, d)
			if got := picks(g, 100); got["http://a/"] != 0 {
				t.Errorf("picked %v, of which a is ejected", got)
			}
			wait(d)
			if got := picks(g, 100); got["http://a/"] == 0 {
				t.Error("a replica whose ejection is over gets no requests")
			}
		}
		if diff := cmp.Diff([]time.Duration{30 * time.Second, 60 * time.Second, 100 * time.Second, 100 * time.Second}, times); diff != "" {
			t.Errorf("ejected for (-want +got):\n%s", diff)
		}
		wait(101 * time.Second)
		if d := ejectedFor(t, a, 5); d != 30*time.Second {
			t.Errorf("ejected for %s after a good time, want as at first", d)
		}
		if n := p.Counts().Ejected; n != 5 {
			t.Errorf("%d ejections are counted, want 5", n)
		}
		if state := a.State(); state.Reason != "it is ejected: 5 requests in a row failed or were answered 5xx" {
			t.Errorf("state %+v", state)
		}
	})
}

func TestOneSuccessForgivesFailures(t *testing.T) {
	w := newTown()
	g := w.pool().Bind(supervised(t, "http://a/", "http://b/"), live)
	a := g.Replicas()[0]
	for range 10 {
		w.answer("a", http.StatusBadGateway)
		_ = ejectedFor(t, a, 4)
		w.answer("a", http.StatusNotFound)
		if d := ejectedFor(t, a, 1); d != 0 {
			t.Fatalf("ejected for %s", d)
		}
	}
}

func TestNeverMoreThanHalfOfTheReplicasAreEjected(t *testing.T) {
	for replicas, want := range map[int]int{1: 0, 2: 1, 3: 1, 4: 2, 5: 2} {
		w := newTown()
		var urls []string
		for _, host := range []string{"a", "b", "c", "d", "e"}[:replicas] {
			urls = append(urls, "http://"+host+"/")
			w.answer(host, http.StatusInternalServerError)
		}
		g := w.pool().Bind(supervised(t, urls...), live)
		ejected := 0
		for _, r := range g.Replicas() {
			if ejectedFor(t, r, 20) > 0 {
				ejected++
			}
		}
		if ejected != want {
			t.Errorf("%d of %d replicas are ejected, want %d", ejected, replicas, want)
		}
	}
}

func TestRequestsWithoutAnAnswerEject(t *testing.T) {
	w := newTown()
	g := w.pool().Bind(supervised(t, "http://a/", "http://b/"), live)
	w.answers["a"] = func(*http.Request) (int, error) { return 0, io.ErrUnexpectedEOF }
	if d := ejectedFor(t, g.Replicas()[0], 3); d == 0 {
		t.Error("three requests without an answer do not eject")
	}
}

// uploading is a body of which the caller still sends.
type uploading struct{ io.ReadCloser }

func (uploading) Whole() bool { return false }

func TestFailuresOfCallersDoNotEject(t *testing.T) {
	w := newTown()
	g := w.pool().Bind(supervised(t, "http://a/", "http://b/"), live)
	a := g.Replicas()[0]
	w.answers["a"] = func(*http.Request) (int, error) { return 0, errors.New("broken") }
	left, leave := context.WithCancel(t.Context())
	leave()
	for range 20 {
		gone, _ := http.NewRequestWithContext(left, http.MethodPost, "http://a/", nil)
		_, _ = a.RoundTrip(gone)
		partial, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://a/", uploading{io.NopCloser(strings.NewReader("x"))})
		_, _ = a.RoundTrip(partial)
	}
	if !a.State().EjectedUntil.IsZero() {
		t.Error("callers who leave eject a replica")
	}
}

// TestMirrorsDoNotEject: a mirror has a breaker, and never touches what is live.
func TestMirrorsDoNotEject(t *testing.T) {
	w := newTown()
	p := w.pool()
	v := supervised(t, "http://a/", "http://b/")
	one, other := p.Bind(v, live), p.Bind(v, deployments.Use{Endpoint: "e", Mirror: "m"})
	w.answer("a", http.StatusInternalServerError)
	if d := ejectedFor(t, other.Replicas()[0], 20); d != 0 {
		t.Errorf("a mirror's replica is ejected for %s", d)
	}
	if !one.Replicas()[0].Up() {
		t.Error("a mirror's requests eject a live replica")
	}
}

func TestEjectionsSurviveSwaps(t *testing.T) {
	w := newTown()
	p := w.pool()
	g := p.Bind(supervised(t, "http://a/", "http://b/"), live)
	w.answer("a", http.StatusInternalServerError)
	if d := ejectedFor(t, g.Replicas()[0], 5); d == 0 {
		t.Fatal("not ejected")
	}
	g = p.Bind(supervised(t, "http://a/", "http://b/", "http://c/"), live)
	p.Retain([]*deployments.Group{g})
	if g.Replicas()[0].Up() {
		t.Error("an ejected replica came up by a swap")
	}
	if g = p.Bind(version(t, "http://a/", "http://b/"), live); !g.Replicas()[0].Up() {
		t.Error("a replica whose version ejects none is ejected")
	}
}
