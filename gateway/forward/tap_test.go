package forward_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

func TestTapGetsTheAnswerThatIsPassedOn(t *testing.T) {
	for _, length := range []bool{true, false} {
		for _, size := range []int{0, 10, 100_000} {
			t.Run(fmt.Sprintf("%t/%d", length, size), func(t *testing.T) {
				want := bytes.Repeat([]byte("0123456789"), size/10)
				url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = []string{"text/plain"}
					if length {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					} else {
						_ = http.NewResponseController(w).Flush()
					}
					_, _ = w.Write(want)
				})
				kept := tap.NewBudget(1<<20).Tap(50_000, nil)
				defer kept.Release()
				g := setup{attempt: forward.Attempt{Tap: kept}}.start(t, url)
				_, got := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
				if r := g.result(t); r.Outcome != record.OK || got != string(want) {
					t.Fatalf("result %+v, %d bytes", r, len(got))
				}
				if !bytes.Equal(kept.Body(), want[:min(size, 50_000)]) || kept.Total() != int64(size) || kept.Whole() != (size <= 50_000) {
					t.Errorf("%d bytes are kept of %d, whole: %t", len(kept.Body()), kept.Total(), kept.Whole())
				}
				if kept.ContentType() != "text/plain" {
					t.Errorf("type %q", kept.ContentType())
				}
			})
		}
	}
}

// TestH09TapHoldsNoPartOfAStreamBack sends each part only when the one before has
// come to the caller.
func TestH09TapHoldsNoPartOfAStreamBack(t *testing.T) {
	next := make(chan struct{})
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 5 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})
	kept := tap.NewBudget(1<<20).Tap(20, nil)
	defer kept.Release()
	g := setup{attempt: forward.Attempt{Tap: kept}}.start(t, url)
	res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for range 5 {
		part := make([]byte, 9)
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != "data: x\n\n" {
			t.Fatalf("part %q, %v", part, err)
		}
		next <- struct{}{}
	}
	_, _ = io.Copy(io.Discard, res.Body)
	g.result(t)
	if string(kept.Body()) != "data: x\n\ndata: x\n\nda" || kept.Total() != 45 || kept.Whole() {
		t.Errorf("kept %q of %d, whole: %t", kept.Body(), kept.Total(), kept.Whole())
	}
}

func TestTapOfAnAnswerThatBreaksOffIsNotWhole(t *testing.T) {
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "a part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	kept := tap.NewBudget(1<<20).Tap(100, nil)
	defer kept.Release()
	g := setup{attempt: forward.Attempt{Tap: kept}}.start(t, url)
	res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if r := g.result(t); r.Outcome != record.Error || kept.Whole() || kept.Truncated() {
		t.Errorf("outcome %s, whole %t, kept %q", r.Outcome, kept.Whole(), kept.Body())
	}
}

func TestTapHasNothingOfTheGatewaysOwnErrors(t *testing.T) {
	kept := tap.NewBudget(1<<20).Tap(100, nil)
	defer kept.Release()
	g := setup{attempt: forward.Attempt{Tap: kept}, pool: deployments.PoolOptions{}}.start(t, "http://127.0.0.1:1")
	do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if r := g.result(t); r.Status != http.StatusBadGateway || kept.Begun() || kept.Total() != 0 {
		t.Errorf("status %d, begun %t, kept %q", r.Status, kept.Begun(), kept.Body())
	}
}
