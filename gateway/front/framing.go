package front

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// errReturned is what a writer gives to a goroutine that the handler left behind.
var errReturned = errors.New("front: write after the handler has returned")

// inform sends a 1xx answer (RFC 9110 section 15.2).
func (w *response) inform(status int) {
	w.appendStatus(status)
	for k, values := range w.header {
		if k != "Content-Length" && k != "Transfer-Encoding" {
			w.appendField(k, values)
		}
	}
	w.out.wire = append(w.out.wire, crlf...)
	w.send()
}

// renderHead writes the status line and the handler's fields, except those that frame (RFC 9112 section 6) and manage the
// connection (section 9): they are the server's, and written by finishHead when it is known what follows. Fields of
// different names have no order (RFC 9110 section 5.3), and here they come in any.
func (w *response) renderHead() {
	w.appendStatus(w.status)
	w.declare()
	for k, values := range w.header {
		switch k {
		case "Content-Length", "Transfer-Encoding":
			continue
		case "Connection":
			w.connection = values
			continue
		case "Content-Type":
			w.noSniff = true
			if w.status == http.StatusNotModified {
				continue // RFC 9110 section 15.4.5
			}
		case "Content-Encoding":
			w.noSniff = w.noSniff || w.header.Get(k) != "" // encoded content tells nothing
		case "Date":
			w.hasDate = true
		case "Trailer":
			w.declareTrailers(values)
		}
		if strings.HasPrefix(k, http.TrailerPrefix) {
			w.hasTrailers = true
			continue
		}
		w.appendField(k, values)
	}
}

// declare takes the handler's Content-Length if it is one, and drops it if not.
func (w *response) declare() {
	values, ok := w.header["Content-Length"]
	if !ok || len(values) == 0 {
		return
	}
	n, ok := decimal(values[0])
	if !ok {
		w.conn.srv.logf("http: invalid Content-Length of %q", values[0])
		return
	}
	w.declared = n
	if contentAllowed(w.status) {
		w.appendLength(n)
	}
}

func (w *response) declareTrailers(values []string) {
	w.hasTrailers = true
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if k := http.CanonicalHeaderKey(strings.Trim(name, " \t")); httpguts.ValidTrailerHeader(k) {
				w.trailers = append(w.trailers, k)
			}
		}
	}
}

// finishHead writes the server's own fields and the end of the head. p is the content that follows; when the handler is
// done it is all of it.
func (w *response) finishHead(p []byte) {
	w.headDone = true
	w.closing = w.closing || w.conn.head.close || w.conn.srv.closing.Load() || w.status == http.StatusSwitchingProtocols ||
		httpguts.HeaderValuesContainsToken(w.connection, "close")
	w.settleRequest()
	allowed := contentAllowed(w.status)
	if !w.hasDate {
		w.out.wire = w.conn.srv.appendDate(w.out.wire)
	}
	if w.declared < 0 && w.handlerDone && !w.hasTrailers && allowed && (!w.isHead || len(p) > 0) {
		w.declared = int64(len(p))
		w.appendLength(w.declared)
	}
	if allowed && !w.noSniff && len(p) > 0 {
		w.appendField("Content-Type", []string{http.DetectContentType(p)})
	}
	if w.closing {
		w.out.wire = append(w.out.wire, "Connection: close\r\n"...)
	} else {
		w.appendField("Connection", w.connection)
	}
	if allowed && !w.isHead && w.declared < 0 {
		w.chunked = true
		w.out.wire = append(w.out.wire, "Transfer-Encoding: chunked\r\n"...)
	}
	w.out.wire = append(w.out.wire, crlf...)
}

// settleRequest disposes of the request's body before a long answer begins: a client that sends everything before it reads
// would block for ever otherwise. A complete answer is sent first: it is short, so nobody blocks, and the client need not
// finish its upload to learn the outcome.
func (w *response) settleRequest() {
	b := w.conn.body
	if b == nil || w.closing || w.fullDuplex || !b.mu.TryLock() {
		return // or somebody is reading it right now
	}
	defer b.mu.Unlock()
	if b.left > maxDrain {
		w.closing = true
		return
	}
	if w.handlerDone || b.empty() {
		return
	}
	b.closed.Store(true)
	w.closing = !b.drain()
}

