package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a gateway in a process of its own.
type process struct {
	t     *testing.T
	pid   int
	at    addresses
	admin *http.Client
	stop  func() // ends the process; it may be called more than once
}

// start starts a gateway with the running engines; it ends with the test.
func start(t *testing.T, s settings) *process {
	t.Helper()
	p, err := launch(t, s, (*exec.Cmd).Start)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// startAlone is start on a core of its own; callers, deployments and mirrors have
// the others. where says on how many it is, for figures.
func startAlone(t *testing.T, s settings) (p *process, where string) {
	t.Helper()
	where = "all on the same cores"
	p, err := launch(t, s, func(cmd *exec.Cmd) error {
		apart, err := startApart(t, cmd)
		if apart {
			where = "the gateway alone on a core"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, where
}

func launch(t *testing.T, s settings, begin func(*exec.Cmd) error) (*process, error) {
	t.Helper()
	s.Engines = running
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary) // it ends when its stdin does
	cmd.Env = append(os.Environ(), settingsVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := begin(cmd); err != nil {
		return nil, err
	}
	p := &process{t: t, pid: cmd.Process.Pid, admin: &http.Client{Transport: &http.Transport{}}}
	p.stop = sync.OnceFunc(func() {
		p.admin.CloseIdleConnections()
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	t.Cleanup(p.stop)
	if err := json.NewDecoder(out).Decode(&p.at); err != nil {
		return nil, fmt.Errorf("the gateway did not start: %w", err)
	}
	return p, nil
}

// call asks the admin listener.
func (p *process) call(method, path string, body []byte) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.at.Admin+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.admin.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, text, err)
	}
	return string(text)
}

// files is a work tree: path to content.
type files map[string]string

// apply makes files serve.
func (p *process) apply(f files) {
	p.t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		p.t.Fatal(err)
	}
	p.call(http.MethodPost, "/apply", text)
}

// swaps makes one revision after the other serve until ctx ends.
func (p *process) swaps(ctx context.Context, revision func(n int) files) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.apply(revision(n))
		}
	}
}

// add adds an endpoint with one backend and, if mirror is not empty, one mirror.
func (f files) add(name, live, mirror string) files {
	text := "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: " + name + "-live, version: 1}}\n"
	f["deployments/"+name+"-live.yaml"] = "schemaVersion: 1\nversions:\n  1: {url: " + live + "}\n"
	if mirror != "" {
		text += "mirrors:\n  m: {deployment: {branch: main, name: " + name + "-mirror, version: 1}}\n"
		f["deployments/"+name+"-mirror.yaml"] = "schemaVersion: 1\nversions:\n  1: {url: " + mirror + "}\n"
	}
	f["endpoints/"+name+".yaml"] = text
	return f
}

// metric sums the samples whose name and labels contain all of what is asked.
func (p *process) metric(name string, labels ...string) float64 {
	p.t.Helper()
	var sum float64
lines:
	for line := range strings.Lines(p.call(http.MethodGet, "/metrics", nil)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(line, l) {
				continue lines
			}
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func (p *process) captured() int64 { return int64(p.metric("switchyard_mirror_captured_bytes")) }
func (p *process) goroutines() int { return int(p.metric("go_goroutines")) }
func (p *process) cpu() float64    { return p.metric("process_cpu_seconds_total") } // seconds
func (p *process) fds() int        { return int(p.metric("process_open_fds")) }

// memory is a line of /proc/PID/status in bytes: VmRSS, or VmHWM for its peak.
func (p *process) memory(name string) int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		p.t.Skip("memory is read from /proc: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatal("there is no " + name)
	panic("unreachable")
}
