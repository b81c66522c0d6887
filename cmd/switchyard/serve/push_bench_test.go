package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// What happens between git push and the first answer of the new revision, with
// 1,000 endpoints of which one changes: the git command pushes to git's own
// server, which then delivers a hook, upon which the gateway reads and swaps.
//
//	push-ms                 what the git command takes
//	push-begin-to-serving   from its start to the first new answer
//	push-end-to-serving     from its end, which comes before or after the hook
//	hook-to-serving         from sending the hook: the gateway's part
//	sync-ms, swap-ms        of that, what the log says of reading (with swapping), and of compiling and swapping
func BenchmarkPushToServing(b *testing.B) {
	f := newHookingForge(b)
	f.commit(manyEndpoints(1000))
	f.push()
	r := start(b, serve.Options{
		OwnFront: true, OwnUpstream: true, WebhookSecrets: hookSecrets,
		Repository: gitsync.Options{URL: f.url, Branch: "main", Poll: time.Hour, Timeout: time.Minute},
	}, static("0"))
	f.deliverTo(r.url)
	var p pushes
	for b.Loop() {
		b.StopTimer()
		f.commit(static(strconv.Itoa(len(p.push) + 1)))
		<-time.After(1100 * time.Millisecond) // pushes within a second share a look; this one comes alone
		b.StartTimer()
		p.once(b, r, f)
	}
	p.report(b, r)
}

// manyEndpoints are those of static, and others to make n.
func manyEndpoints(n int) map[string]string {
	files := static("0")
	files["deployments/m.yaml"] = "schemaVersion: 1\nversions: {1: {url: http://127.0.0.1:9/}}\n"
	for i := range n - 1 {
		files[fmt.Sprintf("endpoints/e%04d.yaml", i)] = fmt.Sprintf(`schemaVersion: 1
backends:
  a: {deployment: {branch: main, name: m, version: latest}, weight: 90}
  b: {static: {n: %d}, weight: 10}
assignment: {key: "header:x-user-id"}
`, i)
	}
	return files
}

// pushes are the times of a benchmark's pushes, in milliseconds.
type pushes struct{ push, begin, end, hook []float64 }

// once pushes, and calls until the answer is the new one.
func (p *pushes) once(b *testing.B, r *running, f *hookingForge) {
	b.Helper()
	served := make(chan time.Time, 1)
	want := strconv.Itoa(len(p.push) + 1)
	go func() {
		defer close(served)
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for deadline := time.Now().Add(testbed.Patience); time.Now().Before(deadline); <-tick.C {
			if _, body := r.call(http.MethodGet, r.url+"/v1/e", ""); body == want {
				served <- time.Now()
				return
			}
		}
	}()
	began := time.Now()
	f.push()
	ended := time.Now()
	at, ok := <-served
	if !ok {
		b.Fatalf("version %s never served", want)
	}
	hooked := testbed.Receive(b, "the delivery of the hook", f.hooked)
	p.push = append(p.push, ms(ended.Sub(began)))
	p.begin = append(p.begin, ms(at.Sub(began)))
	p.end = append(p.end, ms(at.Sub(ended)))
	p.hook = append(p.hook, ms(at.Sub(hooked)))
}

// report gives the medians, and the worst of what is the gateway's part.
func (p *pushes) report(b *testing.B, r *running) {
	b.Helper()
	var sync, swap []float64
	for text := range strings.Lines(r.log.String()) {
		var l struct {
			Event, Message string
			DurationMs     float64
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			b.Error(err)
		}
		switch {
		case l.Event == "swap":
			swap = append(swap, l.DurationMs)
		case l.Event == "sync" && l.Message == "new revision taken":
			sync = append(sync, l.DurationMs)
		}
	}
	for name, all := range map[string][]float64{
		"push-ms": p.push, "push-begin-to-serving-ms": p.begin, "push-end-to-serving-ms": p.end,
		"hook-to-serving-ms": p.hook, "sync-ms": sync[1:], "swap-ms": swap[1:],
	} {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], name)
	}
	b.ReportMetric(slices.Max(p.hook), "hook-to-serving-max-ms")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
