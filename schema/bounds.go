package schema

import (
	"cmp"
	"strings"
	"time"
)

// Timeout bounds the parts of one attempt; 0 of a part says nothing about it. The
// zero value is what is not written at all.
type Timeout struct {
	Connect   time.Duration // looking up the name and connecting, where no connection is there
	FirstByte time.Duration // from sending to the head of the answer
	Idle      time.Duration // each silence of the answer after that
	Plain     time.Duration // from sending to the last byte of an answer that is no stream: "timeout: 60s"
	Total     time.Duration // everything, streams included
}

// DefaultTimeout bounds the attempt where neither the endpoint nor the version
// says.
const DefaultTimeout = 60 * time.Second

// SimpleTimeout is what a plain duration says: a plain answer is bounded as a
// whole, and of a stream, the time to its head and each silence.
func SimpleTimeout(d time.Duration) Timeout {
	return Timeout{FirstByte: d, Idle: d, Plain: d}
}

// Stricter is the stricter of two timeouts, part by part.
func (t Timeout) Stricter(u Timeout) Timeout {
	return Timeout{
		Connect:   stricter(t.Connect, u.Connect),
		FirstByte: stricter(t.FirstByte, u.FirstByte),
		Idle:      stricter(t.Idle, u.Idle),
		Plain:     stricter(t.Plain, u.Plain),
		Total:     stricter(t.Total, u.Total),
	}
}

func stricter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// OrDefault is t with DefaultTimeout for what has to be bounded and is not: the
// head of an answer and its silences, and a plain answer as a whole where nothing
// is said about how long answers take.
func (t Timeout) OrDefault() Timeout {
	if t.FirstByte == 0 && t.Idle == 0 && t.Plain == 0 && t.Total == 0 {
		t.Plain = DefaultTimeout
	}
	t.FirstByte, t.Idle = cmp.Or(t.FirstByte, DefaultTimeout), cmp.Or(t.Idle, DefaultTimeout)
	return t
}

// String is the timeout as it is written in YAML.
func (t Timeout) String() string {
	switch t {
	case Timeout{}:
		return brief(DefaultTimeout)
	case SimpleTimeout(t.Plain):
		return brief(t.Plain)
	}
	var parts []string
	for _, p := range []struct {
		key string
		d   time.Duration
	}{{"connect", t.Connect}, {"firstByte", t.FirstByte}, {"idle", t.Idle}, {"total", t.Total}} {
		if p.d > 0 {
			parts = append(parts, p.key+": "+brief(p.d))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Capacity is how many live requests the replicas of a version work on at a time,
// and how further ones wait. It is immutable.
type Capacity struct {
	MaxConcurrent int           // at each replica; above 0
	MaxQueue      int           // requests that wait for the version; 0: none does
	QueueTimeout  time.Duration // how long one waits
}

// The defaults of Capacity.
const (
	DefaultMaxQueue     = 100
	DefaultQueueTimeout = 5 * time.Second
)

// Limits are what the live requests of a version are held to, and their answers.
type Limits struct {
	Timeout          Timeout
	Capacity         *Capacity // nil: any number of requests at a time
	MaxRequestBytes  int64     // of a body; 0: no limit of the version's own
	MaxResponseBytes int64     // of a body; 0: none
	Idempotent       bool      // a request that is processed twice does no harm, whatever its method
	Retries          *Retries  // nil: none
	Breaker          *Breaker  // nil: none
}
