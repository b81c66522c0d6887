package endpoints

import (
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Capture is which bodies stand in the records of an endpoint's requests.
type Capture struct {
	Request, Response bool     // at least one of them
	Percent           float64  // of the requests, in (0, 100]
	MaxBytes          int64    // of each body
	Redact            []string // JSON pointers to what is left out; a token * is every member or element
	Headers           []string // fields that are captured too, in canonical form

	salt uint64
}

// newCapture is nil for an endpoint that declares none.
func newCapture(endpoint string, declared *schema.Capture) *Capture {
	if declared == nil {
		return nil
	}
	return &Capture{
		Request: declared.Request, Response: declared.Response, Percent: declared.Percent.V, MaxBytes: declared.MaxBytes.V,
		Redact: declared.Redact, Headers: values(declared.Headers), salt: salt("capture", endpoint, ""),
	}
}

// Captured reports whether the bodies of a subject's requests are captured, by the
// method by which mirrors sample and independently of them: raising the percentage
// only adds subjects. The endpoint has a Capture.
func (e *Endpoint) Captured(subject string) bool {
	c := e.Capture
	return c.Percent >= 100 || uniform(xxhash.Sum64String(subject), c.salt) < c.Percent/100
}

// CapturedRandom reports, at random by percentage, whether those of one request
// are.
func (e *Endpoint) CapturedRandom() bool {
	return e.Capture.Percent >= 100 || rand.Float64() < e.Capture.Percent/100
}
