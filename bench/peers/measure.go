//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/deployment"
	"github.com/switchyard-gateway/switchyard/bench/epoll"
	"github.com/switchyard-gateway/switchyard/bench/gauge"
	"github.com/switchyard-gateway/switchyard/bench/load"
	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

const (
	mebi       = 1 << 20
	pollCopies = 250 * time.Millisecond // when none arrives for so long, no more are under way
)

// measurement is one peer at one kind of work, with processes of its own.
type measurement struct {
	ctx      context.Context // of the whole run; it ends when the run is broken off
	pace     pace
	scenario scenario
	peer     peer.Peer
	core     int   // that all of it runs on
	cores    []int // that the peer runs on

	site        peer.Site
	deployments *deployments
	process     *peer.Process

	values map[string]map[report.Metric]float64 // by scenario
}

// run sets everything up, measures, and takes everything down.
func (m *measurement) run(root string) (err error) {
	m.values = map[string]map[report.Metric]float64{}
	dir, err := os.MkdirTemp(root, "site-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if m.deployments, err = startDeployments(m.ctx, m.core); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.deployments.stop()) }()
	if err := m.place(dir); err != nil {
		return err
	}
	if err := m.peer.SetUp(m.ctx, m.site); err != nil {
		return err
	}
	if m.process, err = m.peer.Start(m.ctx, m.site, m.cores); err != nil {
		return err
	}
	defer m.process.Stop()
	if m.scenario.measure != nil {
		return m.scenario.measure(m)
	}
	return measureLoad(m)
}

func (m *measurement) place(dir string) error {
	m.site = peer.Site{Dir: dir, Workers: len(m.cores), Ports: m.deployments.ports, Endpoints: m.scenario.endpoints}
	var err error
	if m.site.Port, err = epoll.FreePort(); err != nil {
		return err
	}
	m.site.Admin, err = epoll.FreePort()
	return err
}

// order is the load of the scenario.
func (m *measurement) order() order {
	s := m.scenario
	o := load.Options{
		Port: m.site.Port, Path: s.path, Body: smallBody, Connections: connections, Rate: s.rate,
		Warm: m.pace.warm, Duration: m.pace.duration, Drain: m.pace.drain,
	}
	if s.endpoints > 0 {
		o.Path, o.Endpoints = peer.Numbered, s.endpoints
	}
	if s.body > 0 {
		o.Body = s.body
	}
	if s.connections > 0 {
		o.Connections = s.connections
	}
	if s.long {
		o.Duration = m.pace.long
	}
	return order{Load: o, Peer: m.process.PIDs(), Others: []int{m.deployments.command.Process.Pid}, Core: m.core}
}

func measureLoad(m *measurement) error {
	o := m.order()
	if err := gauge.ResetPeak(o.Peer...); err != nil {
		return err
	}
	before, err := m.deployments.counts()
	if err != nil {
		return err
	}
	running, err := startLoad(m.ctx, o)
	if err != nil {
		return err
	}
	did, err := running.wait()
	if err != nil {
		return err
	}
	values := did.values(o)
	m.values[m.scenario.ID] = values
	values[report.Memory] = float64(gauge.PeakMemory(o.Peer...)) / mebi
	if m.scenario.ID == report.Many {
		values[report.Boot] = float64(m.process.Boot.Milliseconds())
	}
	if m.scenario.ID == report.Split && did.Result.Due > 0 {
		values[report.SideB] = percent(did.Result.Answers[peer.B], did.Result.Due-did.Result.Errors())
	}
	if m.scenario.mirror != "" {
		return m.addCopies(values, before)
	}
	return nil
}

// values are the metrics that every load gives.
func (d outcome) values(o order) map[report.Metric]float64 {
	r := d.Result
	values := map[report.Metric]float64{
		report.Rate: r.Rate, report.P50: r.P50, report.P99: r.P99, report.P999: r.P999,
		report.Errors:    percent(r.Errors(), r.Due),
		report.Disturbed: max(0, 100*float64(d.Core-d.Peer-d.Others)/float64(o.Load.Duration)),
	}
	if r.Requests > 0 {
		values[report.CPU] = float64(d.Peer) / float64(time.Microsecond) / float64(r.Requests)
	}
	if o.Load.Body >= bigBody {
		values[report.MB] = r.Rate * float64(o.Load.Body) / 1e6
		delete(values, report.Rate) // the same, in smaller numbers
	}
	return values
}

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// addCopies waits for those that are under way, and tells how many of the live
// requests since before had a copy that arrived.
func (m *measurement) addCopies(values map[report.Metric]float64, before map[string]deployment.Counts) error {
	live, copied := int64(0), int64(-1)
	for limit := time.Now().Add(m.pace.forCopies); ; pause(m.ctx, pollCopies) {
		now, err := m.deployments.counts()
		if err != nil {
			return err
		}
		last := copied
		live = now[peer.A].Requests - before[peer.A].Requests
		copied = now[m.scenario.mirror].Requests - before[m.scenario.mirror].Requests
		if copied == live || copied == last || time.Now().After(limit) {
			break
		}
	}
	if copied > live {
		return fmt.Errorf("%d copies of %d requests arrived", copied, live)
	}
	values[report.Copies] = percent(copied, live)
	if rate, ok := values[report.Rate]; ok {
		values[report.CopyRate] = rate * values[report.Copies] / 100
	}
	return nil
}

func measureIdle(m *measurement) error {
	pause(m.ctx, m.pace.settle)
	m.values[m.scenario.ID] = map[report.Metric]float64{report.Idle: float64(gauge.Memory(m.process.PIDs()...)) / mebi}
	return nil
}

// nothing is for scenarios that another one measures too.
func nothing(*measurement) error { return nil }

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// thousandsOf writes 10000 as 10,000.
func thousandsOf(n int) string {
	text := strconv.Itoa(n)
	if len(text) <= 3 {
		return text
	}
	return text[:len(text)-3] + "," + text[len(text)-3:]
}
