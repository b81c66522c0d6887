package forward

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/switchyard-gateway/switchyard/deployments"
)

const (
	// inOneWrite is a body that is on its way as a whole before an answer can come.
	inOneWrite = 16 << 10
	// answerGrace is how long an answer is awaited when the request could not be
	// written to its end.
	answerGrace = 250 * time.Millisecond
	// maxInterim bounds the informational answers to one request.
	maxInterim = 64
)

// call gets the version's answer, and tells its breaker.
func (t *attempt) call() (*http.Response, error) {
	var err error
	if t.admission, err = t.spec.Group.Admit(); err != nil {
		return nil, err
	}
	if t.replica, err = t.take(nil); err != nil {
		return nil, err
	}
	res, err := t.reach()
	t.admission.Ended(t.replica, t.out, res, err)
	return res, err
}

// reach sends the request to the replica that is taken, and to each other one at most
// once as long as it is sure that none has processed it. One whose connection was ending is
// asked once more, over another connection.
func (t *attempt) reach() (*http.Response, error) {
	var tried []*deployments.Replica
	renewed := false
	for {
		res, err := t.send()
		if err == nil {
			return res, nil
		}
		if t.Err() != nil || !deployments.Unprocessed(err) || !t.sent.rewind() {
			return nil, err
		}
		if deployments.Leaving(err) && !renewed {
			renewed = true
			continue
		}
		tried = append(tried, t.replica)
		next, none := t.take(tried)
		if none != nil {
			return nil, err
		}
		t.replica.Release()
		t.replica = next
	}
}

// take takes a replica that has not failed the request before: in this attempt, and
// if there is such a one, in those before.
func (t *attempt) take(failed []*deployments.Replica) (*deployments.Replica, error) {
	group, subject := t.spec.Group, t.spec.Subject
	if len(t.spec.Tried) > 0 {
		if r, err := group.Take(t, subject, append(slices.Clip(t.spec.Tried), failed...)...); !errors.Is(err, deployments.ErrNoReplica) {
			return r, err
		}
	}
	return group.Take(t, subject, failed...)
}

// send sends the request to the replica.
func (t *attempt) send() (*http.Response, error) {
	t.result.Replica = t.replica.String()
	out, err := t.outgoing(t.replica.URL())
	if err != nil {
		return nil, err
	}
	return t.replica.RoundTrip(out)
}

// outgoing is the request for a replica.
func (t *attempt) outgoing(replica *url.URL) (*http.Request, error) {
	in, out := t.in, t.out
	if err := Join(&t.url, replica, t.spec.Path, in.URL.RawQuery); err != nil {
		return nil, err
	}
	t.url.ForceQuery = in.URL.ForceQuery
	out.Method, out.URL, out.Host, out.Header = in.Method, &t.url, replica.Host, in.Header
	out.Proto, out.ProtoMajor, out.ProtoMinor = in.Proto, in.ProtoMajor, in.ProtoMinor
	if host := t.spec.Header["Host"]; len(host) > 0 {
		out.Host = host[0]
	}
	if t.replica.Multiplexed() {
		// HTTP/2 may be spoken, and its transport may return before it is done
		// with the header.
		out.Header = maps.Clone(out.Header)
	}
	out.Trailer = t.trailer
	out.Body, out.ContentLength = http.NoBody, 0
	if t.sent != nil {
		out.Body, out.ContentLength = t.sent, t.sent.length
		if t.replica.Multiplexed() && IsGRPC(in) {
			out.Body = &stream{body: t.sent}
		}
	}
	return out, nil
}

// traceKey is the key under which package httptrace looks for the hooks in a
// context. The attempt answers to it itself: the hooks are made only for
// transports that ask for them, and no further context is needed.
var traceKey = func() any {
	var probe keyProbe
	httptrace.ContextClientTrace(&probe)
	return probe.key
}()

// keyProbe is a context that notes what it is asked for.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// Value implements context.Context.
func (t *attempt) Value(key any) any {
	if key == traceKey {
		t.traceOnce.Do(t.makeTrace)
		return t.trace
	}
	if _, ok := key.(deployments.ConnectTimeoutKey); ok && t.spec.Timeout.Connect > 0 {
		return t.spec.Timeout.Connect
	}
	if _, ok := key.(deployments.WebSocketKey); ok {
		return t.websocket
	}
	return t.parent.Value(key)
}

func (t *attempt) makeTrace() {
	t.trace = &httptrace.ClientTrace{
		Got1xxResponse:       t.passInterim,
		GotFirstResponseByte: func() { t.heard.Store(true) },
	}
	if t.answered != nil {
		t.trace.WroteRequest = t.awaitAnswer
	}
}

// awaitAnswer keeps http.Transport from closing the connection at once when
// writing to it fails. A deployment that refuses a large body answers, closes,
// and so makes our writing fail, before the transport has read the answer.
func (t *attempt) awaitAnswer(wrote httptrace.WroteRequestInfo) {
	if wrote.Err == nil || t.sent.failure() != nil {
		return
	}
	grace := time.NewTimer(answerGrace)
	defer grace.Stop()
	select {
	case <-t.answered:
		<-t.Done() // the connection is needed for the answer's body
	case <-t.Done():
	case <-grace.C:
	}
}

// passInterim passes on an informational answer (RFC 9110 15.2). Its fields are
// in the caller's head only for that time; what the gateway has put there stays.
func (t *attempt) passInterim(status int, header textproto.MIMEHeader) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.interim++
	switch {
	case t.interim > maxInterim:
		return &protocolError{"too many informational answers"}
	case t.final, status == http.StatusContinue, !t.in.ProtoAtLeast(1, 1):
		return nil // the server says 100 itself, when the body is read
	}
	h := t.w.Header()
	added := addHeader(h, http.Header(header))
	t.w.WriteHeader(status)
	for _, key := range added {
		delete(h, key)
	}
	return nil
}

// addHeader adds the end-to-end fields of an informational answer to h, and
// returns their names.
func addHeader(h, header http.Header) (added []string) {
	nominated := header[fieldConnection]
	for key, values := range header {
		if _, own := h[key]; own || hopByHop(key) || framing(key) || hasToken(nominated, key) {
			continue
		}
		h[key] = values
		added = append(added, key)
	}
	return added
}

// noMoreInterim waits for an informational answer that is being written: a
// transport that gave up may still be about it.
func (t *attempt) noMoreInterim() {
	t.writing.Lock()
	t.final = true
	t.writing.Unlock()
}

// announceTrailers prepares the trailers of the request as sent: those of the
// caller's that may stand in a trailer section (RFC 9110 6.5.1).
func (t *attempt) announceTrailers() {
	for key := range t.in.Trailer {
		if !mayTrail(key, t.in.Header[fieldConnection]) || forged(key, false) || key == MirrorMark || t.spec.Rules.Drops(key) {
			continue
		}
		if t.trailer == nil {
			t.trailer = make(http.Header)
		}
		t.trailer[key] = nil
	}
}

// passTrailers fills them in, once the caller has sent the last byte of its body.
func (t *attempt) passTrailers() {
	for key := range t.trailer {
		t.trailer[key] = t.in.Trailer[key]
	}
}

// mayTrail reports whether a field may be passed on in a trailer section;
// nominated is the Connection of its message.
func mayTrail(key string, nominated []string) bool {
	return !hopByHop(key) && !framing(key) && !hasToken(nominated, key) && httpguts.ValidTrailerHeader(key)
}
