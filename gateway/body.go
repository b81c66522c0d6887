package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// readBody reads a body of that length, -1 for an unknown one, as far as a body key
// may ask. whole is what was read if that is all of it, else nil; body reads as the
// whole body, nil if nothing was read ahead. An error is the caller's: its body is broken.
func readBody(from io.Reader, length int64) (whole []byte, body io.Reader, err error) {
	if length == 0 || from == nil || length > endpoints.MaxBodyKey {
		return nil, nil, nil
	}
	read, err := io.ReadAll(io.LimitReader(from, endpoints.MaxBodyKey+1))
	if err != nil {
		return nil, nil, err
	}
	if len(read) > endpoints.MaxBodyKey {
		return nil, io.MultiReader(bytes.NewReader(read), from), nil
	}
	return read, bytes.NewReader(read), nil
}

// Defaults of JSON.
const (
	DefaultJSONMaxBody = 16 << 20
	DefaultJSONBudget  = 64 << 20
)

// JSON bounds the bodies that are read as a whole: to find the model in them, or to change
// them.
type JSON struct {
	// MaxBody is the size in bytes above which the answer is 413; DefaultJSONMaxBody when 0.
	// It is 1 MiB at least.
	MaxBody int64
	// Budget is the memory for all of them that are above 1 MiB, in bytes;
	// DefaultJSONBudget when 0. Those that do not fit get 503.
	Budget int64
}

// wholeBodies reads bodies as a whole. It is safe for concurrent use.
type wholeBodies struct {
	most, budget int64
	held         atomic.Int64
	refused      atomic.Uint64 // for want of memory
}

func newWholeBodies(o JSON) *wholeBodies {
	return &wholeBodies{
		most:   max(cmp.Or(o.MaxBody, DefaultJSONMaxBody), endpoints.MaxBodyKey),
		budget: cmp.Or(o.Budget, DefaultJSONBudget),
	}
}

var (
	errWholeTooLarge = errors.New("the JSON body is too large to be read as a whole")
	errWholeNoRoom   = errors.New("the memory for large JSON bodies is used up")
)

// room is the memory that a body takes of the budget; nil for one of up to 1 MiB.
type room struct {
	of    *wholeBodies
	bytes int64
}

// release gives it back; a second time does nothing.
func (r *room) release() {
	if r != nil {
		r.of.held.Add(-r.bytes)
		r.bytes = 0
	}
}

// read reads a body of that length, -1 for an unknown one. Its room is the caller's to
// release.
func (b *wholeBodies) read(from io.Reader, length int64) (read []byte, taken *room, err error) {
	if length > b.most {
		return nil, nil, errWholeTooLarge
	}
	if length < 0 {
		length = b.most
	}
	read = make([]byte, 0, min(length+1, bytes.MinRead)) // one more: a Read of its own may tell the end
	for err == nil {
		if len(read) == cap(read) {
			if read, taken, err = b.grow(read, taken, length+1); err != nil {
				break
			}
		}
		var n int
		n, err = from.Read(read[len(read):cap(read)])
		read = read[:len(read)+n]
		if int64(len(read)) > length {
			err = errWholeTooLarge
		}
	}
	if err == io.EOF { //nolint:errorlint // io.Reader's contract
		return read, taken, nil
	}
	taken.release()
	return nil, nil, err
}

// grow makes a buffer of twice the size, but not above most. Meanwhile there is room for
// both.
func (b *wholeBodies) grow(read []byte, taken *room, most int64) ([]byte, *room, error) {
	size := min(2*int64(cap(read)), most)
	if size <= endpoints.MaxBodyKey+1 {
		return append(make([]byte, 0, size), read...), nil, nil
	}
	if b.held.Add(size) > b.budget {
		b.held.Add(-size)
		b.refused.Add(1)
		return read, taken, errWholeNoRoom
	}
	grown := append(make([]byte, 0, size), read...)
	taken.release()
	return grown, &room{b, size}, nil
}

// unread is the answer to a request whose body could not be read as a whole. advice is
// what the caller of a body that is too large can do.
func (b *wholeBodies) unread(r *http.Request, err error, advice string) forward.Failure {
	switch {
	case errors.Is(err, errWholeTooLarge):
		return forward.Failure{
			Status: http.StatusRequestEntityTooLarge, Kind: record.TooLarge, Err: err,
			Message: "the JSON body is above " + strconv.FormatInt(b.most, 10) + " bytes, " + advice,
		}
	case errors.Is(err, errWholeNoRoom):
		return forward.Failure{
			Status: http.StatusServiceUnavailable, Kind: record.Memory, Err: err, RetryAfter: time.Second,
			Message: "too many large JSON bodies are being read",
		}
	}
	return forward.BodyError(r.Context(), err)
}

var (
	descWhole = prometheus.NewDesc("switchyard_json_body_bytes",
		"Bytes held for JSON bodies above 1 MiB that are read as a whole, bounded by the budget.", nil, nil)
	descWholeRefused = prometheus.NewDesc("switchyard_json_bodies_refused_total",
		"Requests that were refused because the budget for JSON bodies was used up.", nil, nil)
)

func (b *wholeBodies) collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descWhole, prometheus.GaugeValue, float64(b.held.Load()))
	ch <- counter(descWholeRefused, b.refused.Load())
}
