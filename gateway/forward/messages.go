package forward

import (
	"encoding/binary"
	"net/http"
	"strconv"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// messages follows the body of an answer of gRPC: each message is a byte of flags, its
// length in four bytes, and that many bytes. The zero value is before the first.
type messages struct {
	head [5]byte
	have int    // bytes of the head
	left uint32 // bytes of the message after that
}

// pass takes the bytes that come next.
func (m *messages) pass(p []byte) {
	for len(p) > 0 {
		if m.left > 0 {
			n := min(uint64(m.left), uint64(len(p)))
			m.left -= uint32(n) //nolint:gosec // it is not above left
			p = p[n:]
			continue
		}
		n := copy(m.head[m.have:], p)
		m.have += n
		p = p[n:]
		if m.have == len(m.head) {
			m.have, m.left = 0, binary.BigEndian.Uint32(m.head[1:])
		}
	}
}

// between reports whether the last message is whole.
func (m *messages) between() bool { return m.have == 0 && m.left == 0 }

// answeredCall is an answer of gRPC on its way. Its error can be told in order, after
// the messages that the caller has.
type answeredCall struct {
	messages
	writing bool // guarded by attempt.guard: somebody writes to the caller
	torn    bool // a part has not been written whole
}

// write is attempt.write for an answer of gRPC. A writer that is stuck is freed by the
// alarm, at the price of the stream; when nobody writes, the alarm leaves the stream alone.
func (c *answeredCall) write(t *attempt, p []byte, flush bool) (n int, err error) {
	if !c.enter(t) {
		return 0, errTimeout
	}
	defer c.exit(t)
	n, err = t.w.Write(p)
	if err == nil && flush {
		err = t.control().Flush()
	}
	c.pass(p[:n])
	c.torn = c.torn || err != nil
	return n, err
}

func (c *answeredCall) enter(t *attempt) bool {
	t.guard.Lock()
	defer t.guard.Unlock()
	c.writing = !t.expired
	return c.writing
}

func (c *answeredCall) exit(t *attempt) {
	t.guard.Lock()
	c.writing = false
	t.guard.Unlock()
}

// callEnded tells of the end of an answer, should it be one of gRPC: that counts by its end.
func (t *attempt) callEnded(res *http.Response) {
	switch t.result.Kind {
	case record.None, record.Status:
		t.admission.CallEnded(t.replica, t.out, res, true, nil)
	case record.Reset, record.Protocol:
		t.admission.CallEnded(t.replica, t.out, res, false, t.result.Err)
	default: // the caller's doing, or the gateway's
		t.admission.CallEnded(t.replica, t.out, res, false, nil)
	}
}

// end ends the call with the status of a failure, and reports whether that could be
// done: not amid a message. There are trailers in HTTP/2 always.
func (c *answeredCall) end(h http.Header, f Failure) bool {
	if c == nil || c.torn || !c.between() || f.Status == StatusCallerLeft {
		return false
	}
	h[http.TrailerPrefix+"Grpc-Status"] = []string{strconv.Itoa(grpcStatus(f.Status))}
	h[http.TrailerPrefix+"Grpc-Message"] = []string{percentEncoded(f.Message)}
	return true
}
