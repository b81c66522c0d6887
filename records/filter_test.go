package records_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/records"
)

func TestAFilterIsWhatItsQuerySays(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, query := range []string{
		"", "endpoint=e&backend=b&role=mirror&outcome=dropped&request=r", "status=503", "status=5xx", "since=2026-11-28T07%3A00%3A00Z",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f, err := records.ParseFilter(q, now)
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(q, f.Query()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestSinceIsATimeOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"90m": "2026-11-28T10:30:00Z", "24h": "2026-11-27T12:00:00Z", "7d": "2026-11-21T12:00:00Z", "0s": "2026-11-28T12:00:00Z",
		"2026-11-28": "2026-11-28T00:00:00Z", "2026-11-28T01:00:00+02:00": "2026-11-27T23:00:00Z", "1.5h": "2026-11-28T10:30:00Z",
	} {
		got, err := records.ParseSince(s, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v, want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1h", "d", "99999999d", "-1d", "yesterday", "2026-13-01", "24"} {
		if got, err := records.ParseSince(s, now); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

func TestStatusesHaveNoOthers(t *testing.T) {
	for _, s := range []string{"", "xx", "0xx", "6xx", "20x", "2xxx", "99", "600", "+200", "2 00"} {
		if got, err := records.ParseStatuses(s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}
