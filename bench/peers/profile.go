//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

// recordProfile records what Switchyard computes under plain and mirrored load
// with both engines, into one file for the compiler.
func recordProfile(ctx context.Context, o options) error {
	finder := peer.Finder{Root: o.root, Say: func(what string) { o.say("%s", what) }}
	peers, err := finder.Switchyard(ctx, "-pgo=off") // an old profile is not to show in a new one
	if err != nil {
		return err
	}
	o.only, o.quick = []string{report.Plain, report.Mirror}, true
	r, err := newRunner(o, peers)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.root)
	r.pace.duration = o.profiling
	var parts []string
	for _, p := range peers {
		for _, g := range r.groups {
			part := filepath.Join(r.root, strings.ReplaceAll(p.Name, " ", "-")+"-"+g.scenarios[0].ID)
			s := g.scenarios[0]
			s.measure = func(m *measurement) error { return m.profile(part) }
			o.say("profiling %s, %s", p.Name, s.Label)
			m := &measurement{ctx: ctx, pace: r.pace, scenario: s, peer: p, core: r.core, cores: []int{r.core}}
			if err := m.run(r.root); err != nil {
				return err
			}
			parts = append(parts, part)
		}
	}
	merge := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-proto", "-output=" + o.profile}, parts...)...)
	if out, err := merge.CombinedOutput(); err != nil {
		return fmt.Errorf("merge the profiles: %w: %s", err, out)
	}
	o.say("written: %s", o.profile)
	return nil
}

// profile saves a profile of the peer under the load of the scenario.
func (m *measurement) profile(path string) error {
	o := m.order()
	o.Load.Duration += time.Second // the profile is to lie within
	running, err := startLoad(m.ctx, o)
	if err != nil {
		return err
	}
	pause(m.ctx, m.pace.warm)
	err = fetchProfile(m.ctx, m.site.Admin, m.pace.duration, path)
	did, failed := running.wait()
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if did.Result.Errors() > 0 || did.Result.Requests == 0 {
		return fmt.Errorf("%d of %d requests went wrong under the profiler", did.Result.Errors(), did.Result.Due)
	}
	return nil
}

func fetchProfile(ctx context.Context, port int, d time.Duration, path string) error {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", port, int(d.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the profile: %s", response.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}
