package gateway

import (
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// limitsAnswer is what the live requests of a version are held to, and what has
// come of it.
type limitsAnswer struct {
	Timeout          string       `json:"timeout,omitempty"`
	MaxRequestBytes  int64        `json:"maxRequestBytes,omitempty"`
	MaxResponseBytes int64        `json:"maxResponseBytes,omitempty"`
	MaxConcurrent    int          `json:"maxConcurrent,omitempty"` // at each replica
	Queue            *queueAnswer `json:"queue,omitempty"`

	Idempotent bool           `json:"idempotent,omitempty"`
	Retries    *retriesAnswer `json:"retries,omitempty"`
	Breaker    *breakerAnswer `json:"breaker,omitempty"`
}

// fallbackAnswer is the backend that answers when the assigned one fails.
type fallbackAnswer struct {
	Backend string   `json:"backend"`
	On      []string `json:"on"`
}

type retriesAnswer struct {
	Attempts  int      `json:"attempts"`
	On        []string `json:"on"`
	BackoffMs float64  `json:"backoffMs"`
	Budget    float64  `json:"budget"` // retries for each request
	Made      uint64   `json:"made"`
	Denied    uint64   `json:"denied"` // by the budget
}

type breakerAnswer struct {
	State       string  `json:"state"` // closed, or open while the version is left alone or tried
	FailureRate float64 `json:"failureRate"`
	MinRequests int     `json:"minRequests"`
	WindowMs    int64   `json:"windowMs"`
	OpenForMs   int64   `json:"openForMs"`
	Probes      int     `json:"probes"`
	Opened      uint64  `json:"opened"`  // how often
	Refused     uint64  `json:"refused"` // requests
}

type queueAnswer struct {
	Max       int    `json:"max"`
	TimeoutMs int64  `json:"timeoutMs"`
	Waiting   int    `json:"waiting"`
	Full      uint64 `json:"full"`     // requests that were refused because too many waited
	TimedOut  uint64 `json:"timedOut"` // requests that waited for too long
}

// describeLimits is nil where the version has none, and for mirrors, whose copies
// have limits of their own.
func describeLimits(d *deployments.Resolved, g *deployments.Group) *limitsAnswer {
	limits := d.Serving.Limits
	if limits == (schema.Limits{}) || !g.Live() {
		return nil
	}
	answer := &limitsAnswer{MaxRequestBytes: limits.MaxRequestBytes, MaxResponseBytes: limits.MaxResponseBytes}
	if limits.Timeout != (schema.Timeout{}) {
		answer.Timeout = limits.Timeout.String()
	}
	state, _ := g.Gate()
	answer.Idempotent = limits.Idempotent
	if r := limits.Retries; r != nil {
		answer.Retries = &retriesAnswer{
			Attempts: r.Attempts, On: r.On.Names(), BackoffMs: float64(r.Backoff.Microseconds()) / 1000, Budget: r.Budget,
			Made: state.Retries, Denied: state.RetriesDenied,
		}
	}
	if b := limits.Breaker; b != nil {
		answer.Breaker = &breakerAnswer{
			State: "closed", FailureRate: b.FailureRate, MinRequests: b.MinRequests, WindowMs: b.Window.Milliseconds(),
			OpenForMs: b.OpenFor.Milliseconds(), Probes: b.Probes, Opened: state.BreakerOpened, Refused: state.BreakerRefused,
		}
		if state.BreakerOpen {
			answer.Breaker.State = "open"
		}
	}
	if c := limits.Capacity; c != nil {
		answer.MaxConcurrent = c.MaxConcurrent
		answer.Queue = &queueAnswer{
			Max: c.MaxQueue, TimeoutMs: c.QueueTimeout.Milliseconds(),
			Waiting: state.Waiting, Full: state.Full, TimedOut: state.TimedOut,
		}
	}
	return answer
}
