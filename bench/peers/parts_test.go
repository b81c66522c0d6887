//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/deployment"
	"github.com/switchyard-gateway/switchyard/bench/load"
	"github.com/switchyard-gateway/switchyard/bench/report"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// The two parts talk to each other here as their processes do.
func TestPartsTellWhatTheyDid(t *testing.T) {
	askRead, ask := io.Pipe()
	answers, tell := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := deploy(`[{"Name":"A","Behavior":"fast"}]`, askRead, tell)
		_ = tell.Close()
		ended <- err
	}()
	d := json.NewDecoder(answers)
	var ports map[string]int
	if err := d.Decode(&ports); err != nil {
		t.Fatal(err)
	}
	o := order{
		Load: load.Options{Port: ports["A"], Path: "/", Body: 10, Connections: 2, Rate: 200, Duration: 500 * time.Millisecond, Drain: 5 * time.Second},
		Peer: []int{os.Getpid()},
	}
	told, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := perform(string(told), &out); err != nil {
		t.Fatal(err)
	}
	var did outcome
	if err := json.Unmarshal(out.Bytes(), &did); err != nil {
		t.Fatal(err)
	}
	if did.Result.Due != 100 || did.Result.Errors() != 0 || did.Peer <= 0 || did.Peer > 10*time.Second {
		t.Errorf("%+v", did)
	}
	if _, err := ask.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	var saw map[string]deployment.Counts
	if err := d.Decode(&saw); err != nil || saw["A"].Requests != 100 || saw["A"].Bytes != 1000 {
		t.Errorf("%+v %v", saw, err)
	}
	_ = ask.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestValuesOfALoad(t *testing.T) {
	did := outcome{
		Result: load.Result{Requests: 1000, Rate: 500, Due: 1010, NotOK: 5, Broken: 3, Unanswered: 2},
		Peer:   20 * time.Millisecond, Others: 30 * time.Millisecond, Core: 150 * time.Millisecond,
	}
	got := did.values(order{Load: load.Options{Duration: time.Second, Body: 200}})
	if got[report.CPU] != 20 || got[report.Rate] != 500 || got[report.Disturbed] != 10 {
		t.Errorf("%v", got)
	}
	if e := got[report.Errors]; e < 0.990 || e > 0.991 {
		t.Errorf("errors %v", e)
	}
	if _, ok := (outcome{}).values(order{Load: load.Options{Duration: time.Second}})[report.CPU]; ok {
		t.Error("no requests cost nothing")
	}
}

// What the tables, the plot and the aims speak of is measured, once each.
func TestEveryScenarioOfTheReportIsMeasured(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups(10_000) {
		for _, s := range g.scenarios {
			if seen[s.ID] || s.Label == "" || s.path == "" && s.endpoints == 0 {
				t.Errorf("%+v", s.Scenario)
			}
			seen[s.ID] = true
		}
	}
	for _, id := range []string{
		report.Plain, report.Split, report.Mirror, report.RateMirror, report.Big, report.Off, report.Slow, report.Dead,
		report.Hole, report.One, report.Many, report.Quiet, report.Swapping, report.IdleAt100,
	} {
		if !seen[id] {
			t.Errorf("%s is not measured", id)
		}
	}
}

func TestResultsAreWrittenAndShownAgain(t *testing.T) {
	dir := t.TempDir()
	r := report.Report{
		Date: "2026-01-02", Rounds: 1, Machine: "A CPU @ 3, 2 cores, 4 GiB",
		Peers:  []report.Peer{{Name: "nginx"}},
		Groups: []report.Group{{Title: "T", Scenarios: []report.Scenario{{ID: "plain", Label: "plain", Plot: report.CPU}}}},
		Rows:   []report.Row{{Scenario: "plain", Peer: "nginx", Values: map[report.Metric]float64{report.CPU: 7}}},
	}
	var out bytes.Buffer
	if err := publish(options{results: dir, out: &out}, r); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "2026-01-02-a-cpu-3-2-cores")
	back, err := report.Read(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".svg"); err != nil {
		t.Error(err)
	}
	var again bytes.Buffer
	if err := publish(options{from: path, out: &again}, back); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), again.String()) || !strings.Contains(again.String(), "7.0") {
		t.Errorf("first:\n%s\nagain:\n%s", out.String(), again.String())
	}
}

func TestCommandLine(t *testing.T) {
	o, err := parse([]string{"-quick", "-only", "plain,split", "-peers", "nginx,Switchyard std"})
	if err != nil || !o.quick || len(o.only) != 2 || o.peers[1] != "Switchyard std" || !filepath.IsAbs(o.root) || o.pace().rounds != 1 {
		t.Errorf("%+v %v", o, err)
	}
	for _, args := range [][]string{{"more"}, {"-endpoints", "1"}, {"-profile-time", "1ms"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	for option, want := range map[string]string{"-peers": `no peer "Nginx"; there are nginx, HAProxy`, "-only": `no scenario "Nginx"; there are plain`} {
		if _, err := parse([]string{option, "Nginx"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", option, err, want)
		}
	}
}
