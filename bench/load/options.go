package load

import (
	"errors"
	"time"
)

const (
	maxConnections = 4096
	maxRate        = 1_000_000
	maxTime        = 10 * time.Minute
	maxBody        = 64 << 20
)

// Options say what to call, how often and for how long.
type Options struct {
	Port int    // of the proxy, on loopback
	Path string // of every request; with Endpoints, what stands before the number

	Endpoints   int     // above 0: a number of five digits below it, at random, ends the path
	Body        int     // bytes of JSON that are posted
	Connections int     // kept alive
	Rate        float64 // requests a second; 0: a closed loop

	Warm     time.Duration // before anything is counted
	Duration time.Duration // that is measured
	Drain    time.Duration // at most, for what is still under way then
}

func (o Options) check() error {
	switch {
	case o.Port <= 0 || o.Port > 65535, o.Path == "" || len(o.Path) > 200:
		return errors.New("a load needs a port and a path")
	case o.Connections < 1 || o.Connections > maxConnections:
		return errors.New("a load has 1 to 4096 connections")
	case o.Rate < 0 || o.Rate > maxRate, o.Body < 0 || o.Body > maxBody, o.Endpoints < 0 || o.Endpoints > 100_000:
		return errors.New("the load's rate, body or endpoints are out of range")
	case o.Duration <= 0 || o.Warm < 0 || o.Drain < 0 || o.Warm+o.Duration+o.Drain > maxTime:
		return errors.New("a load has a duration, and ends within ten minutes")
	}
	return nil
}

// Result is how the proxy fared. Latencies are in microseconds, from the moment
// a request was due to the last byte of a good answer; they are of requests that
// were due in the measured time. What failed fast is in the errors only; what was
// never answered is in both.
type Result struct {
	Requests int64   `json:"requests"` // answered in the measured time, whatever the status
	Rate     float64 `json:"rps"`      // those with status 2xx, a second; at a constant rate only those that were due in it

	Due  int64 `json:"due"`  // requests that were due in the measured time
	Sent int64 `json:"sent"` // all that were sent, from the beginning of the warm-up

	// What went wrong with the requests that were due in the measured time.
	NotOK      int64 `json:"notOK"`      // another status than 2xx
	Broken     int64 `json:"broken"`     // the connection ended, or the answer was malformed
	Unanswered int64 `json:"unanswered"` // no whole answer until the end of the drain

	P50  float64 `json:"p50us"`
	P99  float64 `json:"p99us"`
	P999 float64 `json:"p999us"`
	Max  float64 `json:"maxus"`

	Answers map[string]int64 `json:"answers"` // by the first byte of the body: which deployment answered
}

// Errors is how many requests were due and did not get a good answer.
func (r Result) Errors() int64 { return r.NotOK + r.Broken + r.Unanswered }
