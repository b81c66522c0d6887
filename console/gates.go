package console

import (
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/report"
)

// judgement is how a mirror does against its gates.
type judgement struct {
	Mirror  string
	Verdict report.Verdict
	Pairs   int64
	Least   int // pairs that are asked for
	Gates   []gate
	Noise   bool // it is what noise is measured by, and not judged
	Default bool // it declares no gates
}

// gate is one gate.
type gate struct {
	report.Gate
	MirrorText, BoundText string
}

// Class is the color of a verdict.
func (j judgement) Class() string {
	switch j.Verdict {
	case report.Better, report.Same:
		return "good"
	case report.Worse:
		return "bad"
	case report.Open:
	}
	return "warn"
}

// Class is the color of what became of a gate.
func (g gate) Class() string {
	switch g.Result {
	case report.Passes:
		return "good"
	case report.Fails:
		return "bad"
	case report.Undecided:
	}
	return "warn"
}

// judgedEvery is how long a judgement stands. To make one all records of an
// endpoint are read, whoever looks, and however many.
const judgedEvery = 15 * time.Second

// judgements are those of endpoints that are looked at.
type judgements struct {
	mu  sync.Mutex
	all map[string]judged // by endpoint
}

type judged struct {
	at  time.Time
	of  *endpoints.Endpoint
	all []judgement
}

// mostJudged bounds the endpoints whose judgements are kept in mind.
const mostJudged = 100

// judgementsOf says how the mirrors of an endpoint do against their gates. Those
// without records are left out.
func (c *Console) judgementsOf(e *endpoints.Endpoint) []judgement {
	if len(e.Mirrors) == 0 || c.o.Recent == nil {
		return nil
	}
	c.judged.mu.Lock()
	defer c.judged.mu.Unlock()
	now := c.now()
	if known, ok := c.judged.all[e.Name]; ok && known.of == e && now.Sub(known.at) < judgedEvery {
		return known.all
	}
	if len(c.judged.all) >= mostJudged {
		clear(c.judged.all)
	}
	collector := c.collect(e.Name)
	var all []judgement
	for i := range e.Mirrors {
		if m := &e.Mirrors[i]; collector.Has(m.Name) {
			all = append(all, judge(collector, m))
		}
	}
	c.judged.all[e.Name] = judged{now, e, all}
	return all
}

func judge(collector *report.Collector, m *endpoints.Mirror) judgement {
	made := collector.Report(m.Name, m.Gates)
	j := judgement{
		Mirror: m.Name, Verdict: made.Verdict, Pairs: made.Coverage.Paired, Least: made.MinPairs, Noise: m.Noise, Default: m.Gates == nil,
	}
	for _, g := range made.Gates {
		mirror, bound := g.Figures()
		j.Gates = append(j.Gates, gate{g, mirror, bound})
	}
	return j
}
