package schema

import (
	"math"
	"time"

	"gopkg.in/yaml.v3"
)

// longestTimeout bounds the timeouts of endpoints and versions.
const longestTimeout = 24 * time.Hour

// limits reads what live requests are held to, from a version or, for all
// versions, from the document. What is not written stays as it is in l.
func (d *document) limits(m *mapping, l Limits) Limits {
	if n, ok := m.take("timeout"); ok {
		l.Timeout = d.timeout(n).V
	}
	l.Capacity = d.capacity(m, l.Capacity)
	d.size(m, "maxRequestBytes", &l.MaxRequestBytes)
	d.size(m, "maxResponseBytes", &l.MaxResponseBytes)
	return d.failing(m, l)
}

// timeout is a duration with its unit, or a mapping of durations.
func (d *document) timeout(n node) Value[Timeout] {
	if n.Kind == yaml.MappingNode {
		return Value[Timeout]{d.timeouts(n), n.pos}
	}
	v, _ := d.simpleTimeout(n)
	return Value[Timeout]{SimpleTimeout(v.V), v.Pos}
}

// simpleTimeout is a duration with its unit.
func (d *document) simpleTimeout(n node) (Value[time.Duration], bool) {
	v := Value[time.Duration]{Pos: n.pos}
	if n.Kind == yaml.ScalarNode && (n.Tag == intTag || n.Tag == floatTag) && decimal.MatchString(n.Value) {
		d.report(n.pos, RuleType, "timeout must be a duration with a unit, such as %ss", n.Value)
		return v, false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != strTag {
		d.mistyped(n, "timeout", "a duration, such as 60s")
		return v, false
	}
	s := Value[string]{n.Value, n.pos}
	var err error
	v.V, err = time.ParseDuration(s.V)
	switch {
	case err != nil:
		d.report(s.Pos, RuleValue, "timeout %s is no duration; write a number with a unit of h, m, s or ms, such as 60s or 1m30s", quoted(s.V))
	case v.V <= 0 || v.V > longestTimeout:
		d.report(s.Pos, RuleValue, "timeout must be above 0s, up to 24h, not %s", s.V)
	default:
		return v, true
	}
	return v, false
}

func (d *document) timeouts(n node) Timeout {
	var t Timeout
	m, ok := d.mapping(n, "timeout")
	if !ok {
		return t
	}
	defer m.done()
	if len(n.Content) == 0 {
		d.report(m.pos, RuleValue, "timeout is empty; it takes connect, firstByte, idle, total")
	}
	d.duration(m, "connect", &t.Connect, time.Millisecond, time.Minute)
	d.duration(m, "firstByte", &t.FirstByte, time.Millisecond, longestTimeout)
	d.duration(m, "idle", &t.Idle, time.Millisecond, longestTimeout)
	d.duration(m, "total", &t.Total, time.Millisecond, longestTimeout)
	for _, part := range []struct {
		key string
		is  time.Duration
	}{{"connect", t.Connect}, {"firstByte", t.FirstByte}, {"idle", t.Idle}} {
		if at, ok := m.position(part.key); ok && t.Total > 0 && part.is > t.Total {
			d.report(at, RuleConflict, "%s is longer than total, which is %s", part.key, brief(t.Total))
		}
	}
	return t
}

// capacity reads maxConcurrent and how requests above it wait.
func (d *document) capacity(m *mapping, all *Capacity) *Capacity {
	c := Capacity{MaxQueue: DefaultMaxQueue, QueueTimeout: DefaultQueueTimeout}
	if all != nil {
		c = *all
	}
	n, own := m.take("maxConcurrent")
	switch {
	case own && isFalse(n):
		c.MaxConcurrent = 0
	case own:
		if v, ok := d.integer(n, "maxConcurrent", 1, maxPlaces); ok {
			c.MaxConcurrent = v.V
		} else {
			c.MaxConcurrent = 1 // nothing else depends on it
		}
	}
	if n, ok := m.take("maxQueue"); ok {
		if v, ok := d.integer(n, "maxQueue", 0, maxPlaces); ok {
			c.MaxQueue = v.V
		}
	}
	d.duration(m, "queueTimeout", &c.QueueTimeout, time.Millisecond, time.Hour)
	if c.MaxConcurrent > 0 {
		return &c
	}
	for _, key := range []string{"maxQueue", "queueTimeout"} {
		if at, ok := m.position(key); ok && !m.misspelt("maxConcurrent") {
			d.report(at, RuleConflict, "%s needs maxConcurrent: without it no request waits", key)
		}
	}
	return nil
}

// maxPlaces bounds the requests at a time, and those that wait.
const maxPlaces = 1_000_000

// size reads a size above 0, if it is written.
func (d *document) size(m *mapping, key string, to *int64) {
	n, ok := m.take(key)
	if !ok {
		return
	}
	if v := d.bytes(n, key, 1, math.MaxInt64, "above 0"); v > 0 {
		*to = v
	}
}
