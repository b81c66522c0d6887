//go:build linux

package main

import (
	"time"

	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

const (
	smallBody = 200
	bigBody   = 1_000_000

	connections     = 64  // of callers
	bigConnections  = 16  // with bodies of a megabyte
	wideConnections = 256 // where answers may take long
	steadyRate      = 4000
	mirrorRate      = 1000 // with mirrors that misbehave
	swapRate        = 2000
	idleEndpoints   = 100
)

// scenario is one kind of work and how it is done.
type scenario struct {
	report.Scenario
	measure func(m *measurement) error // fills the rows

	path        string
	body        int
	connections int
	rate        float64 // 0: a closed loop
	mirror      string  // the deployment that gets copies; empty: none
	endpoints   int     // numbered ones, which are called instead of path
	long        bool    // it is measured for longer
}

// group is a table and its scenarios.
type group struct {
	title, text string
	compare     report.Metric
	scenarios   []scenario
}

func named(id, label string, plot report.Metric) report.Scenario {
	return report.Scenario{ID: id, Label: label, Plot: plot}
}

// groups are all that is measured; many is how many "many endpoints" are.
func groups(many int) []group {
	return []group{
		{
			title: "Plain requests, closed loop", text: "64 connections, a JSON POST of 200 bytes, one line in the access log for each request.",
			scenarios: []scenario{{Scenario: named(report.Plain, "plain", report.CPU), path: peer.Plain}},
		},
		{
			title: "Split 90/10, closed loop", text: "By `X-User-Id`; Caddy by weighted round robin, because its policies by header take no weights.",
			scenarios: []scenario{{Scenario: named(report.Split, "split", report.CPU), path: peer.Split}},
		},
		{
			title: "Every request mirrored to a fast mirror, closed loop", text: "HAProxy and Caddy have no mirrors built in. nginx holds callers back until their copies are answered, so that all of them arrive. Switchyard never does: under more load than the core can bear, its queue is full and it drops copies, which it counts and logs. So *copies/s* are compared too.",
			scenarios: []scenario{{Scenario: named(report.Mirror, "mirrored", report.Rate), path: peer.Mirrored(peer.Fast), mirror: peer.Fast}},
		},
		{
			title: "Constant rate, 4,000 requests/s", text: "Latency counts from when a request was due. The CPU time of mirrored requests includes that of their copies.",
			compare: report.CPU,
			scenarios: []scenario{
				{Scenario: named("rate", "plain", report.CPU), path: peer.Plain, rate: steadyRate},
				{Scenario: named(report.RateMirror, "mirrored", report.CPU), path: peer.Mirrored(peer.Fast), mirror: peer.Fast, rate: steadyRate},
			},
		},
		{
			title: "Bodies of 1 MB, mirrored, closed loop", text: "16 connections. MB/s counts live bodies only.",
			scenarios: []scenario{{
				Scenario: named(report.Big, "1 MB", report.MB), path: peer.Mirrored(peer.Fast), mirror: peer.Fast,
				body: bigBody, connections: bigConnections,
			}},
		},
		misbehaving(),
		{
			title: "Many endpoints", text: "Requests spread evenly over all endpoints, closed loop. nginx has a location for each, HAProxy and Caddy a map.",
			compare: report.Rate,
			scenarios: []scenario{
				{Scenario: named(report.One, "1", ""), endpoints: 1},
				{Scenario: named(report.Many, thousandsOf(many), report.Rate), endpoints: many},
			},
		},
		{
			title: "One changed endpoint among " + thousandsOf(many), text: "2,000 requests/s, quiet and with one change after the other. *Serves after* is the time from the commit (Switchyard, told by `POST /sync`) or the reload (the others) " +
				"to the first answer by the changed endpoint. Only here the peers have all cores of the machine to themselves, with as many workers.",
			compare: report.P999,
			scenarios: []scenario{
				{Scenario: named(report.Quiet, "quiet", ""), endpoints: many, rate: swapRate, measure: measureSwaps},
				{Scenario: named(report.Swapping, "swaps", report.P999), endpoints: many, rate: swapRate, measure: nothing},
			},
		},
		{
			title: "Idle with 100 endpoints", text: "Resident memory a moment after the first answer; pages that processes share count once.",
			scenarios: []scenario{{Scenario: named(report.IdleAt100, "idle", report.Idle), endpoints: idleEndpoints, measure: measureIdle}},
		},
	}
}

// scenarioIDs are those of all scenarios.
func scenarioIDs(many int) (ids []string) {
	for _, g := range groups(many) {
		for _, s := range g.scenarios {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func misbehaving() group {
	g := group{
		title: "Mirrors that misbehave, 1,000 requests/s", text: "*Off* is without a mirror; then every request is mirrored to one that takes 2 s, one that refuses connections, " +
			"one that takes everything and never answers. What was not answered a moment after the end counts as an error.",
		compare: report.P99,
	}
	for _, s := range []scenario{
		{Scenario: named(report.Off, "off", ""), path: peer.Plain},
		{Scenario: named(report.Slow, "slow", report.Rate), path: peer.Mirrored(peer.Slow)},
		{Scenario: named(report.Dead, "dead", report.Rate), path: peer.Mirrored(peer.Dead)},
		{Scenario: named(report.Hole, "never answers", report.Rate), path: peer.Mirrored(peer.Hole)},
	} {
		s.rate, s.connections, s.long = mirrorRate, wideConnections, true
		g.scenarios = append(g.scenarios, s)
	}
	return g
}

// mirrored tells whether the scenario is for peers with mirrors only.
func (s scenario) mirrored() bool { return s.mirror != "" || s.long }

// pace is how long things are measured.
type pace struct {
	rounds                       int
	warm, duration, long, drain  time.Duration
	swapEvery, settle, forCopies time.Duration
}

func full() pace {
	return pace{
		rounds: 3, warm: 500 * time.Millisecond, duration: 3 * time.Second, long: 5 * time.Second, drain: time.Second,
		swapEvery: 500 * time.Millisecond, settle: time.Second, forCopies: 3 * time.Second,
	}
}

func quick() pace {
	return pace{
		rounds: 1, warm: 150 * time.Millisecond, duration: 500 * time.Millisecond, long: time.Second, drain: 200 * time.Millisecond,
		swapEvery: 200 * time.Millisecond, settle: 200 * time.Millisecond, forCopies: time.Second,
	}
}
