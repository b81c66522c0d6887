//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/gauge"
	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

// options are what the command line says.
type options struct {
	root      string // of the repository
	quick     bool
	rounds    int // 0: as the pace says
	install   bool
	core      int // -1: the first one
	many      int
	only      []string // identifiers of scenarios; empty: all
	peers     []string // names; empty: all
	results   string   // folder
	write     string   // Markdown file; empty: none
	from      string   // results to show instead of measuring
	profile   string   // file; empty: none
	profiling time.Duration
	out       io.Writer
}

func (o options) say(format string, args ...any) { fmt.Fprintf(o.out, format+"\n", args...) }

func (o options) pace() pace {
	p := full()
	if o.quick {
		p = quick()
	}
	if o.rounds > 0 {
		p.rounds = o.rounds
	}
	return p
}

// measureAll measures and shows what came out.
func measureAll(ctx context.Context, o options) error {
	var missing []string
	finder := peer.Finder{Root: o.root, Install: o.install, Say: func(what string) {
		o.say("%s", what)
		if strings.HasPrefix(what, "not measured: ") {
			missing = append(missing, what)
		}
	}}
	peers, err := finder.Find(ctx)
	if err != nil {
		return err
	}
	if len(o.peers) > 0 {
		peers = slices.DeleteFunc(peers, func(p peer.Peer) bool { return !slices.Contains(o.peers, p.Name) })
	}
	r, err := newRunner(o, peers)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.root)
	r.report.Missing = missing
	for round := range r.pace.rounds {
		for _, g := range r.groups {
			if err := r.measureGroup(ctx, g, round); err != nil {
				return err
			}
		}
	}
	return publish(o, r.report)
}

// runner runs all measurements, one at a time.
type runner struct {
	options options
	pace    pace
	groups  []group
	peers   []peer.Peer
	core    int   // that measurements run on
	cores   []int // all
	root    string
	report  report.Report
}

func newRunner(o options, peers []peer.Peer) (*runner, error) {
	r := &runner{options: o, pace: o.pace(), peers: peers, core: o.core}
	var err error
	if r.cores, err = gauge.Cores(); err != nil {
		return nil, err
	}
	if r.core < 0 {
		r.core = r.cores[0]
	}
	others := slices.DeleteFunc(slices.Clone(r.cores), func(c int) bool { return c == r.core })
	if len(others) > 0 { // what this process does disturbs the measurements less
		if err := gauge.Pin(others...); err != nil {
			return nil, err
		}
	}
	machine := gauge.ThisMachine()
	r.report = report.Report{
		Date: time.Now().UTC().Format(time.DateOnly), Quick: o.quick, Rounds: r.pace.rounds,
		Machine: fmt.Sprintf("%s, %d cores, %d GiB, Linux %s, %s", machine.CPU, machine.Cores, machine.GiB, machine.Kernel, machine.System),
	}
	for _, p := range peers {
		r.report.Peers = append(r.report.Peers, report.Peer{Name: p.Name, Version: p.Version})
	}
	r.choose(o)
	if len(r.groups) == 0 || len(peers) == 0 {
		return nil, errors.New("nothing to measure: none of the peers could be had")
	}
	r.root, err = os.MkdirTemp(memoryFolder(), "switchyard-bench-")
	return r, err
}

// choose keeps the scenarios that were asked for.
func (r *runner) choose(o options) {
	for _, g := range groups(o.many) {
		g.scenarios = slices.DeleteFunc(g.scenarios, func(s scenario) bool {
			return len(o.only) > 0 && !slices.Contains(o.only, s.ID)
		})
		if len(g.scenarios) == 0 {
			continue
		}
		r.groups = append(r.groups, g)
		shown := report.Group{Title: g.title, Text: g.text, Compare: g.compare}
		for _, s := range g.scenarios {
			shown.Scenarios = append(shown.Scenarios, s.Scenario)
		}
		r.report.Groups = append(r.report.Groups, shown)
	}
}

// memoryFolder is a folder in memory for logs and repositories, so that no disk
// is measured; empty, which means the usual one, if there is none.
func memoryFolder() string {
	const shared = "/dev/shm"
	if info, err := os.Stat(shared); err != nil || !info.IsDir() {
		return ""
	}
	return shared
}

// measureGroup measures the scenarios of a group for one peer after the other,
// so that what is compared within a group is measured close together.
func (r *runner) measureGroup(ctx context.Context, g group, round int) error {
	for _, s := range g.scenarios {
		for _, p := range r.peers {
			if s.mirrored() && !p.Mirrors {
				continue
			}
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("broken off: %w", context.Cause(ctx))
			}
			r.measure(ctx, s, p, round)
		}
	}
	return nil
}

func (r *runner) measure(ctx context.Context, s scenario, p peer.Peer, round int) {
	m := &measurement{ctx: ctx, pace: r.pace, scenario: s, peer: p, core: r.core, cores: []int{r.core}}
	if s.ID == report.Quiet {
		m.cores = r.cores
	}
	if s.ID == report.Swapping {
		return // measured with the quiet one
	}
	began := time.Now()
	err := m.run(r.root)
	if err != nil {
		r.report.Rows = append(r.report.Rows, report.Row{Scenario: s.ID, Peer: p.Name, Round: round, Failed: err.Error()})
		r.options.say("%d %-12s %-15s FAILED: %v", round+1, s.ID, p.Name, err)
		return
	}
	for id, values := range m.values {
		r.report.Rows = append(r.report.Rows, report.Row{Scenario: id, Peer: p.Name, Round: round, Values: values})
		r.options.say("%d %-12s %-15s %s  (%.1fs)", round+1, id, p.Name, report.Line(values), time.Since(began).Seconds())
	}
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// publish prints the report and writes its files.
func publish(o options, r report.Report) error {
	if o.from == "" {
		if err := os.MkdirAll(o.results, 0o755); err != nil {
			return err
		}
		cpu, _, _ := strings.Cut(r.Machine, " cores")
		name := r.Date + "-" + strings.Trim(notName.ReplaceAllString(strings.ToLower(cpu), "-"), "-") + "-cores"
		path := filepath.Join(o.results, name)
		if err := errors.Join(r.Write(path+".json"), os.WriteFile(path+".svg", []byte(r.SVG()), 0o644)); err != nil {
			return err
		}
		o.say("\nwritten: %s.json and %s.svg", path, path)
	}
	o.say("\n%s", r.Markdown())
	if o.write == "" {
		return nil
	}
	return r.Insert(o.write)
}
