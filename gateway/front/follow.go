package front

import (
	"bytes"
	"strconv"
)

// place says what the next byte from a client belongs to.
type place int

const (
	beforeRequest place = iota // or to the first request
	inRequestLine
	inFields
	inContent
	inChunkSize
	inChunkData
	inChunkEnd
	inTrailer
	inPreface
	aside   // nothing that concerns a follower: a tunnel, or HTTP/2
	refused // a request that must not be served
)

// follower reads requests along with net/http, keeps track of where they end, and applies the rules of RFC 9112 that
// net/http does not, or answers otherwise than with 400.
//
// It does not hold back heads. Up to the line feed of the empty line a head does nothing, so the bytes before pass as they
// come: net/http's limits and time-outs see the same as without a guard. But no line feed passes before the line that
// it ends has been judged, and when one is found wanting everything from there on is replaced by the refusal.
//
// What it lets pass net/http understands in the same way or refuses; where net/http refuses by itself, with 400 and the
// end of the connection, there is no rule here. That does not go for chunks: a server whose handler has answered
// already may go on after an error in them, and would take content for a request.
type follower struct {
	place  place
	begun  bool   // the first request line has been read
	blanks int    // line breaks before the request
	left   int64  // content until the next thing that is not, in inContent and inChunkData
	excess int64  // see chunkSize
	line   []byte // the beginning of a line whose end has not come
	framing
}

// framing is what the lines of a head have said about it.
type framing struct {
	oldVersion bool // HTTP/1.0
	hostless   bool // CONNECT without Host
	chunked    bool
	hasLength  bool
	length     int64
}

// limit is how much of n bytes of room may be filled without reading into the next request, as far as is known.
func (f *follower) limit(n int) int {
	if f.place == inContent {
		return int(min(int64(n), f.left))
	}
	return n
}

// inside reports whether a head has been read and what belongs to it has not, to its end.
func (f *follower) inside() bool { return inContent <= f.place && f.place <= inTrailer }

// inHead reports whether a head has begun and not ended.
func (f *follower) inHead() bool { return f.place == inRequestLine || f.place == inFields }

// stepAside ends the following, for a connection that is not HTTP/1 any more. A refused one stays refused.
func (f *follower) stepAside() {
	if f.place != refused {
		f.place = aside
	}
}

// follow reads p, which continues what came before, and returns how many of its bytes may pass: all, or those up to the
// end of the current request, or those before a line that breaks the rules. The place is refused then.
func (f *follower) follow(p []byte) (n int) {
	for n < len(p) && f.place != refused {
		switch f.place {
		case aside:
			return len(p)
		case beforeRequest:
			n += f.begin(p[n])
			continue
		case inContent, inChunkData:
			n += f.content(len(p) - n)
		default:
			n += f.takeLine(p[n:])
		}
		if f.place == beforeRequest {
			return n
		}
	}
	return n
}

// begin begins a request with its first byte, unless that is one of the few line breaks that net/http forgives behind the
// content of a POST (RFC 9112 section 2.2). Elsewhere it refuses them by itself.
func (f *follower) begin(c byte) (n int) {
	if (c == '\r' || c == '\n') && f.blanks < maxBlank {
		f.blanks++
		return 1
	}
	f.place, f.blanks, f.framing = inRequestLine, 0, framing{}
	return 0
}

// content takes up to n bytes of content, which can be anything.
func (f *follower) content(n int) int {
	n = int(min(int64(n), f.left))
	f.left -= int64(n)
	switch {
	case f.left > 0:
	case f.place == inChunkData:
		f.place = inChunkEnd
	default:
		f.place = beforeRequest
	}
	return n
}

// takeLine takes one line with its end, or the beginning of one, and returns its length, or 0 for a line that is refused.
func (f *follower) takeLine(p []byte) int {
	end := bytes.IndexByte(p, '\n') + 1
	if end == 0 {
		f.line = append(f.line, p...)
		return len(p)
	}
	line := p[:end]
	if f.line != nil {
		line = append(f.line, line...)
		f.line = nil
	}
	// RFC 9112 section 2.2 lets a recipient take a bare LF for the end of a line; two that differ in this disagree about
	// what the lines are.
	line, ok := bytes.CutSuffix(line, crlf)
	if !ok || !f.judge(line) {
		f.place = refused
		return 0
	}
	return end
}

// judge moves on by one line, without its end, and reports whether it may be.
func (f *follower) judge(line []byte) bool {
	switch {
	case f.place == inRequestLine:
		return f.requestLine(line)
	case f.place == inFields && len(line) > 0:
		return f.field(line)
	case f.place == inFields:
		return f.endHead()
	case f.place == inChunkSize:
		return f.chunkSize(line)
	case f.place == inTrailer && len(line) > 0:
		return trailerField(line)
	case f.place == inTrailer:
		f.place = beforeRequest
		return true
	case f.place == inPreface:
		f.place = aside
		return len(line) == 0
	default: // inChunkEnd, RFC 9112 section 7.1: chunk-data CRLF
		f.place = inChunkSize
		return len(line) == 0
	}
}

