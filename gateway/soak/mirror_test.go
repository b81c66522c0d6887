package soak_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestM01TheLiveBodyIsNotReadAhead(t *testing.T) {
	soak(t)
	var mu sync.Mutex
	first := map[string]time.Time{} // at the deployment, by caller
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		var b [1]byte
		_, _ = io.ReadFull(r.Body, b[:])
		mu.Lock()
		first[r.Header.Get("X-Caller")] = time.Now()
		mu.Unlock()
		count(w, r)
	})
	p := start(t, settings{})
	p.apply(files{}.add("e", live, testbed.TCP(t, testbed.Hung)))
	const callers, pieces = 50, 10
	var worst time.Duration
	var wg sync.WaitGroup
	for i := range callers {
		c := p.dial()
		wg.Go(func() {
			name := fmt.Sprint(i)
			_, _ = fmt.Fprintf(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\nX-Caller: %s\r\nContent-Length: %d\r\n\r\n", name, pieces)
			var began time.Time
			for n := range pieces {
				if n == 0 {
					began = time.Now()
				}
				_, _ = c.Write([]byte("x"))
				<-time.After(time.Second / pieces)
			}
			if status, _, err := c.answer(); status != http.StatusOK || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, first[name].Sub(began))
		})
	}
	wg.Wait()
	if worst > 50*time.Millisecond {
		t.Errorf("the deployment's first byte came %v after the caller's", worst)
	}
	running.Measured(t, "M1", "first byte at the deployment at most %s after the caller's, which trickles for 1 s", ms(worst))
}

func TestM02NoFaultOfAMirrorSlowsALiveRequest(t *testing.T) {
	soak(t)
	live := testbed.HTTP(t, testbed.Echo)
	p, where := startAlone(t, settings{})
	f := files{}.add("off", live, "")
	names := []string{}
	for name, url := range faults(t) { // after the gateway, so that they are not on its core
		f.add(fmt.Sprint("f", len(names)), live, url)
		names = append(names, name)
	}
	p.apply(f)
	body := bytes.Repeat([]byte("0123456789"), 100)
	conns := p.dialN(16)
	run(conns, post("/v1/off", body), body, 0, time.Second) // warms up
	capacity := run(conns, post("/v1/off", body), body, 0, time.Second)
	rate := capacity.rate() / 2
	limit := func(off time.Duration) time.Duration { return off*11/10 + time.Millisecond }
	var worst string
	most := -1.0
	for i, name := range names {
		round := func(path string) func() load {
			return func() load { return run(conns, post(path, body), body, rate, 200*time.Millisecond) }
		}
		r, certainty := within(t, name, func() rounds {
			return take(8, 50*time.Millisecond, round("/v1/off"), round(fmt.Sprint("/v1/f", i)))
		}, func(off, on load) bool { return on.latencies.at(.99) > limit(off.latencies.at(.99)) })
		a, b := sum(r.off).latencies.at(.99), sum(r.on).latencies.at(.99)
		if certainty > most {
			most, worst = certainty, fmt.Sprintf("%s, p99 %s off, %s on, beyond the limit with certainty %.2f", name, ms(a), ms(b), certainty)
		}
	}
	running.Measured(t, "M2", "%d faults at %.0f/s, half of capacity, %s: errors 0, answers equal; worst: %s", len(names), rate, where, worst)
}

func TestM03NextRequestIsNotHeld(t *testing.T) {
	soak(t)
	live := testbed.HTTP(t, testbed.Echo)
	slow := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
	})
	p := start(t, settings{})
	p.apply(files{}.add("off", live, "").add("e", live, slow))
	c, body := p.dial(), []byte(`{"data": 10}`)
	var off, on load
	for range 100 {
		off.add(run([]*conn{c}, post("/v1/off", body), body, 0, 5*time.Millisecond))
		on.add(run([]*conn{c}, post("/v1/e", body), body, 0, 5*time.Millisecond))
	}
	if off.errors+on.errors > 0 {
		t.Errorf("errors: %s%s", off.example, on.example)
	}
	a, b := off.latencies.at(.99), on.latencies.at(.99)
	if b > a+5*time.Millisecond {
		t.Errorf("p99 %v behind a mirror of 3 s, %v without", b, a)
	}
	running.Measured(t, "M3", "next request on the connection, behind a 3 s mirror: p50 %s, p99 %s; off %s, %s", ms(on.latencies.at(.5)), ms(b), ms(off.latencies.at(.5)), ms(a))
}

