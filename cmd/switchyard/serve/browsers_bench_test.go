package serve_test

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
)

// What the console costs live requests while ten browsers look at it: at lists of 1,000
// endpoints, at the page of the one that is called, and at records. Requests go to
// a static value, 1,000 a second, in rounds with and without the browsers by turns.
// Each iteration is one round of either sort.
//
//	p50-us, p99-us              what requests take without browsers, the median of the rounds
//	p50-more-us, p99-more-us    by how much it is more with them, likewise
//	list-ms                     what a page of the list takes, the slowest of all
func BenchmarkTenBrowsers(b *testing.B) {
	r := start(b, serve.Options{OwnFront: true, OwnUpstream: true, Recent: &recent.Options{}, Console: &serve.ConsoleOptions{}}, manyEndpoints(1000))
	var alone, together rounds
	slowest := time.Duration(0)
	round(b, r) // connections, pools and the console's numbers come into being
	for b.Loop() {
		alone.add(round(b, r))
		closeAll := openBrowsers(b, r)
		began := time.Now()
		if status, _ := r.call(http.MethodGet, r.admin+"/", ""); status != http.StatusOK {
			b.Fatalf("the list is answered %d", status)
		}
		slowest = max(slowest, time.Since(began))
		together.add(round(b, r))
		closeAll()
	}
	b.ReportMetric(median(alone.p50), "p50-us")
	b.ReportMetric(median(alone.p99), "p99-us")
	b.ReportMetric(median(less(together.p50, alone.p50)), "p50-more-us")
	b.ReportMetric(median(less(together.p99, alone.p99)), "p99-more-us")
	b.ReportMetric(ms(slowest), "list-ms")
	b.ReportMetric(0, "ns/op") // which is that of a round
}

// rounds are the latencies of rounds, in microseconds.
type rounds struct{ p50, p99 []float64 }

func (l *rounds) add(took []time.Duration) {
	slices.Sort(took)
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	l.p50 = append(l.p50, micros(took[len(took)/2]))
	l.p99 = append(l.p99, micros(took[len(took)*99/100]))
}

func less(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// round makes requests for a little longer than streams of events pause.
func round(b *testing.B, r *running) (took []time.Duration) {
	b.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); <-tick.C {
		began := time.Now()
		if status, body := r.call(http.MethodPost, r.url+"/v1/e", "{}"); status != http.StatusOK {
			b.Fatalf("a request is answered %d: %s", status, body)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// openBrowsers opens what ten browsers listen to, until close.
func openBrowsers(b *testing.B, r *running) (closeAll func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	for i := range 10 {
		path := []string{"endpoints", "endpoints/e?span=10m", "records", "endpoints?page=5", "records?endpoint=e"}[i%5]
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.admin+"/console/events/"+path, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		response, err := (&http.Client{Transport: r.client.Transport}).Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("a browser is turned away: %v", err)
		}
		reading.Go(func() {
			defer response.Body.Close()
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 16<<20)
			for lines.Scan() {
			}
		})
	}
	return func() {
		cancel()
		reading.Wait()
	}
}
