package schema

import (
	"slices"
	"time"
)

// Failures is a set of ways in which a live attempt fails, before the caller has
// got anything of its answer.
type Failures uint16

// The ways to fail. The names in YAML are those of errorKind in records, or the
// status that the deployment answered.
const (
	OnConnect Failures = 1 << iota
	OnReset
	OnTimeout
	On502
	On503
	On504
	OnQueueFull
	OnQueueTimeout
	OnBreakerOpen
)

// failureNames are the names in YAML, in the order of the constants.
var failureNames = [...]string{"connect", "reset", "timeout", "502", "503", "504", "queue_full", "queue_timeout", "breaker_open"}

// The ways to fail that retries and fallbacks may be about. A version whose queue is
// full or whose breaker is open fails alike at once again.
const (
	RetriableFailures = OnConnect | OnReset | OnTimeout | On502 | On503 | On504
	AllFailures       = RetriableFailures | OnQueueFull | OnQueueTimeout | OnBreakerOpen
)

// Has reports whether the set holds one of the others.
func (f Failures) Has(others Failures) bool { return f&others != 0 }

// Names lists the set as it is written in YAML.
func (f Failures) Names() []string {
	var names []string
	for i, name := range failureNames {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// failureNamed is the way to fail of that name, 0 if there is none.
func failureNamed(name string) Failures {
	if i := slices.Index(failureNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// Retries say when an attempt is made again, on another replica where there is
// one. They are immutable.
type Retries struct {
	Attempts int           // of one request, the first included; 2 or more
	On       Failures      // of RetriableFailures
	Backoff  time.Duration // before the second attempt at most; twice as much before each further one
	Budget   float64       // retries for each request of the last while, in (0, 1]
}

// The defaults of Retries.
const (
	DefaultAttempts = 3
	DefaultRetryOn  = OnConnect | On502 | On503 | On504
	DefaultBackoff  = 25 * time.Millisecond
	DefaultBudget   = 0.2
)

// Breaker says when a version is left alone because its requests fail. It is
// immutable.
type Breaker struct {
	FailureRate float64       // in (0, 1]: of the requests of the window
	MinRequests int           // in the window, below which nothing is decided
	Window      time.Duration // that is looked back on
	OpenFor     time.Duration // before requests try it again
	Probes      int           // requests in a row, one at a time, that have to succeed then
}

// The defaults of Breaker.
const (
	DefaultFailureRate = 0.5
	DefaultMinRequests = 20
	DefaultWindow      = 10 * time.Second
	DefaultOpenFor     = 5 * time.Second
	DefaultProbes      = 3
)

// Fallback is the backend that answers when the assigned one fails.
type Fallback struct {
	Backend Value[string]
	On      Failures
}
