package schema

import (
	"reflect"
	"time"
)

// Balance says how requests are given to the replicas of a version.
type Balance string

// The ways to balance. The zero value means LeastRequests.
const (
	LeastRequests Balance = "least-requests" // of two replicas drawn at random, the one with fewer requests in flight
	RoundRobin    Balance = "round-robin"    // one after the other
	Hash          Balance = "hash"           // the subject's own replica, unless it has more than its share
)

// Balances lists the ways to balance.
func Balances() []Balance { return []Balance{LeastRequests, RoundRobin, Hash} }

// Protocol is what is spoken with replicas.
type Protocol string

// The protocols. The zero value means AutoProtocol.
const (
	AutoProtocol Protocol = "auto"  // HTTP/1.1 over http; over https HTTP/2 where the server offers it, else HTTP/1.1
	HTTP1        Protocol = "http1" // HTTP/1.1 only
	HTTP2        Protocol = "h2"    // HTTP/2 over TLS only
	H2C          Protocol = "h2c"   // HTTP/2 without TLS, by prior knowledge
)

// Protocols lists the protocols.
func Protocols() []Protocol { return []Protocol{AutoProtocol, HTTP1, HTTP2, H2C} }

// Health says how replicas are asked whether they are well. It is immutable.
type Health struct {
	Path           string        // with the query; it stands in place of that of the replica's URL
	Interval       time.Duration // between two checks of a replica
	Timeout        time.Duration // of one check, from connecting to the head of the answer
	Status         []StatusRange // what a replica answers that is well; at least one
	HealthyAfter   int           // checks in a row that bring a replica back
	UnhealthyAfter int           // checks in a row that take one out
}

// StatusRange is HTTP statuses, both ends included.
type StatusRange struct{ From, To int }

// Outlier says when a replica is left out for what it does with requests. It is
// immutable.
type Outlier struct {
	Consecutive5xx      int           // answers of 500 to 599 in a row
	ConsecutiveFailures int           // requests in a row without an answer
	Ejection            time.Duration // for how long at first; twice as long each time, up to
	MaxEjection         time.Duration
}

// Resolve says that every address of a URL's name is a replica. It is immutable.
type Resolve struct {
	Interval time.Duration // between two look-ups
}

// The defaults of Health.
const (
	DefaultHealthInterval = 10 * time.Second
	DefaultHealthTimeout  = 2 * time.Second
	DefaultHealthyAfter   = 2
	DefaultUnhealthyAfter = 3
)

// The defaults of Outlier.
const (
	DefaultConsecutive5xx      = 5
	DefaultConsecutiveFailures = 5
	DefaultEjection            = 30 * time.Second
	DefaultMaxEjection         = 5 * time.Minute
)

// DefaultResolveInterval is between two look-ups of a name. Go's resolver tells
// no time to live, and that of Kubernetes' cluster names is 5 s to 30 s.
const DefaultResolveInterval = 10 * time.Second

// Serving is how the replicas of a version serve together.
type Serving struct {
	Balance  Balance
	Protocol Protocol
	Health   *Health  // nil: nobody asks
	Outlier  *Outlier // nil: none is left out
	Resolve  *Resolve // nil: names are resolved when a connection is opened
	Limits   Limits
	TLS      *TLS // nil: the system's authorities and the host of the URL say whom to trust
}

// Same reports whether replicas serve in the same way, wherever that is written.
func (s Serving) Same(t Serving) bool {
	same := s.TLS.Same(t.TLS)
	s.TLS, t.TLS = nil, nil
	return same && reflect.DeepEqual(s, t)
}
