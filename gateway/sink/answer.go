package sink

import (
	"fmt"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/retryafter"
)

// Judge says what an HTTP status of a receiver, called who, means for a batch: 2xx
// takes it, 400, 413 and 422 never will, and everything else says that it is to be
// sent again, after Retry-After if that is not empty.
func Judge(who string, status int, retryAfter string) error {
	err := fmt.Errorf("%s answered %d", who, status)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &RefusedError{Err: err}
	}
	if after := retryafter.Parse(retryAfter, time.Now()); after > 0 {
		return &BusyError{Err: err, After: after}
	}
	return err
}
