package forward

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

var connectionClose = []string{"close"}

// answer passes on the answer of a deployment.
func (t *attempt) answer(res *http.Response) {
	if res.StatusCode < 200 || res.StatusCode > 999 {
		t.refuse(fault(&protocolError{fmt.Sprintf("status %d", res.StatusCode)}, true))
		return
	}
	if t.in.Method == http.MethodHead || res.Body == http.NoBody || res.ContentLength == 0 {
		t.answerEmpty(res)
		return
	}
	if t.exceeds(res.ContentLength) {
		t.refuse(t.answerTooLarge())
		return
	}
	buf := t.f.buffers.Get().(*[]byte)
	defer t.f.buffers.Put(buf)
	if res.ContentLength < 0 || isEventStream(res.Header) {
		t.answerStream(res, *buf)
	} else {
		t.answerPlain(res, *buf)
	}
	if res.ProtoMajor > 1 {
		t.callEnded(res)
	}
}

func isEventStream(h http.Header) bool {
	v := h["Content-Type"]
	const name = "text/event-stream"
	return len(v) > 0 && len(v[0]) >= len(name) && strings.EqualFold(v[0][:len(name)], name)
}

func (t *attempt) answerEmpty(res *http.Response) {
	if !t.commit(res) {
		return
	}
	t.complete(res)
}

// answerPlain passes on a body of known length. Its first bytes are read before
// the head is written: an answer that breaks before is still a clean error.
func (t *attempt) answerPlain(res *http.Response, buf []byte) {
	parts := t.inParts()
	if parts {
		t.postponePlain()
	}
	n, err := res.Body.Read(buf)
	if err != nil && err != io.EOF {
		if f := t.explain(err); !t.yields(f, Failed{}) {
			t.refuse(f)
		}
		return
	}
	if !t.commit(res) {
		return
	}
	for {
		if n > 0 && !t.write(buf[:n], t.result.ResponseBytes+int64(n) < res.ContentLength) {
			return
		}
		if err != nil {
			break
		}
		if parts {
			t.postponePlain()
		}
		n, err = res.Body.Read(buf)
	}
	if err == io.EOF && t.result.ResponseBytes != res.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	t.conclude(res, err)
}

// answerStream passes on a body that may go on for ever, each part as it comes.
func (t *attempt) answerStream(res *http.Response, buf []byte) {
	if !t.commit(res) {
		return
	}
	t.lookAfter()
	if err := t.control().Flush(); err != nil {
		t.cutShort(t.callerGone(err))
		return
	}
	for {
		t.postpone()
		n, err := res.Body.Read(buf)
		if n > 0 && !t.write(buf[:n], true) {
			return
		}
		if err != nil {
			t.conclude(res, err)
			return
		}
	}
}

// write writes a part of the answer's body, and flushes it unless it is the last.
func (t *attempt) write(p []byte, flush bool) bool {
	if t.exceeds(t.result.ResponseBytes + int64(len(p))) {
		t.cutShort(t.answerTooLarge())
		return false
	}
	n, err := t.pass(p, flush)
	t.result.ResponseBytes += int64(n)
	if t.spec.Tap != nil {
		_, _ = t.spec.Tap.Write(p) // after it was passed on, whether it arrived or not
	}
	_, _ = t.rows.Write(p)
	if err != nil {
		t.cutShort(t.callerGone(err))
		return false
	}
	return true
}

func (t *attempt) pass(p []byte, flush bool) (int, error) {
	if t.rpc != nil {
		return t.rpc.write(t, p, flush)
	}
	n, err := t.w.Write(p)
	if err == nil && flush {
		err = t.control().Flush()
	}
	return n, err
}

// conclude ends an answer whose body ended with err.
func (t *attempt) conclude(res *http.Response, err error) {
	if err != io.EOF { //nolint:errorlint // io.Reader's contract
		t.cutShort(t.explain(err))
		return
	}
	t.passAnswerTrailers(res)
	t.complete(res)
}

