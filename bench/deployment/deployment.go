package deployment

import "time"

// Behavior is what a deployment does with a request.
type Behavior string

// What deployments do.
const (
	Fast Behavior = "fast" // reads the body and answers at once
	Slow Behavior = "slow" // the same after Spec.Delay
	Hole Behavior = "hole" // takes everything and never answers
	Dead Behavior = "dead" // refuses connections
)

// Spec is one deployment. The body of its answers begins with the first letter
// of its name.
type Spec struct {
	Name     string
	Behavior Behavior
	Delay    time.Duration
}

// Counts is what a deployment has seen so far.
type Counts struct {
	Requests  int64 `json:"requests"` // whose body has arrived whole
	Bytes     int64 `json:"bytes"`    // of those bodies
	Malformed int64 `json:"malformed"`
}
