package records

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter says which records are meant. What is zero does not matter.
type Filter struct {
	Endpoint  string
	Backend   string
	Role      string
	Outcome   string
	RequestID string
	Status    Statuses
	Since     time.Time // by the time at which records were written
}

// Match reports whether a record is meant.
func (f Filter) Match(r *Record) bool {
	return is(f.Endpoint, r.Endpoint) && is(f.Backend, r.Backend) && is(f.Role, r.Role) && is(f.Outcome, r.Outcome) &&
		is(f.RequestID, r.RequestID) && f.Status.has(r.Status) && !r.Time.Before(f.Since)
}

func is(want, value string) bool { return want == "" || want == value }

// Statuses is a range of statuses; zero: all, also of attempts that have none.
type Statuses struct{ from, to int }

func (s Statuses) has(status int) bool { return s == Statuses{} || status >= s.from && status <= s.to }

// String is the range as ParseStatuses reads it.
func (s Statuses) String() string {
	switch {
	case s == Statuses{}:
		return ""
	case s.from == s.to:
		return strconv.Itoa(s.from)
	default:
		return strconv.Itoa(s.from/100) + "xx"
	}
}

// ParseStatuses reads a status such as 503, or a class of them such as 5xx.
func ParseStatuses(s string) (Statuses, error) {
	if class, ok := strings.CutSuffix(strings.ToLower(s), "xx"); ok && len(class) == 1 && class[0] >= '1' && class[0] <= '5' {
		from := int(class[0]-'0') * 100
		return Statuses{from, from + 99}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 || n < 100 || n > 599 {
		return Statuses{}, fmt.Errorf("%q is no status; write one such as 503, or a class such as 5xx", s)
	}
	return Statuses{n, n}, nil
}

// ParseSince reads a point in time: RFC 3339, a day such as 2026-11-28 (in UTC), or how
// long it was before now, such as 90m, 24h or 7d.
func ParseSince(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no point in time; write how long it is ago, such as 90m, 24h or 7d, or a time such as 2026-11-28T07:00:00Z", s)
}

// FilterKeys are the names that ParseFilter knows.
func FilterKeys() []string {
	return []string{"endpoint", "backend", "role", "outcome", "status", "request", "since"}
}

// ParseFilter reads a filter from a query: each of [FilterKeys] at most once. Other
// parameters are not looked at. Times are taken from now.
func ParseFilter(query url.Values, now time.Time) (Filter, error) {
	f := Filter{
		Endpoint: query.Get("endpoint"), Backend: query.Get("backend"), RequestID: query.Get("request"),
		Role: query.Get("role"), Outcome: query.Get("outcome"),
	}
	if err := oneOf("role", f.Role, Live, Mirror); err != nil {
		return f, err
	}
	if err := oneOf("outcome", f.Outcome, OK, Error, Canceled, Dropped); err != nil {
		return f, err
	}
	var err error
	if s := query.Get("status"); s != "" {
		if f.Status, err = ParseStatuses(s); err != nil {
			return f, fmt.Errorf("status: %w", err)
		}
	}
	if s := query.Get("since"); s != "" {
		if f.Since, err = ParseSince(s, now); err != nil {
			return f, fmt.Errorf("since: %w", err)
		}
	}
	return f, nil
}

func oneOf(name, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is not known; there are %s", name, value, strings.Join(allowed, ", "))
}

// Query is the filter as ParseFilter reads it.
func (f Filter) Query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("endpoint", f.Endpoint)
	set("backend", f.Backend)
	set("role", f.Role)
	set("outcome", f.Outcome)
	set("request", f.RequestID)
	set("status", f.Status.String())
	if !f.Since.IsZero() {
		set("since", f.Since.Format(time.RFC3339Nano))
	}
	return q
}
