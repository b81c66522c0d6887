package schema

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of values that a setting takes.
type Kind string

// The kinds of settings and how their values are written.
const (
	KindString   Kind = "string"
	KindBool     Kind = "bool"     // true or false
	KindInt      Kind = "int"      // decimal digits
	KindFloat    Kind = "float"    // decimal digits
	KindDuration Kind = "duration" // as in Go: 30s, 1m30s
	KindSize     Kind = "size"     // bytes: 65536, 64KiB, 1MiB, 2GiB, 10kB, 5MB, 1GB
	KindStrings  Kind = "strings"  // a list in the file, separated by commas elsewhere
)

// Setting is one thing that a process is told when it starts. A setting has a
// key in the configuration file, a flag and an environment variable, so that
// all three read from one table; a value has one written form in all of them.
type Setting struct {
	Key     string // in switchyard.yaml: camelCase
	Flag    string // without the dashes: kebab-case
	Env     string // SWITCHYARD_...
	Kind    Kind
	Default string
	Help    string // one sentence with the units and the range
	Group   string // heading in help texts

	min, max string                   // of the kind; empty: none
	oneOf    []string                 // empty: any
	check    func(value string) error // nil: no more than the above
}

// Check says what is wrong with a value of the setting: nothing, or an error
// that names what is allowed and does not name the setting.
func (s Setting) Check(value string) error {
	if len(s.oneOf) > 0 && !slices.Contains(s.oneOf, value) {
		if near, ok := Nearest(value, s.oneOf); ok {
			return fmt.Errorf("%s is not known; did you mean %q?", quoted(value), near)
		}
		return fmt.Errorf("%s is not known; allowed are %s", quoted(value), strings.Join(s.oneOf, ", "))
	}
	amount, err := s.Kind.amount(value)
	if err != nil {
		return err
	}
	if low, _ := s.Kind.amount(s.min); s.min != "" && amount < low {
		return fmt.Errorf("%s is below %s", value, s.min)
	}
	if high, _ := s.Kind.amount(s.max); s.max != "" && amount > high {
		return fmt.Errorf("%s is above %s", value, s.max)
	}
	if s.check != nil && value != "" {
		return s.check(value)
	}
	return nil
}

// amount parses a value and gives its size, for comparing. Texts have none.
func (k Kind) amount(value string) (float64, error) {
	switch k {
	case KindBool:
		_, err := ParseBool(value)
		return 0, err
	case KindInt:
		n, err := ParseInt(value)
		return float64(n), err
	case KindFloat:
		return ParseFloat(value)
	case KindDuration:
		d, err := ParseDuration(value)
		return d.Seconds(), err
	case KindSize:
		n, err := ParseSize(value)
		return float64(n), err
	case KindString, KindStrings:
	}
	return 0, nil
}

// ParseBool parses true or false.
func ParseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither true nor false", quoted(s))
}

// ParseInt parses an integer in plain decimal digits.
func ParseInt(s string) (int, error) {
	n, err := strconv.Atoi(s)
	switch {
	case !wholeNumber.MatchString(s):
		return 0, fmt.Errorf("%s is no integer in plain decimal digits", quoted(s))
	case err != nil:
		return 0, fmt.Errorf("%s is out of range", quoted(s))
	}
	return n, nil
}

// ParseFloat parses a finite number in plain decimal digits.
func ParseFloat(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case !decimal.MatchString(s):
		return 0, fmt.Errorf("%s is no number in plain decimal digits", quoted(s))
	case err != nil:
		return 0, fmt.Errorf("%s is out of range", quoted(s))
	}
	return n, nil
}

// ParseDuration parses a duration as Go writes it, such as 90s or 1m30s. It is
// never negative.
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && decimal.MatchString(s):
		return 0, fmt.Errorf("%s has no unit; write %ss, or another unit of h, m, s and ms", quoted(s), s)
	case err != nil:
		return 0, fmt.Errorf("%s is no duration; write a number with a unit of h, m, s or ms, such as 60s or 1m30s", quoted(s))
	case d < 0:
		return 0, fmt.Errorf("%s is negative", quoted(s))
	}
	return d, nil
}

// units are the units of sizes, those with more letters first.
var units = [...]struct {
	name  string
	bytes float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// ParseSize parses a number of bytes, such as 65536, 64KiB, 1.5MiB or 10MB. It
// is a whole number of bytes, never negative, and at most 1 PiB.
func ParseSize(s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || !decimal.MatchString(number) || strings.ContainsAny(number, "eE") {
			break
		}
		switch n *= u.bytes; {
		case n < 0:
			return 0, fmt.Errorf("%s is negative", quoted(s))
		case n > 1<<50:
			return 0, fmt.Errorf("%s is above 1048576GiB", quoted(s))
		case n != math.Trunc(n):
			return 0, fmt.Errorf("%s is no whole number of bytes", quoted(s))
		}
		return int64(n), nil
	}
	return 0, fmt.Errorf("%s is no size; write bytes, or a number with a unit of KiB, MiB, GiB, kB, MB or GB", quoted(s))
}

// ParseStrings splits a list at its commas. Blanks around the items go; the
// empty text is the empty list.
func ParseStrings(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}
