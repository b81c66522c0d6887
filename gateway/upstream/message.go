package upstream

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/rows"
)

// MaxMessage is the most bytes that a Message's body may have: what leaves with the head in one write.
const MaxMessage = smallBody

// Message is a small request whose body is in memory and whose answer nobody waits for, and what is kept of that answer. A Message may be
// sent again and again, by one goroutine at a time; that costs no allocation as long as there is no Keep.
type Message struct {
	// Request has the Method, the URL, the Host and the context. Its other fields are not looked at.
	Request *http.Request
	// Fields are the header's lines, each with its CRLF. Fields that frame a message or concern the connection are refused with
	// [ErrUnusual]; so is a Host.
	Fields []byte
	// Body is in pieces, which are not read any more when Post returns: MaxMessage bytes together at most.
	Body [][]byte
	// MaxAnswer is how many bytes of the answer's body are read.
	MaxAnswer int64
	// Keep gets the answer as it is read; nil: nobody does.
	Keep Keeper
	// Rows counts those of the answer as it is read; nil: nobody does.
	Rows *rows.Counter

	Status   int       // of the answer; 0 when there is none
	Heard    time.Time // when its head had come
	Received int64     // bytes of its body; more than MaxAnswer when there are more than that
	exchange exchange
}

// Keeper gets an answer piece by piece, of which it may keep copies only.
type Keeper interface {
	Begin(header http.Header) // comes first; the strings, and nothing else of the header, stay valid
	Write(p []byte) (int, error)
}

// ErrUnusual is why a Message was not sent: it needs RoundTrip.
const ErrUnusual = requestError("only RoundTrip can send it")

// Post sends a message and reads its answer to the end, or up to MaxAnswer bytes. What RoundTrip and the answer's Body promise holds, but
// that the request is never sent again once a byte of it may have arrived. Every error but [ErrUnusual] is an [*Error].
func (p *Pool) Post(m *Message) error {
	x := &m.exchange
	m.Status, m.Heard, m.Received = 0, time.Time{}, 0
	*x = exchange{pool: p, request: m.Request, scratch: p.getScratch(), once: true, terse: m.Keep == nil}
	if m.Keep != nil {
		x.response.Header = x.scratch.header
	}
	defer x.forget()
	if err := m.render(&x.scratch.out); err != nil {
		x.finish(false)
		return err
	}
	ctx := m.Request.Context()
	if err := x.open(ctx); err != nil {
		e := classify(ctx, p.addr, x.sent, err)
		x.finish(false)
		return e
	}
	m.Status, m.Heard = x.response.StatusCode, time.Now()
	if m.Keep != nil {
		m.Keep.Begin(x.response.Header)
	}
	err := x.discard(m)
	whole := err == io.EOF //nolint:errorlint // the bare io.EOF of readBody is the clean end
	if err != nil && !whole {
		err = classify(ctx, p.addr, true, x.cause(err))
		x.finish(false)
		return err
	}
	x.finish(whole && !x.response.Close)
	return nil
}

// forget lets go of what the exchange used.
func (x *exchange) forget() { *x = exchange{} }

// render writes the whole message.
func (m *Message) render(out *[]byte) error {
	length := 0
	for _, piece := range m.Body {
		length += len(piece)
	}
	if length > MaxMessage || !plainFields(m.Fields) || m.Request.URL.Scheme != "http" || m.Request.Method == http.MethodConnect {
		return ErrUnusual
	}
	b, err := appendRequestLine((*out)[:0], m.Request)
	if err != nil {
		return &Error{Kind: KindRequest, Err: err}
	}
	b = append(b, m.Fields...)
	if length > 0 || lengthExpected(m.Request.Method) {
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, int64(length), 10), crlf...)
	}
	b = append(b, crlf...)
	for _, piece := range m.Body {
		b = append(b, piece...)
	}
	*out = b
	return nil
}

// plainFields reports whether b is lines of fields that are simply written.
func plainFields(b []byte) bool {
	for len(b) > 0 {
		name, line := 0, 0
		for name < len(b) && tokenChars[b[name]] {
			name++
		}
		if name == 0 || name == len(b) || b[name] != ':' || !isPlain(b[:name]) {
			return false
		}
		for line = name + 1; line < len(b) && b[line] != '\n'; {
			line++
		}
		if line == len(b) || b[line-1] != '\r' || !isText(b[name+1:line-1]) {
			return false
		}
		b = b[line+1:]
	}
	return true
}

// isPlain reports whether a field has no meaning for the message's framing or the connection.
func isPlain(name []byte) bool {
	switch len(name) {
	case len("Host"), len("Expect"), len("Upgrade"), len("Connection"), len("Content-Length"), len("Transfer-Encoding"):
		return !slices.ContainsFunc(unusualFields, func(f string) bool { return len(f) == len(name) && strings.EqualFold(f, string(name)) })
	}
	return true
}

// unusualFields are those that have one, and are sorted out by outgoing.judge in what RoundTrip sends.
var unusualFields = []string{"Host", "Expect", "Upgrade", "Trailer", "Connection", "Content-Length", "Transfer-Encoding"}

// discard reads the answer's body, as much of it as is wanted, for its Keeper or for nobody; io.EOF is its clean end, and nil an end before that.
func (x *exchange) discard(m *Message) error {
	buf := x.scratch.out[:cap(x.scratch.out)] // the request has left
	if x.framing != noBody && x.left > uint64(len(buf)) || x.framing == byClose {
		large := pieces.Get().(*[pieceBuffer]byte)
		defer pieces.Put(large)
		buf = large[:]
	}
	for m.Received <= m.MaxAnswer {
		n, err := x.readBody(buf[:min(int64(len(buf)), m.MaxAnswer+1-m.Received)])
		m.Received += int64(n)
		if n > 0 && m.Keep != nil {
			_, _ = m.Keep.Write(buf[:n]) // what becomes of it is not ours
		}
		if m.Rows != nil {
			_, _ = m.Rows.Write(buf[:n])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
