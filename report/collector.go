package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/schema"
)

// maxMirrors bounds the mirrors of one endpoint that are told apart.
const maxMirrors = 64

// Options says what a report is about.
type Options struct {
	Endpoint   string
	Slices     []SliceKey           // beside commits, which always are
	Tolerances map[string]Tolerance // of scores, by mirror; that of schema.DefaultTolerance for those that it lacks
}

// tolerance is that of a mirror's scores.
func (o Options) tolerance(mirror string) Tolerance {
	if t, ok := o.Tolerances[mirror]; ok {
		return t
	}
	return Tolerance(schema.DefaultTolerance())
}

// Collector takes the records of an endpoint one by one, in any order but best in that in
// which they were written, and makes reports of them. Its memory is bounded, by some
// 30 MB and 10 MB for each mirror. It is not for concurrent use.
type Collector struct {
	options  Options
	from, to time.Time
	live     int64
	lives    *meeting
	mirrors  map[string]*mirror
	passed   int64 // records of mirrors beyond maxMirrors
}

// NewCollector makes one that has seen nothing.
func NewCollector(o Options) *Collector {
	return &Collector{options: o, lives: newMeeting(), mirrors: map[string]*mirror{}}
}

// Add takes a record. Those of other endpoints are passed over.
func (c *Collector) Add(r *records.Record) {
	if r.Event != records.Inference || r.Endpoint != c.options.Endpoint {
		return
	}
	if c.from.IsZero() || r.Time.Before(c.from) {
		c.from = r.Time
	}
	if r.Time.After(c.to) {
		c.to = r.Time
	}
	switch r.Role {
	case records.Live:
		c.addLive(r)
	case records.Mirror:
		c.addMirror(r)
	}
}

func (c *Collector) addLive(r *records.Record) {
	if r.Superseded {
		return // another attempt answered the caller
	}
	c.live++
	side := side{outcome: r.Outcome, duration: r.Duration, ttfb: r.TTFB}
	for _, key := range c.options.Slices {
		side.slices = append(side.slices, key.of(r))
	}
	for _, waiting := range c.lives.arrive(r.RequestID, side) {
		waiting.mirror.pair(&waiting.pair, side)
	}
}

func (c *Collector) addMirror(r *records.Record) {
	m := c.mirror(r.Backend)
	if m == nil {
		c.passed++
		return
	}
	if !m.count(r) {
		return
	}
	p := m.newPair(r, c.options.Slices)
	if r.LiveOutcome != "" {
		live := side{outcome: r.LiveOutcome, duration: r.LiveDuration.Value, ttfb: r.LiveTTFB}
		if known, ok := c.lives.find(r.RequestID); ok {
			live.slices = known.slices
		}
		m.pair(&p, live)
		return
	}
	if live, ok := c.lives.find(r.RequestID); ok {
		m.pair(&p, live)
		return
	}
	c.lives.wait(r.RequestID, waiting{mirror: m, pair: p})
}

// mirror finds or makes the mirror of a name; nil if there are too many.
func (c *Collector) mirror(name string) *mirror {
	m, ok := c.mirrors[name]
	if !ok && len(c.mirrors) < maxMirrors {
		m = newMirror(name, c.options)
		c.mirrors[name] = m
	}
	return m
}

// Live is how many live requests there were.
func (c *Collector) Live() int64 { return c.live }

// Mirrors are the names of the mirrors that there are records of, but those that are
// a noise floor.
func (c *Collector) Mirrors() []string {
	names := slices.Sorted(maps.Keys(c.mirrors))
	return slices.DeleteFunc(names, func(name string) bool { return c.mirrors[name].noise })
}

// Has reports whether there are records of a mirror.
func (c *Collector) Has(mirror string) bool { return c.mirrors[mirror] != nil }

// noiseFloor is the mirror that is one, the largest of several; nil if there is none.
func (c *Collector) noiseFloor(but string) *mirror {
	var all []*mirror
	for name, m := range c.mirrors {
		if m.noise && name != but && m.agree+m.differ > 0 {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return slices.MaxFunc(all, func(a, b *mirror) int {
		return cmp.Or(cmp.Compare(a.agree+a.differ, b.agree+b.differ), cmp.Compare(b.name, a.name))
	})
}

// Report makes the report about one mirror against gates; nil: the default ones. A mirror
// without records has an empty one.
func (c *Collector) Report(name string, gates *schema.Gates) *Report {
	m := c.mirrors[name]
	if m == nil {
		m = newMirror(name, c.options)
	}
	r := m.report()
	r.Endpoint, r.From, r.To, r.Coverage.Live = c.options.Endpoint, c.from, c.to, c.live
	floor := c.noiseFloor(name)
	if floor != nil {
		r.Agreement.Noise = m.above(floor)
	}
	if gates == nil {
		gates = DefaultGates()
		r.Notes = append(r.Notes, "The mirror declares no gates: these are the defaults.")
	}
	if n := c.lives.waitingFor(m); n > 0 {
		r.Coverage.Unpaired["no_live_record"] += n
		r.Notes = append(r.Notes, "Some copies could not be paired: the records of their live attempts are missing, or too far away.")
	}
	judge(r, m, floor, gates)
	return r
}
