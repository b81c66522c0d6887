package report

import (
	"math"
	"strconv"
)

// Metric is something that is measured, and the key of its values.
type Metric string

// The metrics.
const (
	CPU       Metric = "cpu"      // microseconds of the peer's processes for each request
	Rate      Metric = "rps"      // good answers a second
	MB        Metric = "mbps"     // megabytes of request bodies a second
	P50       Metric = "p50"      // latency in microseconds
	P99       Metric = "p99"      //
	P999      Metric = "p999"     //
	Errors    Metric = "errors"   // percent of the requests that were due
	CopyRate  Metric = "copyrate" // copies a second that arrived
	Copies    Metric = "copies"   // percent of the live requests whose copy arrived
	SideB     Metric = "sideB"    // percent of the answers from the 10 % side of a split
	Memory    Metric = "memory"   // MiB at most
	Idle      Metric = "idle"     // MiB with no traffic
	Swap      Metric = "swap"     // milliseconds from a change to its first answer
	Boot      Metric = "boot"     // milliseconds from the start to the first answer
	Disturbed Metric = "foreign"  // percent of the core that others took meanwhile
)

// worst tells which round's value stands for all.
type worst int

const (
	median worst = iota
	highest
	lowest
)

// column is how a metric is shown.
type column struct {
	metric Metric
	title  string
	scale  float64 // of what is shown to what is kept
	digits int
	ratio  bool // a column with the ratio to nginx follows
	worst  worst
}

func columns() []column {
	return []column{
		{metric: CPU, title: "CPU µs/request", digits: 1, ratio: true},
		{metric: Rate, title: "requests/s", ratio: true},
		{metric: CopyRate, title: "copies/s", ratio: true},
		{metric: MB, title: "live MB/s", ratio: true},
		{metric: Swap, title: "serves after ms"},
		{metric: P50, title: "p50 ms", scale: 1e-3, digits: 2},
		{metric: P99, title: "p99 ms", scale: 1e-3, digits: 2},
		{metric: P999, title: "p99.9 ms", scale: 1e-3, digits: 2},
		{metric: Errors, title: "errors %", digits: 2, worst: highest},
		{metric: Copies, title: "arrived %", digits: 1, worst: lowest},
		{metric: SideB, title: "share of B %", digits: 1},
		{metric: Idle, title: "memory MiB", digits: 1, ratio: true},
		{metric: Memory, title: "peak MiB", digits: 0},
		{metric: Boot, title: "starts in ms"},
		{metric: Disturbed, title: "others %", digits: 0},
	}
}

func (m Metric) column() column {
	for _, c := range columns() {
		if c.metric == m {
			return c
		}
	}
	return column{metric: m, title: string(m), digits: 2}
}

// format writes a value as the column shows it, thousands with commas. What is
// not 0 is not shown as 0.
func (c column) format(v float64) string {
	if c.scale != 0 {
		v *= c.scale
	}
	text := strconv.FormatFloat(v, 'f', c.digits, 64)
	if rounded, _ := strconv.ParseFloat(text, 64); rounded == 0 && v > 0 { // it was formatted just now
		return "<" + strconv.FormatFloat(math.Pow10(-c.digits), 'f', c.digits, 64)
	}
	return thousands(text)
}

func thousands(text string) string {
	whole, rest := text, ""
	for i := range text {
		if text[i] == '.' {
			whole, rest = text[:i], text[i:]
			break
		}
	}
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + rest
}
