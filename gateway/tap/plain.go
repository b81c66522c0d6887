package tap

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
)

// Plain is the body without its content encoding, up to most bytes of it, and
// whether that is the whole of a whole body. It is false for ok where the
// encoding is not known (gzip and deflate are), or where not a byte could be
// decoded. Without an encoding it is Body itself. What is decoded is memory of
// the caller's, outside of the budget.
func (t *Tap) Plain(most int64) (body []byte, whole, ok bool) {
	kept := t.Body()
	if t.encoding == "" || strings.EqualFold(t.encoding, "identity") {
		if int64(len(kept)) > most {
			return kept[:most], false, true
		}
		return kept, t.Whole(), true
	}
	if len(kept) == 0 {
		return nil, t.Whole(), t.Whole()
	}
	from, err := decoder(t.encoding, kept)
	if err != nil {
		return nil, false, false
	}
	body, err = io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case int64(len(body)) > most:
		return body[:most], false, true
	case err != nil:
		return body, false, len(body) > 0
	}
	return body, t.Whole(), true
}

// decoder reads what is encoded. Names of encodings are the same in any case (RFC
// 9110 8.4.1); deflate is the format of zlib.
func decoder(encoding string, encoded []byte) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(encoded))
	case "deflate":
		return zlib.NewReader(bytes.NewReader(encoded))
	}
	return nil, errors.ErrUnsupported
}
