package gitsync

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestRetryAfterReachesWhoeverWaits(t *testing.T) {
	for _, c := range []struct {
		status   int
		header   string
		from, to time.Duration // 0 for none
	}{
		{http.StatusTooManyRequests, "120", 2 * time.Minute, 2 * time.Minute},
		{http.StatusServiceUnavailable, " 7 ", 7 * time.Second, 7 * time.Second},
		{http.StatusTooManyRequests, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 50 * time.Minute, time.Hour},
		{http.StatusTooManyRequests, time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), 0, 0},
		{http.StatusTooManyRequests, "", 0, 0},
		{http.StatusTooManyRequests, "0", 0, 0},
		{http.StatusTooManyRequests, "-5", 0, 0},
		{http.StatusTooManyRequests, "soon", 0, 0},
		{http.StatusTooManyRequests, "99999999999999999999", 0, 0},
		{http.StatusInternalServerError, "5", 0, 0},
		{http.StatusUnauthorized, "5", 0, 0},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(c.status)
			}))
			defer s.Close()
			_, err := Read(t.Context(), Options{URL: s.URL + "/models.git", Logger: zerolog.Nop()}, "")
			if err == nil {
				t.Fatal("the repository could be read")
			}
			got, ok := retryAfter(fmt.Errorf("sync: %w", err))
			if got < c.from || got > c.to || ok != (c.to > 0) {
				t.Errorf("%v, %t of %v; want %s to %s", got, ok, err, c.from, c.to)
			}
		})
	}
	if _, ok := retryAfter(errors.New("x")); ok {
		t.Error("any error asks for a pause")
	}
}