// complete is the end of an answer that was passed on as a whole.
func (t *attempt) complete(res *http.Response) {
	t.result.Outcome = record.OK
	if v := deployments.Judge(res, true); v.Failed() {
		t.result.Outcome, t.result.Kind, t.result.Err = record.Error, record.Status, v.Err()
	}
	t.result.Took = time.Since(t.started)
	t.result.Rows = t.rows.Rows()
	if t.spec.Tap != nil {
		t.spec.Tap.End()
	}
}

// cutShort is the end of an answer that was not.
func (t *attempt) cutShort(f Failure) {
	status := t.result.Status
	t.result.fail(f)
	if f.Kind != record.CallerLeft {
		t.result.Status = status // what the caller has seen
	}
	t.result.Abort = !t.rpc.end(t.w.Header(), f)
	t.result.Took = time.Since(t.started)
}

// callerGone explains why nothing could be written.
func (t *attempt) callerGone(err error) Failure {
	if t.timedOut() || t.Late() || stopped(t.in.Context()) {
		return t.explain(err)
	}
	return Failure{Status: StatusCallerLeft, Outcome: record.Canceled, Kind: record.CallerLeft, Message: "the caller left", Err: err}
}

// commit writes the head of the answer, unless the time is over.
func (t *attempt) commit(res *http.Response) bool {
	t.guard.Lock()
	expired := t.expired
	t.result.Committed = !expired
	if IsGRPC(t.in) && deployments.HoldsMessages(res.Header) {
		t.rpc = new(answeredCall)
	}
	t.guard.Unlock()
	if expired {
		t.refuse(t.explain(errTimeout))
		return false
	}
	if t.spec.Tap != nil {
		t.spec.Tap.Begin(res.Header)
	}
	if t.spec.Answering != nil {
		t.answering()
	}
	t.mergeHeader(res)
	h := t.w.Header()
	if len(res.Trailer) > 0 {
		announceAnswerTrailers(h, res)
	}
	if t.in.ProtoMajor == 1 && !t.bodyIsRead() {
		h[fieldConnection] = connectionClose
	}
	t.w.WriteHeader(res.StatusCode)
	return true
}

// answering tells that there is an answer, and lets go of a body that was read.
func (t *attempt) answering() {
	read := t.sent.letGo()
	if read {
		t.spec.Body = nil
	}
	t.spec.Answering(read)
}

// mergeHeader adds the end-to-end fields of the answer to the gateway's own.
func (t *attempt) mergeHeader(res *http.Response) {
	h := t.w.Header()
	nominated := res.Header[fieldConnection]
	for key, values := range res.Header {
		own, set := h[key]
		if set && key == "Vary" {
			values = append(slices.Clip(values), own...) // one does not stand for the other
		} else if set || hopByHop(key) || len(nominated) > 0 && hasToken(nominated, key) {
			continue
		}
		h[key] = values
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // net/http would guess one
	}
}

// bodyIsRead reports whether the caller's request has come to its end. If not
// when it is answered, its connection cannot be used again: what follows on it
// might be taken for a request.
func (t *attempt) bodyIsRead() bool {
	return t.in.ContentLength == 0 || t.sent != nil && t.sent.whole.Load()
}

func announceAnswerTrailers(h http.Header, res *http.Response) {
	names := make([]string, 0, len(res.Trailer))
	for key := range res.Trailer {
		if mayTrail(key, res.Header[fieldConnection]) {
			names = append(names, key)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
}

// passAnswerTrailers adds the trailers, also those that were not announced.
func (t *attempt) passAnswerTrailers(res *http.Response) {
	if len(res.Trailer) == 0 {
		return
	}
	h := t.w.Header()
	announced := h["Trailer"]
	for key, values := range res.Trailer {
		switch {
		case !mayTrail(key, res.Header[fieldConnection]):
		case hasToken(announced, key):
			h[key] = values
		default:
			h[http.TrailerPrefix+key] = values
		}
	}
}