// Write frames content.
func (f *framer) Write(p []byte) (int, error) {
	w := (*response)(f)
	if !w.headDone {
		w.finishHead(p)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case w.isHead:
		return len(p), nil
	}
	if w.chunked {
		w.out.wire = strconv.AppendInt(w.out.wire, int64(len(p)), 16)
		w.out.wire = append(w.out.wire, crlf...)
	}
	w.content(p)
	return len(p), w.err
}

// content collects p for the next write to the socket or, if it is large, writes it from where it lies.
func (w *response) content(p []byte) {
	var tail []byte
	if w.chunked {
		tail = crlf
	}
	if len(w.out.wire)+len(p)+len(tail) <= cap(w.out.wire) {
		w.out.wire = append(w.out.wire, p...)
		w.out.wire = append(w.out.wire, tail...)
		return
	}
	w.parts = [3][]byte{w.out.wire, p, tail}
	w.vec = w.parts[:]
	_, err := w.vec.WriteTo(w.conn.tcp)
	w.parts = [3][]byte{}
	w.sent(err)
}

// send writes what has been collected.
func (w *response) send() {
	if w.err != nil || len(w.out.wire) == 0 {
		return
	}
	_, err := w.conn.tcp.Write(w.out.wire)
	w.sent(err)
}

// sent notes an error: the client will not get the answer, so the request is canceled.
func (w *response) sent(err error) {
	w.out.wire = w.out.wire[:0]
	if err != nil {
		w.err = err
		w.conn.ctx.hangup()
	}
}

// renderLastChunk ends chunked content (RFC 9112 section 7.1) with the trailer fields that the handler has announced or
// prefixed; those that must not be there (RFC 9110 section 6.5.1) are dropped.
func (w *response) renderLastChunk() {
	w.out.wire = append(w.out.wire, "0\r\n"...)
	var trailer http.Header
	for k, values := range w.header {
		name, ok := strings.CutPrefix(k, http.TrailerPrefix)
		if !ok && !slices.Contains(w.trailers, k) || !httpguts.ValidTrailerHeader(http.CanonicalHeaderKey(name)) {
			continue
		}
		if trailer == nil {
			trailer = make(http.Header)
		}
		trailer[name] = append(trailer[name], values...)
	}
	for _, k := range slices.Sorted(maps.Keys(trailer)) {
		w.appendField(k, trailer[k])
	}
	w.out.wire = append(w.out.wire, crlf...)
}

// appendStatus writes the status line (RFC 9112 section 4).
func (w *response) appendStatus(status int) {
	b := w.out.wire
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = append(b, "status code "...)
		b = strconv.AppendInt(b, int64(status), 10)
	}
	b = append(b, crlf...)
	w.out.wire = b
}

// appendField writes one field line for each value. A name that is not a token is dropped; control characters in values
// become spaces (RFC 9110 section 5.5): a line break would begin a field, or a response, of the caller's choice.
func (w *response) appendField(key string, values []string) {
	if key == "" || span(key, tokenByte) != len(key) {
		return
	}
	b := w.out.wire
	for _, v := range values {
		b = append(b, key...)
		b = append(b, ": "...)
		start := len(b)
		b = append(b, v...)
		for i := start; i < len(b); i++ {
			if b[i] < ' ' && b[i] != '\t' {
				b[i] = ' '
			}
		}
		if v := trimBlank(b[start:]); len(v) < len(b)-start {
			b = append(b[:start], v...)
		}
		b = append(b, crlf...)
	}
	w.out.wire = b
}

// trimBlank cuts optional white space from both ends.
func trimBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

func (w *response) appendLength(n int64) {
	w.out.wire = append(w.out.wire, "Content-Length: "...)
	w.out.wire = strconv.AppendInt(w.out.wire, n, 10)
	w.out.wire = append(w.out.wire, crlf...)
}

// dateLine is a rendered Date field, good for one second.
type dateLine struct {
	unix int64
	line string
}

// appendDate writes the Date field (RFC 9110 section 6.6.1).
func (s *Server) appendDate(dst []byte) []byte {
	now := time.Now()
	d := s.date.Load()
	if d == nil || d.unix != now.Unix() {
		d = &dateLine{unix: now.Unix(), line: "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		s.date.Store(d)
	}
	return append(dst, d.line...)
}
