package forward

import (
	"net/http"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// bound settles what the attempt is held to.
func (t *attempt) bound() {
	t.spec.Timeout = t.spec.Timeout.OrDefault()
	t.ends = t.spec.Deadline
	if total := t.spec.Timeout.Total; total > 0 {
		if end := t.started.Add(total); t.ends.IsZero() || end.Before(t.ends) {
			t.ends = end
		}
	}
	t.maxRequest = t.f.MaxRequest(t.spec.MaxRequestBytes)
}

// MaxRequest is how many bytes the body of a request may have where its attempt has a
// bound of its own; 0 is no bound, and the answer where there is none.
func (f *Forwarder) MaxRequest(own int64) int64 {
	if own > 0 && (f.maxRequest <= 0 || own < f.maxRequest) {
		return own
	}
	return f.maxRequest
}

// Slack is how much earlier than by the gateway's clock a time that a caller has given
// may be over elsewhere: clocks are coarse, or run at another rate.
func Slack(given time.Duration) time.Duration { return min(given/100, 10*time.Millisecond) }

// Late reports whether the time that the caller has given is over by the clock. A
// deployment that was told the same time, as gRPC tells it, ends by it as well, and may
// be heard of before the attempt's own alarm, by the Slack. Package deployments asks
// the context of a request for it, and does not count what comes after that.
func (t *attempt) Late() bool {
	d := t.spec.Deadline
	return !d.IsZero() && time.Until(d) <= Slack(d.Sub(t.started))
}

// untilHead is the time up to the head of the answer.
func (t *attempt) untilHead() time.Duration {
	if plain := t.spec.Timeout.Plain; plain > 0 {
		return min(plain, t.spec.Timeout.FirstByte)
	}
	return t.spec.Timeout.FirstByte
}

// postpone begins the time anew, for a stream of which a part has come.
func (t *attempt) postpone() { t.setAlarm(time.Now().Add(t.spec.Timeout.Idle)) }

// inParts reports whether the time of a plain answer has parts: a plain duration
// has one limit, which has been set by then.
func (t *attempt) inParts() bool {
	own := &t.spec.Timeout
	return own.Plain == 0 || own.FirstByte < own.Plain || own.Idle < own.Plain
}

// postponePlain is postpone for a plain answer, which may be bounded as a whole.
func (t *attempt) postponePlain() {
	limit := time.Now().Add(t.spec.Timeout.Idle)
	if plain := t.spec.Timeout.Plain; plain > 0 {
		if end := t.started.Add(plain); end.Before(limit) {
			limit = end
		}
	}
	t.setAlarm(limit)
}

// tooLarge is a request whose body is longer than it may be.
func (t *attempt) tooLarge() *Failure {
	return &Failure{
		Status: http.StatusRequestEntityTooLarge, Kind: record.TooLarge, Err: errTooLarge,
		Message: "the request body is above " + strconv.FormatInt(t.maxRequest, 10) + " bytes",
	}
}

// exceeds reports whether an answer with that many bytes is longer than it may be.
func (t *attempt) exceeds(bytes int64) bool {
	most := t.spec.MaxResponseBytes
	return most > 0 && bytes > most
}

// answerTooLarge is an answer that is.
func (t *attempt) answerTooLarge() Failure {
	return Failure{
		Status: http.StatusBadGateway, Kind: record.TooLarge,
		Message: "the deployment's answer is above " + strconv.FormatInt(t.spec.MaxResponseBytes, 10) + " bytes",
	}
}
