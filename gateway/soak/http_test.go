package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestH06AnEarlyRefusalReachesTheCaller(t *testing.T) {
	soak(t)
	live := testbed.TCP(t, func(c *net.TCPConn) {
		_, _ = io.CopyN(io.Discard, c, 100<<10)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
	})
	p := start(t, settings{})
	p.apply(files{}.add("e", live, ""))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body := make([]byte, 20<<20)
	const n = 100
	good := 0
	for range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.at.Public+"/v1/e", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Log(err)
			continue
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusRequestEntityTooLarge && string(text) == "too large" {
			good++
		}
	}
	if good < 99 {
		t.Errorf("%d of %d callers got the 413", good, n)
	}
	running.Measured(t, "H6", "%d of %d callers got the 413 during a 20 MiB upload", good, n)
}

func TestH08ACallerWhoLeavesReleasesTheDeployment(t *testing.T) {
	soak(t)
	arrived, released := make(chan struct{}, 1), make(chan time.Time, 1)
	live := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
		released <- time.Now()
	})
	p := start(t, settings{})
	p.apply(files{}.add("e", live, ""))
	var took latencies
	for range 300 {
		c := p.dial()
		_, _ = c.Write(post("/v1/e", []byte("{}")))
		<-arrived
		left := time.Now()
		c.Close()
		select {
		case at := <-released:
			took = append(took, at.Sub(left))
		case <-time.After(testbed.Patience):
			t.Fatal("the deployment was not released")
		}
	}
	if p99 := took.at(.99); p99 > 100*time.Millisecond {
		t.Errorf("released after %v", p99)
	}
	testbed.Eventually(t, "all are recorded as canceled", func() bool {
		return p.metric("switchyard_attempts_total", `outcome="canceled"`) == 300
	})
	running.Measured(t, "H8", "released p50 %s, p99 %s, at most %s after the caller left", ms(took.at(.5)), ms(took.at(.99)), ms(took.at(1)))
}

func TestH09StreamsAreNotHeldBack(t *testing.T) {
	soak(t)
	const streams = 20
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	measure := func(url string, stop chan struct{}) (sum latencies) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range streams {
			wg.Go(func() {
				late, err := follow(t.Context(), client, url)
				if err != nil {
					t.Errorf("a stream: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				sum = append(sum, late...)
			})
		}
		<-time.After(4 * time.Second)
		close(stop)
		wg.Wait()
		return sum
	}
	p := start(t, settings{})
	var p99 []time.Duration
	for _, name := range []string{"direct", "off", "on"} {
		stop := make(chan struct{})
		live := events(t, 10*time.Millisecond, stop)
		url := live
		if name != "direct" {
			mirror := map[string]string{"on": testbed.TCP(t, testbed.Hung)}[name]
			p.apply(files{}.add("e", live, mirror))
			url = "http://" + p.at.Public + "/v1/e"
		}
		sum := measure(url, stop)
		p99 = append(p99, sum.at(.99))
	}
	for _, through := range p99[1:] {
		if added := through - p99[0]; added > 5*time.Millisecond {
			t.Errorf("the gateway adds %v to the gaps of a stream at p99", added)
		}
	}
	running.Measured(t, "H9", "delay of events at p99: direct %s, through the gateway %s, with a mirror %s", ms(p99[0]), ms(p99[1]), ms(p99[2]))
}

func TestH10SlowHeadsAreClosedAndHoldUpNobody(t *testing.T) {
	soak(t)
	const slow, limit, rate, times = 5000, 5 * time.Second, 1000, 4
	live := testbed.HTTP(t, testbed.Echo)
	p, where := startAlone(t, settings{HeaderTimeout: limit})
	p.apply(files{}.add("e", live, ""))
	body := []byte(`{"data": 10}`)
	conns := p.dialN(16)
	request := post("/v1/e", body)
	round := func() load { return run(conns, request, body, rate, 250*time.Millisecond) }
	run(conns, request, body, rate, time.Second) // warms up
	var latest time.Duration                     // from a beginning to its end
	r, certainty := within(t, "others", func() (r rounds) {
		for range times {
			for range 12 {
				r.off = append(r.off, round())
			}
			closed := p.slowHeads(slow)
			for done := false; !done; {
				r.on = append(r.on, round())
				select {
				case took := <-closed:
					latest, done = max(latest, took), true
				default:
				}
			}
		}
		return r
	}, func(off, on load) bool { return on.latencies.at(.99) > off.latencies.at(.99)*12/10 })
	off, on := sum(r.off), sum(r.on)
	running.Measured(t, "H10", "%d times %d slow heads, closed at most %.2f s after their beginning (limit %v); others' p99, %s: %s, %s without, beyond the limit with certainty %.2f",
		times, slow, latest.Seconds(), limit, where, ms(on.latencies.at(.99)), ms(off.latencies.at(.99)), certainty)
}

// slowHeads opens n connections with heads that do not end, from a process in the
// background, and tells when the gateway has closed all: how long it took for the one
// that took longest.
func (p *process) slowHeads(n int) <-chan time.Duration {
	p.t.Helper()
	said := background(p.t, "TestSendSlowHeads", fmt.Sprint(n, " ", p.at.Public))
	var opened string
	if err := said.Decode(&opened); err != nil {
		p.t.Fatalf("slow heads were not sent: %v", err)
	}
	longest := make(chan time.Duration, 1)
	go func() { // it ends with the process, which ends with the test
		var took time.Duration
		if err := said.Decode(&took); err != nil {
			p.t.Errorf("slow heads are not closed: %v", err)
		}
		longest <- took
	}()
	return longest
}

// TestSendSlowHeads is what the process of slowHeads runs.
func TestSendSlowHeads(t *testing.T) {
	setting := os.Getenv(backgroundVariable)
	if setting == "" {
		t.Skip("it is a part of another test")
	}
	var n int
	var address string
	if _, err := fmt.Sscan(setting, &n, &address); err != nil {
		t.Fatal(err)
	}
	took := make([]time.Duration, n)
	var ends sync.WaitGroup
	for i := range n {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		opened := time.Now()
		if _, err := io.WriteString(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\nX-Slow: "); err != nil {
			t.Error(err)
		}
		_ = c.SetReadDeadline(opened.Add(2 * testbed.Patience))
		ends.Go(func() {
			_, err := io.Copy(io.Discard, c)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("a slow head is not closed")
			}
			took[i] = time.Since(opened)
			c.Close()
		})
	}
	said := json.NewEncoder(os.Stdout)
	if err := said.Encode("opened"); err != nil {
		t.Fatal(err)
	}
	ends.Wait()
	if err := said.Encode(slices.Max(took)); err != nil {
		t.Fatal(err)
	}
}

