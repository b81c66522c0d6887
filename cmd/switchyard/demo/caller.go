package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// callTimeout bounds every call of the demo's own traffic.
const callTimeout = 10 * time.Second

// caller calls endpoints like somebody outside.
type caller struct {
	base   string // of the public listener
	client *http.Client
}

// reply is what a caller sees of an answer.
type reply struct {
	status    int
	body      string // without white space around it
	backend   string
	requestID string
}

func newCaller(base string) caller {
	return caller{base: base, client: &http.Client{Timeout: callTimeout, Transport: &http.Transport{}}}
}

func (c caller) close() { c.client.CloseIdleConnections() }

// call posts data to an endpoint the way curl -d does; user may be empty.
func (c caller) call(ctx context.Context, endpoint, user, data string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/"+endpoint, strings.NewReader(data))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		request.Header.Set("X-User-Id", user)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return reply{}, fmt.Errorf("call %s: %w", endpoint, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the answer of %s: %w", endpoint, err)
	}
	return reply{
		status:    response.StatusCode,
		body:      string(bytes.TrimSpace(body)),
		backend:   response.Header.Get("X-Switchyard-Backend"),
		requestID: response.Header.Get("X-Request-Id"),
	}, nil
}

// awaitService waits until a revision serves, or ctx ends.
func (c caller) awaitService(ctx context.Context) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		r, err := c.call(ctx, "pricing_optimizer", "", tenfold)
		if err == nil && r.status != http.StatusServiceUnavailable {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// traffic calls the endpoints in turn, one call every pause, until ctx ends.
// How the calls went is in the log.
func (c caller) traffic(ctx context.Context, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for i := 0; ; i++ {
		user := fmt.Sprintf("user-%d", i%7)
		switch i % 3 {
		case 0:
			_, _ = c.call(ctx, "pricing_optimizer", "", `{"data": 10}`)
		case 1:
			_, _ = c.call(ctx, "checkout", user, `{"data": 10}`)
		default:
			_, _ = c.call(ctx, "quotes", "", `{"data": [["a", 1], ["b", 2]]}`)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