func TestM04AnUploadIsNotHeldByAMirrorThatNeverReads(t *testing.T) {
	soak(t)
	live := testbed.HTTP(t, count)
	p := start(t, settings{MaxBody: 8 << 20})
	p.apply(files{}.add("off", live, "").add("e", live, testbed.Deaf(t)))
	c, body := p.dial(), make([]byte, 8<<20)
	off, on := post("/v1/off", body), post("/v1/e", body)
	var without, with load
	for range 40 {
		without.add(run([]*conn{c}, off, []byte("8388608"), 0, time.Millisecond))
		with.add(run([]*conn{c}, on, []byte("8388608"), 0, time.Millisecond))
	}
	if without.errors+with.errors > 0 {
		t.Errorf("errors: %s%s", without.example, with.example)
	}
	a, b := without.latencies.at(.5), with.latencies.at(.5)
	if b > a*11/10+5*time.Millisecond {
		t.Errorf("the median upload takes %v, without the mirror %v", b, a)
	}
	running.Measured(t, "M4", "8 MiB upload, median: %s, off %s", ms(b), ms(a))
}

// The callers and the deployment are in this process, with two file descriptors
// for each upload, the gateway has two as well.
func TestM05MemoryIsBoundedByTheBudget(t *testing.T) {
	soak(t)
	const callers, size, budget = 9000, 1 << 20, 64 << 20
	begun := make(chan struct{}, callers) // one for each upload that has reached the deployment
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		count(w, r)
	})
	mirror := testbed.TCP(t, testbed.Hung)
	var failed atomic.Int64
	type took struct {
		peak       int64
		goroutines int
		captured   int64
	}
	measure := func(mirror string) (m took) {
		// The last of the connections begins its request long after it was opened.
		p := start(t, settings{HeaderTimeout: 2 * testbed.Patience})
		p.apply(files{}.add("e", live, mirror))
		conns := p.dialN(callers)
		half := make([]byte, size/2)
		var wg sync.WaitGroup
		send := func(do func(c *conn) error) {
			next := make(chan *conn, callers) // all fit
			for _, c := range conns {
				next <- c
			}
			close(next)
			for range 64 {
				wg.Go(func() {
					for c := range next {
						if err := do(c); err != nil {
							if failed.Add(1) == 1 {
								t.Errorf("an upload: %v", err)
							}
							return
						}
					}
				})
			}
			for done := waited(&wg); ; {
				select {
				case <-done:
					return
				case <-time.After(100 * time.Millisecond):
				}
				m.captured = max(m.captured, p.captured())
			}
		}
		send(func(c *conn) error {
			if _, err := fmt.Fprintf(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n", size); err != nil {
				return err
			}
			if _, err := c.Write(half); err != nil {
				return c.refusal(err)
			}
			// So the listener's queue never overflows, which would cost connections.
			select {
			case <-begun:
				return nil
			case <-time.After(testbed.Patience):
				return c.refusal(errors.New("it does not reach the deployment"))
			}
		})
		m.goroutines = p.goroutines() // all uploads are half way
		send(func(c *conn) error {
			if _, err := c.Write(half); err != nil {
				return c.refusal(err)
			}
			status, body, err := c.answer()
			if err == nil && (status != http.StatusOK || string(body) != "1048576") {
				err = fmt.Errorf("answered %d %q", status, body)
			}
			return err
		})
		m.peak = p.memory("VmHWM")
		for _, c := range conns {
			c.Close()
		}
		p.stop() // and with it the deployment's half of the connections
		return m
	}
	off := measure("")
	debug.FreeOSMemory()
	on := measure(mirror)
	if on.captured > budget || on.captured == 0 {
		t.Errorf("%d bytes were captured, the budget is %d", on.captured, budget)
	}
	if over := on.peak - off.peak; over > 2*budget+32<<20 {
		t.Errorf("the peak of memory is %s above that without a mirror", mib(over))
	}
	if over := on.goroutines - off.goroutines; over > 16+64 {
		t.Errorf("%d goroutines more than without a mirror", over)
	}
	running.Measured(t, "M5", "%d concurrent uploads of 1 MiB, errors %d: captured at most %s of %s; peak RSS %s, off %s; goroutines %d, off %d",
		callers, failed.Load(), mib(on.captured), mib(budget), mib(on.peak), mib(off.peak), on.goroutines, off.goroutines)
}