func TestH11LittleInIsLittleHeld(t *testing.T) {
	soak(t)
	const n = 1000
	live := testbed.TCP(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	ten := strings.Repeat("x", 10<<10)
	begun := "Host: g\r\nContent-Length: 1048576\r\n\r\n" + ten
	var parts []string
	for name, text := range map[string]string{
		"head":     "POST /v1/plain HTTP/1.1\r\nHost: g\r\nX-Long: " + ten,
		"body":     "POST /v1/plain HTTP/1.1\r\n" + begun,
		"body key": "POST /v1/keyed HTTP/1.1\r\n" + begun,
		"mirrored": "POST /v1/mirrored HTTP/1.1\r\n" + begun,
	} {
		p := start(t, settings{})
		f := files{}.add("plain", live, "").add("mirrored", live, live).add("keyed", live, "")
		f["endpoints/keyed.yaml"] += "assignment: {key: body:/user}\n"
		p.apply(f)
		before := p.memory("VmRSS")
		for range n {
			c := p.dial()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Second)
		held := (p.memory("VmHWM") - before) / n
		if held >= 1<<20/4 {
			t.Errorf("%s: %d bytes are held for 10 KiB", name, held)
		}
		parts = append(parts, fmt.Sprintf("%s %d KiB", name, held>>10))
	}
	slices.Sort(parts)
	running.Measured(t, "H11", "memory for 10 KiB of a request that goes on, by what it is: %s", strings.Join(parts, ", "))
}

func TestH13H2specShowsNothingThatStockGoLacks(t *testing.T) {
	soak(t)
	bin := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "go", "install", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible")
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod")
	install.Dir = bin // outside of the module
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("h2spec cannot be had: %v\n%s", err, out)
	}
	p := start(t, settings{})
	live := testbed.HTTP(t, count)
	p.apply(files{}.add("e", live, ""))
	stock := httptest.NewUnstartedServer(http.HandlerFunc(count))
	stock.Config.ErrorLog = log.New(io.Discard, "", 0)
	stock.EnableHTTP2 = true
	stock.StartTLS()
	t.Cleanup(stock.Close)
	// Some cases race with the server's answer. What fails each time counts here,
	// and what fails at any time with stock Go.
	ours, ran := h2spec(t, filepath.Join(bin, "h2spec"), p.at.TLS)
	var theirs []string
	for range 8 {
		failed, _ := h2spec(t, filepath.Join(bin, "h2spec"), stock.Listener.Addr().String())
		theirs = slices.Compact(slices.Sorted(slices.Values(append(theirs, failed...))))
		ours = slices.DeleteFunc(ours, func(name string) bool { return slices.Contains(theirs, name) })
		if len(ours) == 0 {
			break
		}
		t.Logf("stock Go does not fail these (yet): %q", ours)
		again, _ := h2spec(t, filepath.Join(bin, "h2spec"), p.at.TLS)
		ours = slices.DeleteFunc(ours, func(name string) bool { return !slices.Contains(again, name) })
	}
	if diff := cmp.Diff([]string(nil), ours, emptyIsNil); diff != "" {
		t.Errorf("stock Go does not fail these: %s", diff)
	}
	running.Measured(t, "H13", "%d cases of h2spec, none fails that stock Go passes (which fails %d)", ran, len(theirs))
}

var emptyIsNil = cmp.Transformer("emptyIsNil", func(s []string) string { return strings.Join(s, "\n") })

// h2spec returns which cases fail against a server, and how many were run.
func h2spec(t *testing.T, binary, address string) (failed []string, ran int) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// It exits with 1 when a case fails.
	_, _ = exec.CommandContext(ctx, binary, "-t", "-k", "-h", host, "-p", port, "-P", "/v1/e", "-o", "1", "-j", report).CombinedOutput()
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package   string    `xml:"package,attr"`
				ClassName string    `xml:"classname,attr"`
				Failure   *struct{} `xml:"failure"`
				Error     *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			ran++
			if c.Failure != nil || c.Error != nil {
				failed = append(failed, c.Package+" "+c.ClassName)
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d cases were run", ran)
	}
	return failed, ran
}
