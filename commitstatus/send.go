package commitstatus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/retryafter"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 16 << 10

// sendError is why a status was not told.
type sendError struct {
	text  string
	again bool          // it may be told later
	after time.Duration // not before; 0: the forge does not say
}

// Error implements error. It holds no token.
func (e *sendError) Error() string { return e.text }

// send tells a status. A token that is refused is read again and tried once
// more: it may just have been exchanged.
func (r *Reporter) send(ctx context.Context, s Status) *sendError {
	token, err := r.token()
	if err != nil {
		return &sendError{text: err.Error(), again: true}
	}
	status, failed := r.post(ctx, s, token)
	if status != http.StatusUnauthorized {
		return failed
	}
	fresh, err := r.token()
	if err != nil || fresh == token {
		return failed
	}
	_, failed = r.post(ctx, s, fresh)
	return failed
}

func (r *Reporter) token() (string, error) {
	text, err := r.options.Token()
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	if text = strings.TrimSpace(text); text == "" || strings.ContainsAny(text, "\r\n") {
		return "", errors.New("read the token: it is not one line")
	}
	return text, nil
}

// post makes one call.
func (r *Reporter) post(ctx context.Context, s Status, token string) (status int, failed *sendError) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	call := r.options.Forge.call(r.options, s, token)
	body, err := json.Marshal(call.body)
	if err != nil {
		panic("commitstatus: texts are always JSON: " + err.Error())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.options.API+call.path, bytes.NewReader(body))
	if err != nil {
		return 0, &sendError{text: "the API's URL and the project make no URL"}
	}
	request.Header = call.header
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "switchyard")
	response, err := r.client.Do(request)
	if err != nil {
		return 0, &sendError{text: "the forge cannot be reached: " + hide(cause(err), token), again: true}
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // what there is of it explains the status
	return response.StatusCode, r.judge(response, hide(message(text), token))
}

// judge is what an answer means.
func (r *Reporter) judge(response *http.Response, message string) *sendError {
	status := response.StatusCode
	if status == http.StatusCreated || status == http.StatusOK || r.options.Forge.stands(status, message) {
		return nil
	}
	e := &sendError{text: fmt.Sprintf("the forge answered %d", status), after: silence(response.Header, time.Now())}
	if message != "" {
		e.text += ": " + message
	}
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		e.again = true
	case status == http.StatusForbidden && e.after > 0: // GitHub limits rates so
		e.again = true
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.text += "; the token must be allowed to write commit statuses"
	case status == http.StatusNotFound:
		e.text += "; check the project, the API's URL, and that the token may see the project"
	case status >= 300 && status < 400:
		e.text += ", a redirect that is not followed; correct the API's URL"
	}
	return e
}

// silence is for how long the forge wants no calls: Retry-After, or the time at which GitHub's limit is lifted.
func silence(h http.Header, now time.Time) time.Duration {
	if after := retryafter.Parse(h.Get("Retry-After"), now); after > 0 {
		return after
	}
	if h.Get("X-Ratelimit-Remaining") != "0" {
		return 0
	}
	if at, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
		return max(time.Second, time.Unix(at, 0).Sub(now))
	}
	return 0
}

// cause leaves the URL out of an error of http.Client.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}

// hide leaves the token out of a text that a server may have echoed, and
// shortens it.
func hide(text, token string) string {
	text = strings.ReplaceAll(text, token, "REDACTED")
	return describe(text)
}