// waited is closed when wg is done.
func waited(wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

func TestM06ARefusedCopyCostsNoThroughput(t *testing.T) {
	soak(t)
	live := testbed.HTTP(t, count)
	p, where := startAlone(t, settings{MirrorTimeout: time.Minute})
	p.apply(files{}.add("off", live, "").add("broken", live, "http://127.0.0.1:1").add("full", live, testbed.TCP(t, testbed.Hung)))
	body := make([]byte, 64<<10)
	want := []byte("65536")
	conns := p.dialN(16)
	for _, name := range []string{"broken", "full"} { // opens the breaker, fills the queue
		run(conns, post("/v1/"+name, body), want, 0, time.Second)
	}
	var parts []string
	for _, name := range []string{"broken", "full"} {
		var cpu [2]float64 // of the gateway: off, on
		round := func(path string, cpu *float64) func() load {
			return func() load {
				before := p.cpu()
				l := run(conns, post(path, body), want, 0, 250*time.Millisecond)
				*cpu += p.cpu() - before
				return l
			}
		}
		r, _ := within(t, name, func() rounds {
			cpu = [2]float64{}
			return take(12, 0, round("/v1/off", &cpu[0]), round("/v1/"+name, &cpu[1]))
		}, func(off, on load) bool { return on.rate() < .95*off.rate() })
		off, on := sum(r.off), sum(r.on)
		parts = append(parts, fmt.Sprintf("%s %.3f (CPU of the gateway per request %.1f us, off %.1f us)",
			name, on.rate()/off.rate(), cpu[1]/float64(on.requests)*1e6, cpu[0]/float64(off.requests)*1e6))
	}
	running.Measured(t, "M6", "throughput relative to off, 64 KiB bodies, breaker open and queue full, %s: %s", where, strings.Join(parts, ", "))
}

func TestM12NoGoroutineIsLeftOfAThousand(t *testing.T) {
	soak(t)
	live := testbed.HTTP(t, testbed.Echo)
	moved := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "http://127.0.0.1:1")
		w.WriteHeader(http.StatusFound)
	})
	early := testbed.TCP(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 10))
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	p := start(t, settings{})
	p.apply(files{}.add("breaker", live, "http://127.0.0.1:1").add("redirect", live, moved).
		add("early", live, early).add("panic", live, "http://panic.invalid").
		add("socket", testbed.TCP(t, testbed.WebSocket), live))
	before := p.goroutines()
	body := []byte("{}")
	const each = 1000
	for _, name := range []string{"breaker", "redirect", "early", "panic"} {
		conns := p.dialN(4)
		for range each / 4 {
			for _, c := range conns {
				if status, got, err := c.do(post("/v1/"+name, body)); status != http.StatusOK || err != nil || string(got) != "{}" {
					t.Fatalf("%s: %d %q %v", name, status, got, err)
				}
			}
		}
		for _, c := range conns {
			c.Close()
		}
	}
	stop := make(chan struct{})
	close(stop)
	for range each {
		c := p.dial()
		if err := talk(c, stop); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	var after int
	defer func() { t.Logf("%d goroutines before, %d after", before, after) }()
	testbed.Eventually(t, "the goroutines end", func() bool {
		after = p.goroutines()
		return after <= before+32 // idle connections to replicas, idle workers
	})
	running.Measured(t, "M12", "%d times each: goroutines %d before, %d after", each, before, after)
}
