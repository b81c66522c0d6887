package forward

import (
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/rows"
)

const (
	// The rest of a request that was answered early is awaited for lingerTime and
	// lingerBytes, and no longer than for a silence of lingerSilence; only for
	// shortLinger where the end of the answer has to wait for it.
	lingerTime    = 5 * time.Second
	lingerBytes   = 64 << 20
	lingerSilence = 500 * time.Millisecond
	shortLinger   = 100 * time.Millisecond
)

// attempt is one call of Serve. It is also the context of the requests that it
// sends. Its memory is used for another call where nobody holds on to it; see
// recycle.
type attempt struct {
	lifetime
	alarm alarm
	out   *http.Request // what is sent; its context is the attempt
	doing
}

// doing is what an attempt begins anew with.
type doing struct {
	begun   bool
	unknown bool // see lifetime.finish

	f       *Forwarder
	w       http.ResponseWriter
	in      *http.Request
	spec    Attempt
	started time.Time
	result  Result

	maxRequest int64     // bytes of the request's body; 0: no bound
	ends       time.Time // streams included; zero: not bounded

	admission deployments.Admission
	replica   *deployments.Replica // to be released
	sent      *body                // nil without a body
	body      body
	trailer   http.Header // of the request as sent, filled in when the body has been read
	websocket bool
	rpc       *answeredCall // of gRPC, once its answer has begun; else nil
	rows      rows.Counter  // of the answer
	url       url.URL
	forwarded [forwardedFields]string

	traceOnce sync.Once
	trace     *httptrace.ClientTrace
	heard     atomic.Bool   // a byte of an answer has come
	answered  chan struct{} // closed with the answer's head; nil where nobody waits for it
	interim   int           // informational answers so far

	writing sync.Mutex // held while informational answers are written
	final   bool       // no more of those; guarded by writing

	guard     sync.Mutex // of what follows
	over      bool       // w must not be touched any more
	expired   bool
	withdrawn *Failure // why the caller may have no more of a stream; nil: he may
}

// attempt gives memory for one call of Serve.
func (f *Forwarder) attempt() *attempt {
	if t, ok := f.attempts.Get().(*attempt); ok {
		return t
	}
	t := new(attempt)
	t.out = new(http.Request).WithContext(t)
	return t
}

// recycle keeps the memory of an attempt that has ended for another one, if
// nobody holds on to it. By http.RoundTripper's contract the request is free when
// the answer's body is closed, as it is by now, and the request's is too. What
// remains is the context: it is free if nobody asked it for anything that lasts.
// That is so for the gateway's own transport, and never for net/http's.
func (f *Forwarder) recycle(t *attempt) {
	free := t.unknown && t.trace == nil && t.answered == nil && !t.websocket && t.result.Outcome == record.OK &&
		(t.sent == nil || t.body.free())
	if !free {
		t.stopAlarm()
		return
	}
	t.doing = doing{}
	t.out.Header, t.out.Trailer = nil, nil
	t.lifetime.renew()
	f.attempts.Put(t)
}

// serve makes the attempt.
func (t *attempt) serve() {
	t.begin()
	if failure := t.admit(); failure != nil {
		t.refuse(*failure)
		return
	}
	res, err := t.call()
	t.noMoreInterim()
	if err != nil {
		if f := t.explain(err); !t.yields(f, Failed{Unsent: unsent(err)}) {
			t.refuse(f)
		}
		return
	}
	defer t.close(res)
	t.result.TTFB = time.Since(t.started)
	t.result.Status = res.StatusCode
	if t.yieldsAnswer(res) {
		return
	}
	if t.answered != nil {
		close(t.answered)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		t.switchProtocols(res)
		return
	}
	t.answer(res)
}

// Check says why a request must not be sent, with the part of its escaped path that
// would be; nil: it may be. Serve checks that itself, and it holds for copies too.
func Check(r *http.Request, path string) *Failure {
	switch r.Method {
	case http.MethodConnect, http.MethodTrace, "PRI":
		// A tunnel is none of ours, nor is HTTP/2's preface, which net/http hands
		// to handlers; and TRACE would show the caller the secrets that are set on
		// requests (RFC 9110 9.3.8).
		return &Failure{Status: http.StatusMethodNotAllowed, Kind: record.Method, Message: "the gateway does not pass on " + r.Method}
	}
	err := CheckPath(path)
	if err == nil {
		err = CheckQuery(r.URL.RawQuery)
	}
	if err != nil {
		return &Failure{Status: http.StatusBadRequest, Kind: record.BadRequest, Message: err.Error(), Err: err}
	}
	return nil
}

// admit refuses what must not be sent.
func (t *attempt) admit() *Failure {
	if refused := Check(t.in, t.spec.Path); refused != nil {
		return refused
	}
	if t.maxRequest > 0 && max(t.in.ContentLength, t.spec.Length) > t.maxRequest {
		return t.tooLarge()
	}
	return nil
}

