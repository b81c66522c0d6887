package record

import "time"

// Role says whose answer an attempt was made for.
type Role string

// The roles of attempts.
const (
	Live   Role = "live"   // the caller got the answer
	Mirror Role = "mirror" // the answer went to the record only
)

// Outcome says how an attempt ended.
type Outcome string

// The outcomes of attempts. An answer of the deployment is OK whatever its
// status is, except that 5xx is an Error, and what stands for it in gRPC.
const (
	OK       Outcome = "ok"
	Error    Outcome = "error"
	Canceled Outcome = "canceled" // the caller left, or may not call any more
	Dropped  Outcome = "dropped"  // a copy that was not sent, or not to its end; ErrorKind says why
)

// ErrorKind names the cause of an outcome that is not OK.
type ErrorKind string

// The causes of outcomes.
const (
	None         ErrorKind = ""
	Connect      ErrorKind = "connect"       // no connection to the replica: refused, unreachable, DNS, TLS
	Timeout      ErrorKind = "timeout"       // a deadline passed
	Reset        ErrorKind = "reset"         // the connection broke before the answer was whole
	Protocol     ErrorKind = "protocol"      // the answer is not HTTP
	CallerLeft   ErrorKind = "canceled"      // the caller hung up
	BadRequest   ErrorKind = "bad_request"   // the caller's body is broken
	Method       ErrorKind = "method"        // the version does not take the method
	TooLarge     ErrorKind = "too_large"     // a body above the cap; of a copy also its answer
	Status       ErrorKind = "status"        // the deployment answered 5xx, or ended a call of gRPC with what stands for it
	Incomplete   ErrorKind = "incomplete"    // the request body never became whole, so its copy was not sent
	QueueFull    ErrorKind = "queue_full"    // the mirror's queue has no slot; of a live request: as many wait for the version as may
	QueueTimeout ErrorKind = "queue_timeout" // the live request waited for the version as long as it may
	Memory       ErrorKind = "memory"        // the budget for captured bodies is used up; of a live request: that for JSON bodies
	BreakerOpen  ErrorKind = "breaker_open"  // the mirror failed too often lately
	Loop         ErrorKind = "loop"          // the request is itself a copy
	Refused      ErrorKind = "refused"       // the gateway refused the live request, so there is nothing to copy
	Limited      ErrorKind = "limited"       // the body is above a limit of what may be in flight
	Revoked      ErrorKind = "revoked"       // the key or the token by which a stream was let in is no longer good
	Upgrade      ErrorKind = "upgrade"       // upgraded connections are not copied
	Overload     ErrorKind = "overload"      // the gateway had too much to do
	Shutdown     ErrorKind = "shutdown"      // the gateway stopped first
	Panic        ErrorKind = "panic"         // a bug in the gateway
)

// Why a captured request is not sent again, see package replay.
const (
	NotCaptured ErrorKind = "not_captured" // its record does not have it
	CutShort    ErrorKind = "truncated"    // its record does not have all of its body
	Redacted    ErrorKind = "redacted"     // some of its body was replaced before it was written
	Query       ErrorKind = "query"        // its URL had a query, which is not recorded
	Path        ErrorKind = "path"         // it came by a path that is none of the endpoint's
)

// Record is one attempt, live or mirror: what is written as one line.
type Record struct {
	RequestID         string
	Endpoint          string
	Backend           string // the backend's or the mirror's name
	Role              Role
	DeploymentName    string // empty for a static backend
	DeploymentVersion int    // the resolved number; 0 for a static backend
	Alias             string // latest or an alias; empty when named by number
	Branch            string
	Subject           string // empty when not keyed
	Commit            string // of the endpoints branch
	Outcome           Outcome
	Status            int // 0 when there was no answer
	Error             string
	ErrorKind         ErrorKind
	Start             time.Time
	End               time.Time
	TTFB              time.Duration // from Start to the answer's first byte; 0 when there was none
	RequestBytes      int64         // of the body
	ResponseBytes     int64         // of the body
	Replica           string        // the URL that was called
	Method            string
	Path              string // of the caller's URL, without the query
	Attempt           int    // from 1; 0 where the request took only one
	Superseded        bool   // another attempt came in this one's place; the caller knows nothing of it
	FallbackFrom      string // the backend that was assigned, in whose place this one was called
	KeyName           string // of the caller's API key; empty without one
	Trace             *Trace // where the attempt stands in a trace; nil: no spans are kept
	ResultCount       int    // rows of a whole answer to a batch in Modelbit's form; 0 for any other
	HasQuery          bool   // the caller's URL had a query; told where the request is captured
	Request           []byte // the captured request, a JSON object; nil: none
	Response          []byte // the captured answer, likewise

	Comparison *Comparison // with the live answer; nil where there is none
}
