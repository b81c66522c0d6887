package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Parse is the time that a field Retry-After asks for: a number of seconds, or that
// until a date (RFC 9110, section 10.2.3). It is 0 for neither and for a date that is
// over, and never negative.
func Parse(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