// begin starts what end has to stop, and makes the header ready.
func (t *attempt) begin() {
	t.begun = true
	t.bound()
	t.lifetime.begin(t.in.Context())
	t.websocket = asksForWebSocket(t.in)
	if t.in.ContentLength != 0 {
		t.openBody()
	}
	h := t.in.Header
	t.spec.Rules.drop(h)
	t.f.rewrite(h, t.in, &t.forwarded)
	if t.spec.Trace != "" {
		h[fieldTrace] = []string{t.spec.Trace}
	}
	maps.Copy(h, t.spec.Header)
	t.spec.Rules.add(h)
	if t.websocket {
		h[fieldConnection], h[fieldUpgrade] = connectionUpgrade, upgradeWebSocket
	}
	t.setAlarm(t.started.Add(t.untilHead()))
}

// openBody makes the caller's body readable while an answer is written: with
// HTTP/1, net/http would otherwise read up to 256 KiB of it first and then give
// up on it.
func (t *attempt) openBody() {
	b := &t.body
	b.attempt, b.length, b.from = t, t.in.ContentLength, t.spec.Body
	if b.from == nil {
		b.from = t.in.Body
	}
	if t.spec.Length > 0 {
		b.length = t.spec.Length
		dropDigests(t.in.Header)
	}
	if mayResend(t.spec.Group.Replicas()) {
		b.kept = t.f.replays.Get().(*[]byte)
	}
	t.sent = b
	_ = t.control().EnableFullDuplex() // where it is not supported, it is not needed
	if b.length < 0 || b.length > inOneWrite {
		t.answered = make(chan struct{})
	}
	t.announceTrailers()
}

// mayResend reports whether a request may have to be sent again: to another replica, or
// over another connection where one ends before it has taken the request.
func mayResend(replicas []*deployments.Replica) bool {
	return len(replicas) > 1 || len(replicas) == 1 && replicas[0].Multiplexed()
}

func (t *attempt) control() *http.ResponseController { return http.NewResponseController(t.w) }

// end stops what begin started; the second call does nothing.
func (t *attempt) end() {
	if t.begun {
		t.begun = false
		t.unknown = t.lifetime.finish()
		t.clearAlarm()
		t.settle()
	}
	t.guard.Lock()
	t.over = true
	t.guard.Unlock()
	if t.replica != nil {
		t.replica.Release()
		t.replica = nil
	}
}

// close lets go of an answer. A transport of HTTP/2 waits there until nobody reads the
// request's body any more. A stream of gRPC may be answered to its end, by an error for
// example, while its caller is not done and waits for that: so the body is taken
// back first.
func (t *attempt) close(res *http.Response) {
	if res.ProtoMajor > 1 && t.sent != nil && !t.sent.whole.Load() {
		t.end()
	}
	_ = res.Body.Close()
}

// settle takes the caller's body back from the transport. A caller who is still
// sending is listened to for a while: closing the connection on it would, by
// TCP's rules, destroy the answer before it is read (RFC 9112 9.6). The answer
// has said "Connection: close" then.
func (t *attempt) settle() {
	if t.sent == nil {
		return
	}
	b := t.sent
	switch {
	case t.result.Yielded: // nobody reads it any more
	case b.whole.Load(), t.in.ProtoMajor > 1 || t.result.Abort || t.result.Kind == record.CallerLeft || t.result.Kind == record.Shutdown:
		b.retire(time.Unix(1, 0))
	default:
		t.linger()
	}
	t.result.RequestBytes = b.read.Load()
	if b.kept != nil && b.mu.TryLock() {
		t.f.putReplay(b.kept)
		b.kept = nil
		b.mu.Unlock()
	}
}

// linger reads what the caller still sends, after the answer was written.
func (t *attempt) linger() {
	b := t.sent
	if b.read.Load() == 0 && t.in.Header.Get("Expect") != "" {
		b.retire(time.Unix(1, 0)) // the caller waits for leave to send, which a Read would give
		return
	}
	control := t.control()
	if !t.framed() {
		b.retire(time.Now().Add(shortLinger))
		_ = control.SetReadDeadline(time.Now().Add(lingerTime)) // for what the server reads itself
		return
	}
	if control.Flush() != nil {
		b.retire(time.Unix(1, 0))
		return
	}
	b.retire(time.Now().Add(lingerSilence))
	b.drain(time.Now().Add(lingerTime))
}

// framed reports whether the answer is complete at the caller as soon as it is
// flushed, without the handler's return.
func (t *attempt) framed() bool {
	_, ok := t.w.Header()["Content-Length"]
	return ok || t.in.Method == http.MethodHead
}
