package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Gates are what has to hold of a mirror's records before its deployment may be
// promoted. They are immutable.
type Gates struct {
	MinPairs int    // pairs below which nothing is decided
	Gates    []Gate // all have to hold; in the order of Metrics, at most one of each
}

// DefaultMinPairs is how many pairs a decision needs where gates do not say.
const DefaultMinPairs = 1000

// Gate bounds one figure of a mirror, by a number or by the live figure:
//
//	bound = Factor * live + Offset
type Gate struct {
	Metric   Metric
	Operator Operator
	Live     bool    // whether the live figure is looked at
	Factor   float64 // of the live figure, above 0; 0 without
	Offset   float64 // what is added, or the bound itself; in milliseconds for a time
}

// Metric is a figure that a gate bounds.
type Metric string

// The metrics. The percentiles are those of durationMs.
const (
	Agreement Metric = "agreement" // of the pairs that could be compared, how many agree: 0 to 1
	ErrorRate Metric = "errorRate" // of the copies that were sent, how many have the outcome error: 0 to 1
	P50       Metric = "p50"
	P90       Metric = "p90"
	P99       Metric = "p99"
)

// Metrics lists the metrics.
func Metrics() []Metric { return []Metric{Agreement, ErrorRate, P50, P90, P99} }

// Operator is how a figure is held to its bound.
type Operator string

// The operators.
const (
	AtLeast Operator = ">="
	Above   Operator = ">"
	AtMost  Operator = "<="
	Below   Operator = "<"
)

// isTime reports whether the metric is a duration.
func (m Metric) isTime() bool { return m == P50 || m == P90 || m == P99 }

// sample is a gate of the metric, for messages.
func (m Metric) sample() string {
	switch m {
	case Agreement:
		return `">= 0.98"`
	case ErrorRate:
		return `"<= live + 0.001"`
	default:
		return `"<= live * 1.2" or "<= 250ms"`
	}
}

// Bound is what the mirror's figure is held to, given the live one.
func (g Gate) Bound(live float64) float64 {
	if !g.Live {
		return g.Offset
	}
	return g.Factor*live + g.Offset
}

// String is the gate as it is written in YAML, such as "<= live * 1.2".
func (g Gate) String() string {
	if !g.Live {
		return string(g.Operator) + " " + g.quantity(g.Offset)
	}
	s := string(g.Operator) + " live"
	if g.Factor != 1 {
		s += " * " + strconv.FormatFloat(g.Factor, 'f', -1, 64)
	}
	switch {
	case g.Offset > 0:
		s += " + " + g.quantity(g.Offset)
	case g.Offset < 0:
		s += " - " + g.quantity(-g.Offset)
	}
	return s
}

func (g Gate) quantity(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if g.Metric.isTime() {
		s += "ms"
	}
	return s
}

// ParseGate parses the gate of a metric as it is written in YAML. The error says
// what is wrong and what is allowed.
func ParseGate(m Metric, s string) (Gate, error) {
	p := gateParser{gate: Gate{Metric: m}, words: gateWords(s)}
	if err := p.parse(); err != nil {
		return Gate{}, fmt.Errorf("the gate %s of %s: %w; write it as in %s", quoted(s), m, err, m.sample())
	}
	return p.gate, nil
}

// gateWords are the words of a gate. Operators and signs stand for themselves,
// with or without spaces around them.
func gateWords(s string) []string {
	var words []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		n := strings.IndexAny(s, " <>*+-")
		switch {
		case n < 0:
			n = len(s)
		case n == 0 && len(s) > 1 && s[1] == '=':
			n = 2
		case n == 0:
			n = 1
		}
		words = append(words, s[:n])
		s = s[n:]
	}
	return words
}

type gateParser struct {
	gate  Gate
	words []string
}

// next is the next word, empty at the end.
func (p *gateParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *gateParser) parse() error {
	if err := p.operator(); err != nil {
		return err
	}
	if len(p.words) > 0 && p.words[0] == "live" {
		return p.relative()
	}
	v, err := p.quantity()
	if err != nil {
		return err
	}
	p.gate.Offset = v
	if !p.gate.Metric.isTime() && v > 1 {
		return fmt.Errorf("%s is from 0 to 1", p.gate.Metric)
	}
	return p.end()
}

func (p *gateParser) operator() error {
	allowed := []Operator{AtMost, Below}
	if p.gate.Metric == Agreement {
		allowed = []Operator{AtLeast, Above}
	}
	w := Operator(p.next())
	if w != allowed[0] && w != allowed[1] {
		return fmt.Errorf("it must begin with %s or %s", allowed[0], allowed[1])
	}
	p.gate.Operator = w
	return nil
}

// relative reads live [* FACTOR] [+ or - QUANTITY].
func (p *gateParser) relative() (err error) {
	p.next()
	if p.gate.Metric == Agreement {
		return errors.New("no agreement of live is known")
	}
	p.gate.Live, p.gate.Factor = true, 1
	if len(p.words) > 0 && p.words[0] == "*" {
		p.next()
		if p.gate.Factor, err = plainNumber(p.next()); err != nil {
			return err
		}
		if p.gate.Factor == 0 {
			return errors.New("the factor must be above 0")
		}
	}
	if len(p.words) > 0 && (p.words[0] == "+" || p.words[0] == "-") {
		sign := p.next()
		if p.gate.Offset, err = p.quantity(); err != nil {
			return err
		}
		if sign == "-" && p.gate.Offset != 0 {
			p.gate.Offset = -p.gate.Offset
		}
	}
	return p.end()
}

func (p *gateParser) end() error {
	if len(p.words) > 0 {
		return fmt.Errorf("%s is too much", quoted(strings.Join(p.words, " ")))
	}
	return nil
}

// quantity reads a number, or a duration with its unit where the metric is one.
func (p *gateParser) quantity() (float64, error) {
	w := p.next()
	if !p.gate.Metric.isTime() {
		return plainNumber(w)
	}
	d, err := time.ParseDuration(w)
	if err != nil || w == "0" {
		return 0, fmt.Errorf("%s is no duration with a unit of ms, s, m or h", quoted(w))
	}
	if d > longestTimeout {
		return 0, fmt.Errorf("%s is above 24h", w)
	}
	return float64(d) / float64(time.Millisecond), nil
}

// plainNumber is a number of JSON's grammar without a sign or an exponent.
func plainNumber(w string) (float64, error) {
	v, err := strconv.ParseFloat(w, 64)
	if err != nil || !decimal.MatchString(w) || strings.ContainsAny(w, "eE") {
		return 0, fmt.Errorf("%s is no number", quoted(w))
	}
	return v, nil
}
