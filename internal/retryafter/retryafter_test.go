package retryafter_test

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/retryafter"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestSecondsAndDates(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7\t": 7 * time.Second, "2147483647": 2147483647 * time.Second,
		"Sat, 28 Nov 2026 12:01:30 GMT": 90 * time.Second, "Saturday, 28-Nov-26 12:01:30 GMT": 90 * time.Second, "Sat Nov 28 12:01:30 2026": 90 * time.Second,
		"Sat, 28 Nov 2026 11:59:59 GMT": 0,
		"-7":                            0, "+7": 0, "7.5": 0, "7s": 0, "2147483648": 0, "99999999999999999999": 0, "soon": 0,
	} {
		if got := retryafter.Parse(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// FuzzParse holds every value to a form of RFC 9110 that means the same.
func FuzzParse(f *testing.F) {
	for _, value := range []string{"", "7", "-7", "1e3", "Sat, 28 Nov 2026 12:01:30 GMT", "Sat, 28 Nov 2026 12:01:30 CET"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := retryafter.Parse(value, now)
		switch {
		case got < 0:
			t.Fatalf("%q: %s", value, got)
		case got > math.MaxInt32*time.Second:
			return // a date; seconds do not go as far
		}
		for _, same := range []string{strconv.FormatInt(int64(got/time.Second), 10), now.Add(got).Format(http.TimeFormat)} {
			if again := retryafter.Parse(same, now); again != got {
				t.Errorf("%q: %s, but %q is %s", value, got, same, again)
			}
		}
	})
}
