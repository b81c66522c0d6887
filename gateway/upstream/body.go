package upstream

import (
	"bytes"
	"io"
	"net/http"
)

const maxChunkLine = 512 // chunk size with extensions

// Read reads the answer's body; exchange is its [io.ReadCloser].
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.closed.Load():
		return 0, http.ErrBodyReadAfterClose
	case x.end != nil:
		return 0, x.end
	case len(p) == 0:
		return 0, nil
	}
	n, err := x.readBody(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the bare io.EOF of readBody is the clean end
		err = x.failure(err)
	}
	x.end = err
	return n, err
}

// readBody reads body bytes; io.EOF is the clean end and nothing else.
func (x *exchange) readBody(p []byte) (int, error) {
	switch x.framing {
	case byLength:
		return x.readLength(p)
	case byChunks:
		n, err := x.readChunks(p)
		if err == io.EOF && x.chunk != chunkEnd { //nolint:errorlint // io.EOF is never wrapped here
			err = io.ErrUnexpectedEOF // RFC 9112 8
		}
		return n, err
	case byClose:
		return x.conn.take(p)
	case noBody:
	}
	return 0, io.EOF
}

func (x *exchange) readLength(p []byte) (n int, err error) {
	if x.left > 0 {
		n, err = x.conn.take(p[:min(uint64(len(p)), x.left)])
		x.left -= uint64(n)
	}
	switch {
	case x.left == 0:
		return n, io.EOF
	case err == io.EOF: //nolint:errorlint // from a net.Conn
		return n, io.ErrUnexpectedEOF // RFC 9112 8
	}
	return n, err
}

// chunkPart is where in a chunked body the next byte lies (RFC 9112 7.1).
type chunkPart uint8

const (
	chunkSize chunkPart = iota
	chunkData
	chunkCRLF
	chunkTrailers
	chunkEnd
)

// readChunks decodes chunks into p. It blocks for the first byte only, so that what a stream has sent is passed on at once.
func (x *exchange) readChunks(p []byte) (n int, err error) {
	c := x.conn
	for {
		if n > 0 && !x.chunkPartBuffered() || n == len(p) && x.chunk == chunkData {
			return n, nil
		}
		switch x.chunk {
		case chunkSize:
			x.left, err = c.chunkSize()
			x.chunk = chunkData
			if x.left == 0 {
				x.chunk = chunkTrailers
			}
		case chunkData:
			var m int
			m, err = c.take(p[n:][:min(uint64(len(p)-n), x.left)])
			n += m
			if x.left -= uint64(m); x.left == 0 {
				x.chunk = chunkCRLF
			}
		case chunkCRLF:
			err = c.crlf()
			x.chunk = chunkSize
		case chunkTrailers:
			x.response.Trailer, err = c.readTrailers(x.pool.opt.MaxResponseHeaderBytes, x.response.Trailer)
			if err == nil {
				x.chunk = chunkEnd
			}
		case chunkEnd:
			return n, io.EOF
		}
		if err != nil {
			return n, err
		}
	}
}

// chunkPartBuffered reports whether the next part can be read without waiting.
func (x *exchange) chunkPartBuffered() bool {
	b := x.conn.in[x.conn.r:x.conn.w]
	switch x.chunk {
	case chunkSize:
		return bytes.IndexByte(b, '\n') >= 0
	case chunkData:
		return len(b) > 0
	case chunkCRLF:
		return len(b) >= 2
	case chunkTrailers:
		return bytes.HasPrefix(b, crlf) || bytes.Contains(b, crlfcrlf)
	case chunkEnd:
	}
	return true
}

var crlf, crlfcrlf = []byte("\r\n"), []byte("\r\n\r\n")

// chunkSize reads the line before a chunk: up to 16 hexadecimal digits, and extensions, which are ignored (RFC 9112 7.1, 7.1.1).
func (c *conn) chunkSize() (uint64, error) {
	end := bytes.IndexByte(c.in[c.r:c.w], '\n')
	for end < 0 {
		if c.buffered() > maxChunkLine {
			return 0, malformedError("chunk line too long")
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
		end = bytes.IndexByte(c.in[c.r:c.w], '\n')
	}
	line := c.in[c.r : c.r+end]
	c.r += end + 1
	if end == 0 || end > maxChunkLine || line[end-1] != '\r' {
		return 0, malformedError("malformed chunk line")
	}
	line = line[:end-1]
	var size uint64
	digits := 0
	for digits < len(line) && unhex(line[digits]) < 16 {
		size = size<<4 | uint64(unhex(line[digits]))
		digits++
	}
	if digits == 0 || digits > 16 || !isExtension(line[digits:]) {
		return 0, malformedError("malformed chunk size")
	}
	return size, nil
}

// isExtension accepts nothing, or text that begins with a semicolon. Whitespace before it, which RFC 9112 7.1.1 calls bad and lets
// recipients parse, is refused, as net/http does.
func isExtension(b []byte) bool { return len(b) == 0 || b[0] == ';' && isText(b) }

func unhex(b byte) byte {
	switch {
	case isDigit(b):
		return b - '0'
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10
	}
	return 0xff
}

// crlf reads the line end after a chunk.
func (c *conn) crlf() error {
	for c.buffered() < 2 {
		if c.buffered() == 1 && c.in[c.r] != '\r' {
			break
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
	if !bytes.HasPrefix(c.in[c.r:c.w], crlf) {
		return malformedError("chunk longer than its size")
	}
	c.r += 2
	return nil
}

// Close ends the exchange. The connection is kept if the body was read to its end, or the rest of it is here already, and the request
// was sent whole; otherwise it is closed, which also ends a Read in another goroutine. Close may be called again.
func (x *exchange) Close() error {
	if x.closed.Swap(true) {
		return nil
	}
	if !x.mu.TryLock() {
		x.conn.close()
		x.mu.Lock()
	}
	defer x.mu.Unlock()
	x.drain()
	x.finish(x.end == io.EOF && !x.response.Close) //nolint:errorlint // the bare io.EOF of readBody is the clean end
	return nil
}

// drain reads what is left of the body, as far as it is in the buffer.
func (x *exchange) drain() {
	discard := x.scratch.out[:cap(x.scratch.out)] // the request's head has left
	x.conn.dry = true
	for x.end == nil {
		_, x.end = x.readBody(discard)
	}
	x.conn.dry = false
}

// failure is the error that the caller sees of err.
func (x *exchange) failure(err error) error {
	return classify(x.request.Context(), x.pool.addr, true, x.cause(err))
}