// preface is the first line of HTTP/2's (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0"

// requestLine reads `method SP request-target SP HTTP-version` (RFC 9112 section 3). Control characters are in no target
// (section 3.2), and neither is a fragment. A version that net/http serves is 1.0 or at least 1.1, and PRI is no
// method: it begins HTTP/2, and only a connection can begin so. (Behind it net/http either speaks HTTP/2 or, if no field
// comes, closes after one call of the handler.)
func (f *follower) requestLine(line []byte) bool {
	if !f.begun && string(line) == preface {
		f.place = inPreface
		return true
	}
	f.begun, f.place = true, inFields
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, ok := bytes.Cut(rest, []byte(" "))
	f.oldVersion = string(version) == "HTTP/1.0"
	f.hostless = string(method) == "CONNECT" && !f.oldVersion
	return ok && string(method) != "PRI" && len(method) > 0 && span(method, tokenByte) == len(method) &&
		len(target) > 0 && span(target, targetByte) == len(target) && span(version, targetByte) == len(version)
}

var (
	nameHost             = []byte("Host")
	nameContentLength    = []byte("Content-Length")
	nameTransferEncoding = []byte("Transfer-Encoding")
	nameTrailer          = []byte("Trailer")
	codingChunked        = []byte("chunked")
)

// field reads a field line of a head.
func (f *follower) field(line []byte) bool {
	name, value, ok := fieldLine(line)
	switch {
	case !ok:
		return false
	case bytes.EqualFold(name, nameHost):
		f.hostless = false
	case bytes.EqualFold(name, nameContentLength):
		// RFC 9112 section 6.3: a list or repetition is an error unless all values agree, and may be one then.
		n, err := strconv.ParseUint(string(value), 10, 63) // 1*DIGIT: without sign and underscores
		if err != nil || f.hasLength {
			return false
		}
		f.hasLength, f.length = true, int64(n)
	case bytes.EqualFold(name, nameTransferEncoding):
		// RFC 9112 section 6.3: 400 if the last coding is not chunked. Section 6.1 would have 501 for others before it;
		// nobody who means well sends any, because nobody understands them. EqualFold would take a Kelvin sign for a k.
		if f.chunked || span(value, tokenByte) < len(value) || !bytes.EqualFold(value, codingChunked) {
			return false
		}
		f.chunked = true
	}
	return true
}

// fieldLine reads `field-name ":" OWS field-value OWS` (RFC 9112 section 5). White space before the colon (section 5.1)
// and a folded line (section 5.2) are refused because the name is not a token then; bare CR, NUL and other control
// characters because they are not in a value (RFC 9110 section 5.5).
func fieldLine(line []byte) (name, value []byte, ok bool) {
	n := span(line, tokenByte)
	if n == 0 || n == len(line) || line[n] != ':' {
		return nil, nil, false
	}
	name, value = line[:n], bytes.Trim(line[n+1:], " \t")
	return name, value, span(value, textByte) == len(value)
}

// trailerField reads a field line of a trailer section, where nothing may be said about framing or the way of the message
// (RFC 9110 section 6.5.1).
func trailerField(line []byte) bool {
	name, _, ok := fieldLine(line)
	return ok && !bytes.EqualFold(name, nameContentLength) && !bytes.EqualFold(name, nameTransferEncoding) &&
		!bytes.EqualFold(name, nameHost) && !bytes.EqualFold(name, nameTrailer)
}

// endHead judges a head as a whole and finds out what comes behind it: no Transfer-Encoding in HTTP/1.0 (RFC 9112 section
// 6.1) or with a Content-Length (section 6.3), and a Host (section 3.2), for which net/http asks unless it is a CONNECT.
func (f *follower) endHead() bool {
	f.left, f.excess = f.length, 0
	switch {
	case f.chunked:
		f.place = inChunkSize
	case f.left > 0:
		f.place = inContent
	default:
		f.place = beforeRequest
	}
	return !f.hostless && (!f.chunked || !f.oldVersion && !f.hasLength)
}

const (
	maxChunkLine   = 2 << 10  // net/http: 4 KiB
	maxChunkDigits = 16       // as net/http
	maxExcess      = 16 << 10 // as net/http
)

// chunkSize reads `1*HEXDIG [ chunk-ext ]` (RFC 9112 section 7.1). Of the extension it is enough that it is one, and within
// the line; nobody reads it. What extensions may take in all is bounded by net/http's measure: 16 bytes for each chunk,
// twice its content, and 16 KiB.
func (f *follower) chunkSize(line []byte) bool {
	digits, extension, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(digits), 16, 60) // section 7.1: must not overflow
	if err != nil || len(digits) > maxChunkDigits || len(line) > maxChunkLine || span(extension, textByte) < len(extension) {
		return false
	}
	f.place, f.left = inChunkData, int64(n)
	if n == 0 {
		f.place = inTrailer
	}
	f.excess = max(f.excess+int64(len(line))+2-16-2*f.left, 0)
	return f.excess <= maxExcess
}
