package mirror_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// TestTapGetsTheAnswerOfACopy holds on the short way, on the long one (for bodies
// that are too large for the short one), and over net/http's client.
func TestTapGetsTheAnswerOfACopy(t *testing.T) {
	for name, over := range clients() {
		for _, request := range []int{10, 40_000} {
			for _, answer := range []int{0, 10, 5000, 300_000} {
				t.Run(fmt.Sprintf("%s/%d/%d", name, request, answer), func(t *testing.T) {
					want := bytes.Repeat([]byte("0123456789"), answer/10)
					s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header()["Content-Type"], w.Header()["X-Tenant"] = []string{"text/plain"}, []string{"a"}
						_, _ = w.Write(want)
					}))
					defer s.Close()
					f := newFixtureOver(t, mirror.Options{}, over)
					budget := tap.NewBudget(1 << 20)
					kept := budget.Tap(100_000, []string{"X-Tenant"})
					kept.Retain() // the fixture releases the other hold
					m := f.mirror(s.URL)
					m.tap = func() *tap.Tap { return kept }
					f.send(http.MethodPost, "/x", strings.Repeat("b", request), m)
					rec := f.wait(1)[0]
					if rec.Outcome != record.OK || rec.ResponseBytes != int64(answer) {
						t.Fatalf("the copy ended %+v", rec)
					}
					if !bytes.Equal(kept.Body(), want[:min(answer, 100_000)]) || kept.Total() != int64(answer) || kept.Whole() != (answer <= 100_000) {
						t.Errorf("%d bytes are kept of %d, whole: %t", len(kept.Body()), kept.Total(), kept.Whole())
					}
					if kept.ContentType() != "text/plain" || len(kept.Fields()) != 1 {
						t.Errorf("type %q, fields %v", kept.ContentType(), kept.Fields())
					}
					kept.Release()
					if n := budget.Held(); n != 0 {
						t.Errorf("%d bytes are held at rest", n)
					}
				})
			}
		}
	}
}

func TestTapOfABrokenAnswerIsNotWhole(t *testing.T) {
	for name, over := range clients() {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = w.Write([]byte("a part"))
				panic(http.ErrAbortHandler)
			}))
			defer s.Close()
			f := newFixtureOver(t, mirror.Options{}, over)
			kept := tap.NewBudget(1<<20).Tap(100, nil)
			kept.Retain()
			defer kept.Release()
			m := f.mirror(s.URL)
			m.tap = func() *tap.Tap { return kept }
			f.send(http.MethodPost, "/x", "body", m)
			if rec := f.wait(1)[0]; rec.Outcome != record.Error || kept.Whole() {
				t.Errorf("outcome %s, whole %t, kept %q", rec.Outcome, kept.Whole(), kept.Body())
			}
		})
	}
}
