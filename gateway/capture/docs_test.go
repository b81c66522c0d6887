package capture_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// kinds are what the values of members are, by the members' names.
type kinds map[string]map[string]bool

func (k kinds) add(member, kind string) {
	if k[member] == nil {
		k[member] = map[string]bool{}
	}
	k[member][kind] = true
}

// TestDocumentedMembersAreThoseOfCapturedObjects compares the table of docs/records.md
// with the objects of messages that differ in all that makes a member.
func TestDocumentedMembersAreThoseOfCapturedObjects(t *testing.T) {
	got := kinds{}
	for _, c := range []struct {
		redact []string
		header http.Header
		body   string
	}{
		{nil, http.Header{"Content-Type": {"application/json"}, "X-Tenant": {"a"}}, `{"a": 1}`},
		{nil, http.Header{"Content-Encoding": {"br"}}, "x"},
		{nil, http.Header{}, strings.Repeat("x", 200)},
		{[]string{"/ssn"}, http.Header{}, "x"},
	} {
		rule := capture.NewRule(capture.Declared{Request: true, MaxBytes: 100, Headers: []string{"X-Tenant"}, Redact: c.redact})
		kept := message(tap.NewBudget(1<<20), rule, c.header, c.body, true)
		rec := record.Record{HasQuery: true}
		rule.Describe(&rec, kept, nil, nil)
		kept.Release()
		var members map[string]any
		if err := json.Unmarshal(rec.Request, &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			if name == record.FieldBody {
				got.add(name, "any JSON")
				continue
			}
			got.add(name, kindOf(value))
		}
	}
	if diff := cmp.Diff(got, documentedMembers(t)); diff != "" {
		t.Errorf("(-captured +docs/records.md):\n%s", diff)
	}
}

func documentedMembers(t *testing.T) kinds {
	t.Helper()
	page, err := os.ReadFile("../../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| member | type |")
	table, _, _ = strings.Cut(table, "\n\n")
	all := kinds{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		for kind := range strings.SplitSeq(m[2], " or ") {
			all.add(m[1], kind)
		}
	}
	return all
}

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "text"
	case float64:
		return "number"
	case map[string]any:
		return "object"
	case nil:
		return "null"
	default:
		return fmt.Sprint(v) // true or false
	}
}
