package record

import "time"

// Comparison is what a copy's record says about the live attempt of the same
// request. It is there for copies that were sent, to mirrors that compare.
type Comparison struct {
	LiveStatus   int // 0: there was no answer
	LiveOutcome  Outcome
	LiveDuration time.Duration
	LiveTTFB     time.Duration // 0: there was no answer

	Agree    Verdict
	Unpaired Unpaired     // why Agree is Unknown; else empty
	Diff     []Difference // the first that were found; at most MaxDifferences
	Noise    bool         // the mirror goes to the live deployment itself

	Labeled                bool // both answers have a label
	LabelLive, LabelMirror string
	Scored                 bool // both answers have a score
	ScoreLive, ScoreMirror float64
	Measured               bool    // texts were compared by their similarity
	Similarity             float64 // the least that was found; 0 to 1
}

// MaxDifferences bounds the differences that a record tells.
const MaxDifferences = 5

// Verdict says whether two answers agree.
type Verdict uint8

// The verdicts. The zero value is Unknown: nothing was compared.
const (
	Unknown Verdict = iota
	Agrees
	Differs
)

// Unpaired is why two answers were not compared.
type Unpaired string

// The reasons.
const (
	LiveFailed   Unpaired = "live_failed"   // the live deployment gave no answer, or 5xx
	LiveCanceled Unpaired = "live_canceled" // the caller left before the answer was whole
	MirrorFailed Unpaired = "mirror_failed" // the mirror gave no answer, or 5xx
	Late         Unpaired = "late"          // the live attempt did not end in time
	NoMemory     Unpaired = "memory"        // the budget for answers that wait was used up
	Truncated    Unpaired = "truncated"     // an answer is larger than what is kept of it
	Encoding     Unpaired = "encoding"      // an answer is compressed in a way that cannot be undone
	TooComplex   Unpaired = "too_complex"   // comparing would take too long
	TooMany      Unpaired = "overload"      // too many pairs wait to be compared
	Stopped      Unpaired = "shutdown"      // the gateway stopped first
	Failed       Unpaired = "panic"         // a bug in the gateway

	// NoAnswer is of a request that is sent again (package replay): the record of its
	// live attempt does not have the answer.
	NoAnswer Unpaired = "not_captured"
)

// Difference is a place where two answers differ.
type Difference struct {
	// Path is a JSON pointer (RFC 6901) into both answers, "" for all of them;
	// or "status".
	Path         string
	Live, Mirror Value
}

// Value is a part of an answer.
type Value struct {
	Kind ValueKind
	Text string
}

// ValueKind says how a Value is written.
type ValueKind uint8

// The kinds of values.
const (
	Absent ValueKind = iota // it is not there
	JSON                    // Text is JSON in one line, which is valid
	Text                    // Text is a text, or the shortened form of another value
)
