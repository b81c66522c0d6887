package gateway

import (
	"bytes"
	"io"
	"net/http"

	"github.com/switchyard-gateway/switchyard/endpoints"
)

// readBody reads the body of a request as far as a body key may ask. whole is
// what was read if that is all of it, else nil; body reads as the whole body,
// nil if nothing was read ahead. An error is the caller's: its body is broken.
func readBody(r *http.Request) (whole []byte, body io.Reader, err error) {
	if r.ContentLength == 0 || r.Body == nil || r.ContentLength > endpoints.MaxBodyKey {
		return nil, nil, nil
	}
	read, err := io.ReadAll(io.LimitReader(r.Body, endpoints.MaxBodyKey+1))
	if err != nil {
		return nil, nil, err
	}
	if len(read) > endpoints.MaxBodyKey {
		return nil, io.MultiReader(bytes.NewReader(read), r.Body), nil
	}
	return read, bytes.NewReader(read), nil
}
