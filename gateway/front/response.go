package front

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"
)

const (
	// sniffLen is what is held back of an answer without a length: an answer that ends within it gets one, and the
	// content is sniffed in it. The same as in net/http.
	sniffLen = 2 << 10
	wireLen  = 4 << 10 // bytes collected for one write
	maxWire  = 16 << 10
)

// output is the memory of an answer in the making. Connections borrow it for the time of a request.
type output struct {
	body *bufio.Writer // content on its way to framer
	wire []byte        // head and framed content on their way to the socket
}

func newOutput() *output {
	return &output{body: bufio.NewWriterSize(nil, sniffLen), wire: make([]byte, 0, wireLen)}
}

// response is the http.ResponseWriter of a connection.
type response struct {
	conn   *conn
	header http.Header
	out    *output // nil between requests

	parts [3][]byte
	vec   net.Buffers

	answer
}

// answer is what is reset for each request.
type answer struct {
	isHead      bool // the request's method
	handlerDone bool
	fullDuplex  bool

	wroteHead   bool // WriteHeader was called; the handler's fields are in out.wire
	headDone    bool // the server's own fields are too
	hasDate     bool
	noSniff     bool
	hasTrailers bool
	chunked     bool
	closing     bool // Connection: close

	status     int
	declared   int64 // Content-Length, -1 for unknown
	written    int64
	connection []string // the handler's Connection field
	trailers   []string // the names that the handler declared
	err        error    // of the socket; nothing is written any more
}

// framer is the side of a response that content comes out of: it prepends the head and frames.
type framer response

func (w *response) begin(isHead bool) {
	w.out = w.conn.srv.out.Get().(*output)
	w.out.body.Reset((*framer)(w))
	w.answer = answer{isHead: isHead, declared: -1}
}

// Header implements http.ResponseWriter. Changes after WriteHeader count for trailers only.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. An informational status is sent at once; another one is noted with the
// fields as they are now, and sent with the first content that does not fit the buffer, by Flush, or at the end.
func (w *response) WriteHeader(status int) {
	if w.out == nil {
		return // the handler has returned
	}
	if w.wroteHead {
		_, file, line, _ := runtime.Caller(1)
		w.conn.srv.logf("http: superfluous response.WriteHeader call from %s:%d", file, line)
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status)
		return
	}
	w.wroteHead, w.status = true, status
	w.renderHead()
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if err := w.admit(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	return w.out.body.Write(p)
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) {
	if err := w.admit(len(s)); err != nil || s == "" {
		return 0, err
	}
	return w.out.body.WriteString(s)
}

// admit counts content that is about to be written, and refuses what the status or the declared length forbid (RFC 9110
// section 6.4.1, RFC 9112 section 6.3).
func (w *response) admit(n int) error {
	if w.out == nil {
		return errReturned
	}
	if !w.wroteHead {
		w.WriteHeader(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !contentAllowed(w.status) {
		return http.ErrBodyNotAllowed
	}
	w.written += int64(n)
	if w.declared >= 0 && w.written > w.declared {
		return http.ErrContentLength
	}
	return nil
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what has been written, the head too. http.ResponseController prefers it to Flush.
func (w *response) FlushError() error {
	if w.out == nil {
		return errReturned
	}
	if !w.wroteHead {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.out.body.Flush() // the error stays in w.err
	if !w.headDone {
		w.finishHead(nil)
	}
	w.send()
	return w.err
}

// SetReadDeadline bounds the reads of the request's body; see http.ResponseController. It ends with the request.
func (w *response) SetReadDeadline(t time.Time) error {
	w.conn.touchedRead.Store(true)
	return w.conn.tcp.SetReadDeadline(t)
}

// SetWriteDeadline bounds the writes of the answer; see http.ResponseController. It ends with the request.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.conn.touchedWrite.Store(true)
	return w.conn.tcp.SetWriteDeadline(t)
}

// EnableFullDuplex lets the handler read the body after the answer has begun; see http.ResponseController.
func (w *response) EnableFullDuplex() error {
	w.fullDuplex = true
	return nil
}

// finish completes the answer of a handler that has returned and reports whether another one may follow it.
func (w *response) finish() bool {
	w.handlerDone = true
	if !w.wroteHead {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.out.body.Flush() // the error stays in w.err
	if !w.headDone {
		w.finishHead(nil)
	}
	if w.chunked {
		w.renderLastChunk()
	}
	w.send()
	w.release()
	if w.closing || w.err != nil {
		return false
	}
	// RFC 9112 section 6.3: a client that waits for the rest must see the connection end.
	return w.isHead || w.declared < 0 || !contentAllowed(w.status) || w.declared == w.written
}

// abort is for a handler that did not return: what it has flushed out of its buffer goes, and nothing else, so the client
// sees an incomplete message.
func (w *response) abort() {
	if w.out == nil {
		return
	}
	if w.headDone {
		w.send()
	}
	w.release()
}

func (w *response) release() {
	o := w.out
	w.out = nil
	o.body.Reset(nil)
	o.wire = o.wire[:0]
	if cap(o.wire) <= maxWire {
		w.conn.srv.out.Put(o)
	}
}

// contentAllowed reports whether an answer of this status has content (RFC 9110 sections 15.2, 15.3.5 and 15.4.5).
func contentAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
