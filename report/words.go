package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/report/stat"
)

// percent is a share as people read it, with as many digits as tell it from 0 and 1.
func percent(x float64) string {
	p := 100 * x
	digits := 2
	for _, edge := range []float64{0, 100} {
		if d := math.Abs(p - edge); d > 0 && d < .01 {
			digits = 4
		}
	}
	return trimmed(p, digits) + " %"
}

// millis is a duration in milliseconds as people read it.
func millis(ms float64) string {
	switch a := math.Abs(ms); {
	case a >= 10_000:
		return trimmed(ms/1000, 1) + " s"
	case a >= 100:
		return trimmed(ms, 0) + " ms"
	case a >= 10:
		return trimmed(ms, 1) + " ms"
	default:
		return trimmed(ms, 3) + " ms"
	}
}

// figure is a number of any size with four significant digits.
func figure(x float64) string {
	s := strconv.FormatFloat(x, 'g', 4, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

func trimmed(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// count is a number of things, its thousands set apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func interval(in stat.Interval, format func(float64) string) string {
	return format(in.Low) + " to " + format(in.High)
}

// When is a time as a report says it; a dash for none.
func When(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// orDash is what a cell shows that would be empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// within is how far two numbers may be apart. One of both may be nothing.
func within(t Tolerance) string {
	switch {
	case t.Rel == 0:
		return figure(t.Abs)
	case t.Abs == 0:
		return percent(t.Rel)
	}
	return figure(t.Abs) + " or " + percent(t.Rel)
}
