package gateway

import (
	"encoding/json"
	"time"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// tableAnswer is the compiled table as /endpoints shows it.
type tableAnswer struct {
	Branch    string           `json:"branch"`
	Commit    string           `json:"commit"`
	Endpoints []endpointAnswer `json:"endpoints"`
	Keys      []keyAnswer      `json:"keys"`
	Tokens    *token.Status    `json:"tokens,omitempty"` // whose tokens are trusted
}

type endpointAnswer struct {
	Name       string          `json:"name"`
	Kind       string          `json:"kind"`  // alias or split
	Paths      []string        `json:"paths"` // where it is called
	Backends   []backendAnswer `json:"backends"`
	Mirrors    []mirrorAnswer  `json:"mirrors"`
	Assignment []string        `json:"assignment"` // the ladder of keys; empty is random by weight
	Sampling   []string        `json:"sampling"`
	Fallback   *fallbackAnswer `json:"fallback,omitempty"`
	Timeout    string          `json:"timeout"`   // as written, or the default
	TimeoutMs  int64           `json:"timeoutMs"` // of a plain answer as a whole; 0: only its parts are bounded
	// CallerTimeout is where requests may say how long they may take.
	CallerTimeout []string       `json:"callerTimeout,omitempty"`
	Capture       *captureAnswer `json:"capture,omitempty"`
	accessAnswer
}

// captureAnswer is which bodies stand in records.
type captureAnswer struct {
	Request  bool     `json:"request"`
	Response bool     `json:"response"`
	Percent  float64  `json:"percent"`
	MaxBytes int64    `json:"maxBytes"`
	Redact   []string `json:"redact"`
	Headers  []string `json:"headers"`
}

type backendAnswer struct {
	Name       string            `json:"name"`
	Weight     float64           `json:"weight"`
	Share      float64           `json:"share"` // of the live requests, 0 to 1
	Deployment *deploymentAnswer `json:"deployment,omitempty"`
	Static     json.RawMessage   `json:"static,omitempty"`
}

type mirrorAnswer struct {
	Name       string           `json:"name"`
	Percent    float64          `json:"percent"`
	Deployment deploymentAnswer `json:"deployment"`
	Rules      rulesAnswer      `json:"rules"`           // after those of the version
	Compare    *schema.Compare  `json:"compare"`         // as it is written, {} for the default; false: answers are not compared
	Noise      bool             `json:"noise"`           // it goes to the live deployment itself
	Gates      *schema.Gates    `json:"gates,omitempty"` // as they are written
	Breaker    string           `json:"breaker"`         // closed, or open while the mirror is left alone for its failures
	Waiting    int              `json:"waiting"`         // copies that wait to be sent
	Sending    int              `json:"sending"`         // copies that are on their way
}

type deploymentAnswer struct {
	Branch   string          `json:"branch"`
	Name     string          `json:"name"`
	Version  int             `json:"version"` // the resolved number
	Alias    string          `json:"alias,omitempty"`
	Balance  schema.Balance  `json:"balance"`
	Protocol schema.Protocol `json:"protocol"`
	TLS      *tlsAnswer      `json:"tls,omitempty"`
	Rules    rulesAnswer     `json:"rules"`
	Limits   *limitsAnswer   `json:"limits,omitempty"`
	Replicas []replicaAnswer `json:"replicas"`
}

type replicaAnswer struct {
	URL          string       `json:"url"`
	InFlight     int          `json:"inFlight"`
	Down         bool         `json:"down"`             // it is left aside while there are others
	Reason       string       `json:"reason,omitempty"` // why it is down
	EjectedUntil *time.Time   `json:"ejectedUntil,omitempty"`
	LastCheck    *checkAnswer `json:"lastCheck,omitempty"`
}

type checkAnswer struct {
	Time   time.Time `json:"time"`
	Passed bool      `json:"passed"`
	Status int       `json:"status,omitempty"`
	Reason string    `json:"reason,omitempty"`
	TookMs float64   `json:"tookMs"`
}

// table describes the current snapshot; it is empty before the first.
func (g *Gateway) table() tableAnswer {
	answer := tableAnswer{Endpoints: []endpointAnswer{}, Keys: []keyAnswer{}}
	if g.tokens != nil {
		status := g.tokens.Status()
		answer.Tokens = &status
	}
	s := g.Current()
	if s == nil {
		return answer
	}
	answer.Branch, answer.Commit = s.branch, s.Commit()
	for _, e := range s.endpoints {
		described := e.describe()
		described.accessAnswer = s.door.describe(e.guard)
		answer.Endpoints = append(answer.Endpoints, described)
	}
	answer.Keys = s.door.describeKeys(time.Now())
	return answer
}

func (e *endpoint) describe() endpointAnswer {
	answer := endpointAnswer{
		Name: e.Name, Kind: "alias", Paths: []string{prefix + e.Name},
		Backends: []backendAnswer{}, Mirrors: []mirrorAnswer{},
		Assignment: keyNames(e.Assignment), Sampling: keyNames(e.Sampling), CallerTimeout: keyNames(e.CallerTimeout),
		Timeout: e.Timeout.String(), TimeoutMs: e.Timeout.OrDefault().Plain.Milliseconds(),
	}
	if c := e.Capture; c != nil {
		answer.Capture = &captureAnswer{
			Request: c.Request, Response: c.Response, Percent: c.Percent, MaxBytes: c.MaxBytes, Redact: c.Redact, Headers: c.Headers,
		}
	}
	if len(e.backends) > 1 {
		answer.Kind = "split"
	}
	if f := e.Fallback; f != nil {
		answer.Fallback = &fallbackAnswer{Backend: e.Backends[f.Backend].Name, On: f.On.Names()}
	}
	if e.Path != "" {
		answer.Paths = append(answer.Paths, e.Path)
	}
	var total float64
	for i := range e.backends {
		total += e.backends[i].Weight
	}
	for i := range e.backends {
		b := &e.backends[i]
		described := backendAnswer{Name: b.Name, Weight: b.Weight, Share: b.Weight / total, Static: b.Static}
		if b.group != nil {
			d := describe(b.Deployment, b.group)
			described.Deployment = &d
		}
		answer.Backends = append(answer.Backends, described)
	}
	for i := range e.mirrors {
		answer.Mirrors = append(answer.Mirrors, e.mirrors[i].describe())
	}
	return answer
}

func (m *mirrored) describe() mirrorAnswer {
	state := m.queue.State()
	answer := mirrorAnswer{
		Name: m.Name, Percent: m.Percent, Deployment: describe(&m.Deployment, m.group),
		Rules: describeRules(m.Header, &m.Mirror.Rules), Compare: m.Compare, Noise: m.Noise, Gates: m.Gates, Breaker: "closed", Waiting: state.Slots, Sending: state.Sending,
	}
	if state.BreakerOpen {
		answer.Breaker = "open"
	}
	return answer
}

func describe(d *deployments.Resolved, g *deployments.Group) deploymentAnswer {
	answer := deploymentAnswer{Branch: d.Branch, Name: d.Name, Version: d.Number, Alias: d.Alias, Balance: d.Serving.Balance, Protocol: d.Serving.Protocol, TLS: describeTLS(d.Serving.TLS)}
	answer.Rules = describeRules(d.Header, &d.Rules)
	answer.Limits = describeLimits(d, g)
	for _, r := range g.Replicas() {
		answer.Replicas = append(answer.Replicas, describeReplica(r))
	}
	return answer
}

func describeReplica(r *deployments.Replica) replicaAnswer {
	state := r.State()
	answer := replicaAnswer{URL: r.String(), InFlight: state.InFlight, Down: !state.Up, Reason: state.Reason}
	if until := state.EjectedUntil; !until.IsZero() {
		answer.EjectedUntil = &until
	}
	if c := state.Check; c != nil {
		answer.LastCheck = &checkAnswer{
			Time: c.Time, Passed: c.Passed, Status: c.Status, Reason: c.Reason, TookMs: float64(c.Took.Microseconds()) / 1000,
		}
	}
	return answer
}

func keyNames(keys endpoints.Keys) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	return names
}
