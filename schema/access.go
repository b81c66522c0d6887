package schema

import (
	"fmt"
	"strings"
	"time"
)

// APIKey is a parsed document of an API key of schemaVersion 1. The key itself
// stands nowhere in git: only its hash does.
type APIKey struct {
	Name      string           // from the file's name
	Pos       Position         // the document's start
	Hash      Value[KeyHash]   // of the key
	Endpoints []Value[string]  // patterns of names; * stands for any characters
	Expires   Value[time.Time] // the zero time: never
	Limits    Allowance
}

// KeyHash is the SHA-256 of an API key.
type KeyHash [32]byte

// Access says what an endpoint asks of its callers.
type Access string

// What is asked of callers. The zero value is the process's default.
const (
	AccessRequired Access = "required" // a good key
	AccessOptional Access = "optional" // none, but a credential that is presented must be a good key
	AccessPublic   Access = "public"   // none; credentials that are no keys of the gateway are the deployment's
)

// Accesses lists what can be asked of callers.
func Accesses() []Access { return []Access{AccessRequired, AccessOptional, AccessPublic} }

// Allowance bounds what is asked for at a time, by one key or of one endpoint. Zero
// values are no limits. It is immutable and can be compared.
type Allowance struct {
	Rate          RateLimit
	InFlight      int   // requests at a time
	InFlightBytes int64 // of the bodies of requests at a time
}

// RateLimit bounds requests per time. The zero value bounds nothing.
type RateLimit struct {
	Requests int           // per
	Per      time.Duration // this time
	Burst    int           // how many may come at once
}

// DefaultPer is the time of a rate limit that does not say.
const DefaultPer = time.Second

// CORS says which pages of other origins a browser lets call an endpoint (Fetch
// standard, CORS protocol). It is immutable.
type CORS struct {
	Origins     []string // as browsers write them, or * for all
	Methods     []string // in capital letters
	Headers     []string // canonical fields that pages may send
	Expose      []string // canonical fields of answers that pages may read
	Credentials bool     // whether cookies and the like are sent along
	MaxAge      time.Duration
}

// DefaultCORSMaxAge is how long a browser remembers what it was told where an
// endpoint does not say.
const DefaultCORSMaxAge = 10 * time.Minute

// Guard is what an endpoint asks of its callers before anything else happens.
type Guard struct {
	Access Access
	// ForwardKey passes the key on to deployments, which else never see it.
	ForwardKey bool
	Limits     Allowance
	CORS       *CORS // nil: pages of other origins are told nothing
}

// String is the limits as people read them: "100 per 1s, burst 200; 64 in
// flight; 64MiB in flight".
func (l Allowance) String() string {
	var parts []string
	if r := l.Rate; r.Requests > 0 {
		text := fmt.Sprintf("%d per %s", r.Requests, brief(r.Per))
		if r.Burst != r.Requests {
			text += fmt.Sprintf(", burst %d", r.Burst)
		}
		parts = append(parts, text)
	}
	if l.InFlight > 0 {
		parts = append(parts, fmt.Sprintf("%d in flight", l.InFlight))
	}
	if l.InFlightBytes > 0 {
		parts = append(parts, sizeText(l.InFlightBytes)+" in flight")
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// sizeText is a size in the largest unit in which it is whole.
func sizeText(n int64) string {
	switch {
	case n%(1<<30) == 0:
		return fmt.Sprintf("%dGiB", n>>30)
	case n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
