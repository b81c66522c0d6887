package forward

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

var (
	connectionUpgrade = []string{"Upgrade"}
	upgradeWebSocket  = []string{"websocket"}
)

// asksForWebSocket reports whether a request asks for the one protocol that may
// be switched to (RFC 6455 4.1). An Upgrade to anything else, h2c above all, is
// ignored and not passed on, as RFC 9110 7.8 allows to any server: a tunnel would
// take what follows past the gateway. Callers like curl --http2 offer it without
// insisting.
func asksForWebSocket(r *http.Request) bool {
	upgrade := r.Header[fieldUpgrade]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") &&
		r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.ContentLength == 0 &&
		hasToken(r.Header[fieldConnection], "upgrade")
}

// switchProtocols passes on a 101 and joins the two connections until both sides
// have ended, one of them breaks, or neither has sent anything for the timeout.
func (t *attempt) switchProtocols(res *http.Response) {
	far, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !t.websocket || !strings.EqualFold(res.Header.Get(fieldUpgrade), "websocket") {
		t.refuse(fault(&protocolError{"a switch of protocols that was not asked for"}, true))
		return
	}
	t.mergeHeader(res)
	near, buffered, err := t.control().Hijack()
	if err != nil {
		t.refuse(Failure{Status: http.StatusInternalServerError, Message: "this connection cannot be upgraded", Err: err})
		return
	}
	defer near.Close()
	t.guard.Lock()
	t.result.Committed = true
	t.guard.Unlock()
	t.lookAfter()
	j := joint{attempt: t, near: near, far: far}
	stop := context.AfterFunc(t, j.close)
	defer stop()
	t.postpone()
	if err := t.writeSwitch(near); err != nil {
		j.end(nearSide, err)
	} else {
		j.run(leftover(near, buffered.Reader))
	}
	t.concludeSwitch(&j)
}

// leftover reads what the server has read ahead and then the connection itself.
// To net/http's buffered reader the end of a connection is the end of the request
// as well, though the other direction may go on.
func leftover(near net.Conn, buffered *bufio.Reader) io.Reader {
	n := buffered.Buffered()
	if n == 0 {
		return near
	}
	ahead, _ := buffered.Peek(n) // what is buffered can be peeked
	return io.MultiReader(bytes.NewReader(ahead), near)
}

// writeSwitch writes the head of the 101 to a hijacked connection.
func (t *attempt) writeSwitch(near io.Writer) error {
	h := t.w.Header()
	h[fieldConnection], h[fieldUpgrade] = connectionUpgrade, upgradeWebSocket
	delete(h, "Content-Length") // RFC 9110 8.6
	w := bufio.NewWriter(near)
	_, _ = w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(w)
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}

func (t *attempt) concludeSwitch(j *joint) {
	t.result.RequestBytes, t.result.ResponseBytes = j.sent, j.received
	t.result.Outcome = record.OK
	t.result.Took = time.Since(t.started)
	switch {
	case j.err == nil:
	case t.timedOut(), stopped(t.in.Context()), t.in.Context().Err() != nil:
		t.cutShort(t.explain(j.err))
	case j.culprit == nearSide:
		t.cutShort(t.callerGone(j.err))
	default:
		t.cutShort(fault(j.err, false))
	}
}

// side is one end of a joint.
type side int

const (
	nearSide side = iota // the caller's
	farSide              // the deployment's
)

// joint is two connections, each of which gets what the other one sends.
type joint struct {
	attempt        *attempt
	near           net.Conn
	far            io.ReadWriteCloser
	sent, received int64 // to the deployment, from it

	once    sync.Once
	culprit side
	err     error // what ended it first; nil if both sides came to their end
}

// run returns when nothing goes either way any more.
func (j *joint) run(near io.Reader) {
	var forth sync.WaitGroup
	forth.Go(func() { j.sent = j.pump(j.far, near, farSide, nearSide) })
	j.received = j.pump(j.near, j.far, nearSide, farSide)
	forth.Wait()
}

// pump passes on what src sends until its end, which it passes on as well: the
// other direction may have more to say.
func (j *joint) pump(dst io.Writer, src io.Reader, to, from side) (n int64) {
	buf := j.attempt.f.buffers.Get().(*[]byte)
	defer j.attempt.f.buffers.Put(buf)
	for {
		read, err := src.Read(*buf)
		if read > 0 {
			j.attempt.postpone()
			written, werr := dst.Write((*buf)[:read])
			n += int64(written)
			if werr != nil {
				j.end(to, werr)
				return n
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			j.closeWrite(dst, to)
			return n
		case err != nil:
			j.end(from, err)
			return n
		}
	}
}

// closeWrite tells the other side that nothing more will come; where it cannot be
// told otherwise, by closing both connections.
func (j *joint) closeWrite(dst io.Writer, to side) {
	half, ok := dst.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		j.end(to, nil)
	}
}

// end notes why the joint ended, if it is the first reason, and closes both sides.
func (j *joint) end(culprit side, err error) {
	j.once.Do(func() { j.culprit, j.err = culprit, err })
	j.close()
}

func (j *joint) close() {
	_ = j.near.Close()
	_ = j.far.Close()
}
