package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// editedBody is a body as the version has it changed.
type editedBody struct {
	net.Buffers
	length int64
}

// again reads it from its beginning.
func (b *editedBody) again() io.Reader {
	pieces := slices.Clone(b.Buffers) // reading takes them away
	return &pieces
}

// edit has the body changed as the backend's version says, which takes all of it:
// what is no JSON object is recognised by its first byte and streams on. nil is
// a body that passes as it is. An object that is not read to its end, or is none in
// the end, is refused: it must not pass with what the version has removed.
func (q *request) edit() (*editedBody, *forward.Failure) {
	e := q.backend.edit
	if e == nil || q.r.ContentLength == 0 || forward.IsGRPC(q.r) || q.r.Header["Upgrade"] != nil {
		return nil, nil
	}
	if refused := q.readObject(); refused != nil || q.read == nil {
		return nil, refused
	}
	pieces, outcome := e.Apply(nil, [][]byte{q.read})
	switch outcome {
	case edit.Broken:
		return nil, &forward.Failure{Status: http.StatusBadRequest, Kind: record.BadRequest, Message: "the request body begins as a JSON object and is none"}
	case edit.Untouched:
		return nil, nil
	case edit.Edited:
	}
	b := &editedBody{Buffers: pieces}
	for _, p := range pieces {
		b.length += int64(len(p))
	}
	return b, nil
}

// readObject reads the whole body into q.read if it begins as a JSON object, unless
// that was done. Otherwise what was read of it is in q.body, to be read again.
func (q *request) readObject() *forward.Failure {
	if q.read != nil {
		return nil
	}
	defer func() { q.tried = time.Now() }()
	ahead := bufio.NewReaderSize(q.live(), 512)
	q.body = ahead
	object, err := beginsObject(ahead)
	switch {
	case err != nil:
		f := forward.BodyError(q.r.Context(), err)
		return &f
	case !object:
		return nil
	}
	whole := q.e.gateway.whole
	read, taken, err := whole.read(ahead, q.r.ContentLength)
	if err != nil {
		f := whole.unread(q.r, err, "up to which the gateway changes it for this deployment")
		return &f
	}
	q.read, q.body, q.room = read, bytes.NewReader(read), taken
	return nil
}

// beginsObject reports whether a body begins as a JSON object, without taking
// anything of it. An endless blank is taken for one.
func beginsObject(body *bufio.Reader) (bool, error) {
	for n := 1; n <= body.Size(); n++ {
		p, err := body.Peek(n)
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		switch p[n-1] {
		case ' ', '\t', '\n', '\r':
		default:
			return p[n-1] == '{', nil
		}
	}
	return true, nil
}
