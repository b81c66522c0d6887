package report_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

var began = time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC)

// traffic makes records of an endpoint with one mirror, the same in each run.
type traffic struct {
	random *rand.Rand
	n      int
	// What is to come of each request; the mirror's fields are those that live has
	// if nil is left.
	failLive, failMirror, differ float64
	slower                       float64 // the mirror's latency, as a factor of the live one
	noise                        bool
	mirror                       string
}

func newTraffic(seed uint64) *traffic {
	return &traffic{random: rand.New(rand.NewPCG(seed, 1)), slower: 1, mirror: "candidate"}
}

// pair makes the live record of a request and that of its copy.
func (t *traffic) pair() (live, mirror records.Record) {
	t.n++
	id := fmt.Sprintf("request-%d", t.n)
	at := began.Add(time.Duration(t.n) * time.Second)
	live = records.Record{
		Time: at, Event: records.Inference, RequestID: id, Endpoint: "pricing", Backend: "control", Role: records.Live,
		DeploymentName: "pricing_model", DeploymentVersion: 1, Branch: "main", Commit: strings.Repeat("c0ffee12", 5),
		Outcome: records.OK, Status: 200, Duration: 5 + 2*t.random.ExpFloat64(),
	}
	if t.random.Float64() < t.failLive {
		live.Outcome, live.Status, live.ErrorKind = records.Error, 503, "status"
	}
	mirror = live
	mirror.Backend, mirror.Role, mirror.DeploymentVersion = t.mirror, records.Mirror, 2
	mirror.Outcome, mirror.Status, mirror.ErrorKind = records.OK, 200, ""
	mirror.Duration = t.slower * (5 + 2*t.random.ExpFloat64())
	if t.random.Float64() < t.failMirror {
		mirror.Outcome, mirror.Status, mirror.ErrorKind = records.Error, 500, "status"
	}
	mirror.LiveOutcome, mirror.LiveStatus, mirror.Noise = live.Outcome, live.Status, t.noise
	mirror.LiveDuration = records.Number{Value: live.Duration, Is: true}
	switch {
	case live.Outcome != records.OK:
		mirror.Unpaired = "live_failed"
	case mirror.Outcome != records.OK:
		mirror.Unpaired = "mirror_failed"
	case t.random.Float64() < t.differ:
		mirror.Agree = records.Differs
	default:
		mirror.Agree = records.Agrees
	}
	return live, mirror
}

// collect gives a collector the records of n pairs.
func (t *traffic) collect(c *report.Collector, n int) {
	for range n {
		live, mirror := t.pair()
		c.Add(&live)
		c.Add(&mirror)
	}
}

func collected(t *traffic, n int) *report.Collector {
	c := report.NewCollector(report.Options{Endpoint: "pricing"})
	t.collect(c, n)
	return c
}
