package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/report/stat"
	"github.com/switchyard-gateway/switchyard/schema"
)

// every is how many pairs come between two looks.
const every = 100

// options are how much is simulated.
type options struct {
	runs, powerRuns int // of what may be a false alarm, and of what is none
	looks           int
}

// truth is what mirror and live are like.
type truth struct {
	name                 string
	agree                float64
	liveFails, mirrFails float64
	slower               float64
	wide                 bool           // gates that let much pass, in place of the default ones
	right                report.Verdict // that is to be found; empty: WORSE and BETTER are both wrong
}

// truths are what is simulated: first a mirror that is as live, and those that are exactly as bad
// as the gates allow; then those that are worse, and those that are seen to be as good
// or better.
func truths() []truth {
	return []truth{
		{name: "as live", agree: .998, liveFails: .01, mirrFails: .01, slower: 1},
		{name: "agreement just as bad as allowed (98 %)", agree: .98, slower: 1},
		{name: "errors just as many as allowed (live 1 %, mirror 1.1 %)", agree: .998, liveFails: .01, mirrFails: .011, slower: 1},
		{name: "p99 just as long as allowed (1.2 times)", agree: .998, slower: 1.2},
		{name: "as live (gates wide)", agree: .998, liveFails: .01, mirrFails: .01, slower: 1, wide: true},
		{name: "agreement 96 %", agree: .96, slower: 1, right: report.Worse},
		{name: "agreement 95 %", agree: .95, slower: 1, right: report.Worse},
		{name: "agreement 90 %", agree: .9, slower: 1, right: report.Worse},
		{name: "errors 1 % more", agree: .998, liveFails: .01, mirrFails: .02, slower: 1, right: report.Worse},
		{name: "errors 2 % more", agree: .998, liveFails: .01, mirrFails: .03, slower: 1, right: report.Worse},
		{name: "p99 1.5 times as long", agree: .998, slower: 1.5, right: report.Worse},
		{name: "p99 2 times as long", agree: .998, slower: 2, right: report.Worse},
		{name: "as live (gates wide)", agree: .998, liveFails: .01, mirrFails: .01, slower: 1, wide: true, right: report.Same},
		{name: "errors 2 % fewer (gates wide)", agree: .998, liveFails: .03, mirrFails: .01, slower: 1, wide: true, right: report.Better},
		{name: "p99 half as long (gates wide)", agree: .998, slower: .5, wide: true, right: report.Better},
	}
}

// finding is what came of one truth.
type finding struct {
	truth truth
	runs  int
	said  map[report.Verdict][]int // runs that have said so at some look, up to each look
	usual int                      // runs in which the usual interval for one look would have said WORSE at some look
}

// share is how many of the runs have given a verdict, up to a look.
func (f finding) share(v report.Verdict, look int) float64 {
	return float64(f.said[v][look]) / float64(f.runs)
}

// median is how many pairs half of the runs needed for the verdict that is right; 0: more than there were.
func (f finding) median() int {
	i := slices.IndexFunc(f.said[f.truth.right], func(n int) bool { return 2*n >= f.runs })
	return (i + 1) * every
}

// verdicts are those that a look may give when it decides.
func verdicts() []report.Verdict { return []report.Verdict{report.Worse, report.Same, report.Better} }

// gates are those that the mirror is held against.
func (t truth) gates() *schema.Gates {
	if !t.wide {
		return report.DefaultGates()
	}
	return &schema.Gates{MinPairs: schema.DefaultMinPairs, Gates: []schema.Gate{
		{Metric: schema.Agreement, Operator: schema.AtLeast, Offset: .95},
		{Metric: schema.ErrorRate, Operator: schema.AtMost, Live: true, Factor: 1, Offset: .03},
		{Metric: schema.P99, Operator: schema.AtMost, Live: true, Factor: 2},
	}}
}

// simulate finds out about all truths.
func simulate(o options) []finding {
	var all []finding
	for i, t := range truths() {
		runs := o.runs
		if t.right != "" {
			runs = o.powerRuns
		}
		f := finding{truth: t, runs: runs, said: map[report.Verdict][]int{}}
		for _, v := range verdicts() {
			f.said[v] = make([]int, o.looks)
		}
		var mu sync.Mutex
		var workers sync.WaitGroup
		jobs := make(chan int) // not buffered: workers take a run when they are ready
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for seed := range jobs {
					r := watch(t, o.looks, uint64(i), uint64(seed))
					mu.Lock()
					f.add(r)
					mu.Unlock()
				}
			})
		}
		for seed := range runs {
			jobs <- seed
		}
		close(jobs)
		workers.Wait()
		all = append(all, f)
	}
	return all
}

// result is at which look a verdict was given first, and whether usual intervals would have
// said WORSE at some.
type result struct {
	said  map[report.Verdict]int
	usual bool
}

func (f *finding) add(r result) {
	for v, first := range r.said {
		for look := first; look < len(f.said[v]); look++ {
			f.said[v][look]++
		}
	}
	if r.usual {
		f.usual++
	}
}

// watch looks at the verdict about one mirror again and again.
func watch(t truth, looks int, a, b uint64) result {
	random := rand.New(rand.NewPCG(a, b))
	c := report.NewCollector(report.Options{Endpoint: "e"})
	out := result{said: map[report.Verdict]int{}}
	gates := t.gates()
	for look := range looks {
		for i := range every {
			r := t.record(random, look*every+i)
			c.Add(&r)
		}
		r := c.Report("m", gates)
		if _, again := out.said[r.Verdict]; !again && r.Verdict != report.Open {
			out.said[r.Verdict] = look
		}
		out.usual = out.usual || r.Coverage.Paired >= int64(r.MinPairs) && usuallyWorse(r, gates)
		if t.right != "" && r.Verdict == t.right {
			break
		}
	}
	return out
}

// usuallyWorse is what somebody would conclude from usual intervals of 95 %, each gate
// at its share of the 5 %: of the agreement, and of the difference of error rates.
func usuallyWorse(r *report.Report, gates *schema.Gates) bool {
	level := 1 - report.Alpha/float64(len(gates.Gates))
	if stat.Wilson(r.Agreement.Agree, r.Agreement.Pairs, level).High < gates.Gates[0].Offset {
		return true
	}
	var m stat.Moments
	for value, n := range map[float64]int64{-1: r.Errors.LiveOnly, 1: r.Errors.MirrorOnly, 0: r.Errors.BothOK + r.Errors.BothFailed} {
		for range n {
			m.Add(value)
		}
	}
	in, ok := m.Interval(level)
	return ok && in.Low > gates.Gates[1].Offset
}

// record is that of one copy.
func (t truth) record(random *rand.Rand, n int) records.Record {
	r := records.Record{
		Event: records.Inference, RequestID: strconv.Itoa(n), Endpoint: "e", Backend: "m", Role: records.Mirror,
		Outcome: records.OK, Status: 200, Duration: t.slower * (5 + 2*random.ExpFloat64()),
	}
	r.LiveOutcome, r.LiveDuration = records.OK, records.Number{Value: 5 + 2*random.ExpFloat64(), Is: true}
	if random.Float64() < t.liveFails {
		r.LiveOutcome = records.Error
	}
	if random.Float64() < t.mirrFails {
		r.Outcome, r.Status = records.Error, 500
	}
	r.Agree = records.Agrees
	if random.Float64() >= t.agree {
		r.Agree = records.Differs
	}
	return r
}
