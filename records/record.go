package records

import "time"

// Inference is the event of lines that are records. Others tell of the life of
// the process.
const Inference = "inference"

// The roles of attempts.
const (
	Live   = "live"
	Mirror = "mirror"
)

// The outcomes of attempts.
const (
	OK       = "ok"
	Error    = "error"
	Canceled = "canceled"
	Dropped  = "dropped"
)

// Record is one line as it is read. Fields that the line does not have, and those
// that are null in it, are zero.
type Record struct {
	Time              time.Time
	Event             string
	RequestID         string
	Endpoint          string
	Backend           string // the backend's or the mirror's name
	Role              string
	DeploymentName    string
	DeploymentVersion int
	Alias             string
	Branch            string
	Subject           string
	Commit            string
	Outcome           string
	Status            int
	Error             string
	ErrorKind         string
	Start, End        int64   // Unix milliseconds
	Duration          float64 // in milliseconds
	TTFB              Number  // in milliseconds
	RequestBytes      int64
	ResponseBytes     int64
	Replica           string
	Method            string
	Path              string

	Attempt      int  // which of several; 0 when there was one
	Superseded   bool // the caller did not get this attempt's answer
	FallbackFrom string
	KeyName      string
	ResultCount  int
	Request      string // what was captured: a JSON object as it is written; empty: nothing was
	Response     string

	Comparison
}

// Comparison is what a mirror's record says of the live answer beside its own.
type Comparison struct {
	LiveStatus   int
	LiveOutcome  string
	LiveDuration Number // in milliseconds
	LiveTTFB     Number
	Agree        Agreement
	Diff         string // a JSON list as it is written; see Differences
	LabelLive    Label
	LabelMirror  Label
	ScoreLive    Number
	ScoreMirror  Number
	ScoreDelta   Number
	Similarity   Number
	Noise        bool   // the mirror is one of the live deployment itself
	Unpaired     string // why there was no live answer to compare with
}

// Number is a number that a line may lack.
type Number struct {
	Value float64
	Is    bool
}

// Label is a label that a line may lack. Labels that are no strings are the JSON
// text of their value.
type Label struct {
	Text string
	Is   bool
}

// Agreement says what a comparison came to.
type Agreement int8

// The results of a comparison.
const (
	NotCompared Agreement = iota // there was nothing to compare, or nobody did
	Agrees
	Differs
)

// Failed reports whether an attempt ended without a usable answer: the outcome
// error, which 5xx is as well.
func (r *Record) Failed() bool { return r.Outcome == Error }
