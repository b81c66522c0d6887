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
	alarm                bool // a gate does not hold, so that WORSE is right
}

// truths are what is simulated: first a mirror that is as live, and those that are exactly as bad
// as the default gates allow; then those that are worse.
func truths() []truth {
	return []truth{
		{name: "as live", agree: .998, liveFails: .01, mirrFails: .01, slower: 1},
		{name: "agreement just as bad as allowed (98 %)", agree: .98, slower: 1},
		{name: "errors just as many as allowed (live 1 %, mirror 1.1 %)", agree: .998, liveFails: .01, mirrFails: .011, slower: 1},
		{name: "p99 just as long as allowed (1.2 times)", agree: .998, slower: 1.2},
		{name: "agreement 96 %", agree: .96, slower: 1, alarm: true},
		{name: "agreement 95 %", agree: .95, slower: 1, alarm: true},
		{name: "agreement 90 %", agree: .9, slower: 1, alarm: true},
		{name: "errors 1 % more", agree: .998, liveFails: .01, mirrFails: .02, slower: 1, alarm: true},
		{name: "errors 2 % more", agree: .998, liveFails: .01, mirrFails: .03, slower: 1, alarm: true},
		{name: "p99 1.5 times as long", agree: .998, slower: 1.5, alarm: true},
		{name: "p99 2 times as long", agree: .998, slower: 2, alarm: true},
	}
}

// finding is what came of one truth.
type finding struct {
	truth truth
	runs  int
	worse []int // runs that have been WORSE at some look, up to each look
	same  []int // SAME or BETTER
	usual int   // runs in which the usual interval for one look would have said WORSE at some look
}

func (f finding) share(counts []int, look int) float64 {
	return float64(counts[look]) / float64(f.runs)
}

// median is how many pairs half of the runs needed for WORSE; 0: more than there were.
func (f finding) median() int {
	i := slices.IndexFunc(f.worse, func(n int) bool { return 2*n >= f.runs })
	return (i + 1) * every
}

// simulate finds out about all truths.
func simulate(o options) []finding {
	var all []finding
	for i, t := range truths() {
		runs := o.runs
		if t.alarm {
			runs = o.powerRuns
		}
		f := finding{truth: t, runs: runs, worse: make([]int, o.looks), same: make([]int, o.looks)}
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

// result is what was seen first at which look; -1: never.
type result struct{ worse, same, usual int }

func (f *finding) add(r result) {
	for look := range f.worse {
		if r.worse >= 0 && r.worse <= look {
			f.worse[look]++
		}
		if r.same >= 0 && r.same <= look {
			f.same[look]++
		}
	}
	if r.usual >= 0 {
		f.usual++
	}
}

// watch looks at the verdict about one mirror again and again.
func watch(t truth, looks int, a, b uint64) result {
	random := rand.New(rand.NewPCG(a, b))
	c := report.NewCollector(report.Options{Endpoint: "e"})
	out := result{-1, -1, -1}
	gates := report.DefaultGates()
	for look := range looks {
		for i := range every {
			r := t.record(random, look*every+i)
			c.Add(&r)
		}
		r := c.Report("m", gates)
		switch {
		case r.Verdict == report.Worse && out.worse < 0:
			out.worse = look
		case (r.Verdict == report.Same || r.Verdict == report.Better) && out.same < 0:
			out.same = look
		}
		if out.usual < 0 && r.Coverage.Paired >= int64(r.MinPairs) && usuallyWorse(r, gates) {
			out.usual = look
		}
		if t.alarm && out.worse >= 0 {
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
