package collector

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Answer is what came of a call, of the last one where an exporter calls again. It
// is told when the exporter has returned.
type Answer struct {
	Status     int    // 0: there was none
	RetryAfter string // as the collector says it
	Rejected   int64  // items that it will not take, of an answer of 2xx
	Err        error  // why there was no answer, without the address
}

// Failure is why a call did not bring all to the collector, nil if it did.
func (a *Answer) Failure() error {
	switch {
	case a.Err != nil:
		return fmt.Errorf("call the collector: %w", a.Err)
	case a.Status < 200 || a.Status > 299:
		return fmt.Errorf("the collector answered %d", a.Status)
	case a.Rejected > 0:
		return fmt.Errorf("the collector rejected %d items", a.Rejected)
	}
	return nil
}

type answerKey struct{}

// Expect gives a context for a call of an exporter, and the answer that it will
// have had.
func Expect(ctx context.Context) (context.Context, *Answer) {
	a := new(Answer)
	return context.WithValue(ctx, answerKey{}, a), a
}

// NewClient makes a client for exporters. The fields of each call are what header
// gives; nil: none. A call has so much time.
func NewClient(header func() (http.Header, error), timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &transport{header: header, base: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		}},
	}
}

// transport adds the fields and keeps the answer.
type transport struct {
	header func() (http.Header, error)
	base   *http.Transport
}

// CloseIdleConnections is asked for by http.Client.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, ok := req.Context().Value(answerKey{}).(*Answer)
	if !ok {
		answer = new(Answer) // nobody wants to know
	}
	*answer = Answer{}
	res, err := t.call(req)
	if err != nil {
		answer.Err = err
		return nil, err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // what is cut tells nothing
	answer.Status, answer.RetryAfter = res.StatusCode, res.Header.Get("Retry-After")
	if res.StatusCode == http.StatusOK {
		answer.Rejected = rejected(body)
	}
	silent := *res
	silent.Status = fmt.Sprintf("%d %s", res.StatusCode, http.StatusText(res.StatusCode))
	silent.Body, silent.ContentLength, silent.Trailer = http.NoBody, 0, nil
	return &silent, nil
}

func (t *transport) call(req *http.Request) (*http.Response, error) {
	if t.header == nil {
		return t.base.RoundTrip(req)
	}
	header, err := t.header()
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	maps.Copy(req.Header, header)
	return t.base.RoundTrip(req)
}

// rejected is how many items an answer says are not taken. Those about spans and
// metrics have the form of those about logs.
func rejected(body []byte) int64 {
	var answer logs.ExportLogsServiceResponse
	if proto.Unmarshal(body, &answer) != nil {
		return 0 // JSON, or nothing that the protocol knows
	}
	return max(answer.GetPartialSuccess().GetRejectedLogRecords(), 0)
}
