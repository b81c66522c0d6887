package gateway

import (
	"bytes"
	"io"

	"github.com/switchyard-gateway/switchyard/endpoints"
)

// readBody reads a body of that length, -1 for an unknown one, as far as a body key
// may ask. whole is what was read if that is all of it, else nil; body reads as the
// whole body, nil if nothing was read ahead. An error is the caller's: its body is broken.
func readBody(from io.Reader, length int64) (whole []byte, body io.Reader, err error) {
	if length == 0 || from == nil || length > endpoints.MaxBodyKey {
		return nil, nil, nil
	}
	read, err := io.ReadAll(io.LimitReader(from, endpoints.MaxBodyKey+1))
	if err != nil {
		return nil, nil, err
	}
	if len(read) > endpoints.MaxBodyKey {
		return nil, io.MultiReader(bytes.NewReader(read), from), nil
	}
	return read, bytes.NewReader(read), nil
}
