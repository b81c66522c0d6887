package records_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/records"
)

func TestCapturedMessagesAreReadAgain(t *testing.T) {
	for object, want := range map[string]records.Captured{
		`{"contentType":"application/json","bytes":12,"truncated":false,"body":{"data":10}}`: {
			ContentType: "application/json", Bytes: 12, Body: []byte(`{"data":10}`), Whole: true,
		},
		`{"contentType":null,"bytes":0,"truncated":false}`:                                      {Whole: true},
		`{"contentType":null,"bytes":3,"truncated":false}`:                                      {Bytes: 3},
		`{"bytes":99,"truncated":true,"bodyBase64":"e30="}`:                                     {Bytes: 99, Body: []byte("{}")},
		`{"bytes":2,"truncated":false,"bodyBase64":"e30="}`:                                     {Bytes: 2, Body: []byte("{}"), Whole: true},
		`{"bytes":2,"truncated":false,"bodyBase64":"?"}`:                                        {Bytes: 2, Body: []byte{}},
		`{"bytes":99,"truncated":true,"omitted":"redaction"}`:                                   {Bytes: 99},
		`{"hasQuery":true,"bytes":9,"truncated":false,"body":{"ssn":"[redacted]"}}`:             {HasQuery: true, Bytes: 9, Body: []byte(`{"ssn":"[redacted]"}`), Whole: true, Redacted: true},
		`{"bytes":1,"truncated":false,"body":1,"contentEncoding":"br","headers":{"X-Y":"a,b"}}`: {Bytes: 1, Body: []byte("1"), Whole: true, Encoding: "br", Fields: []records.Field{{Name: "X-Y", Value: "a,b"}}},
	} {
		got, ok := records.ParseCaptured(object)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v, %s", object, ok, diff)
		}
	}
	for _, object := range []string{"", "null", "[]", "{", `"x"`} {
		if got, ok := records.ParseCaptured(object); ok {
			t.Errorf("%q is %+v", object, got)
		}
	}
}

func TestRedactedPlacesAreFound(t *testing.T) {
	document := `{"a":["x","[redacted]",{"b/c":"[redacted]","~":{"d":"[redacted]"}}],"e":"not [redacted]"}`
	got, all := records.Places([]byte(document), 10)
	if diff := cmp.Diff([]string{"/a/1", "/a/2/b~1c", "/a/2/~0/d"}, got); !all || diff != "" {
		t.Errorf("%v, %s", all, diff)
	}
	if got, all := records.Places([]byte(document), 2); all || len(got) != 2 {
		t.Errorf("%v, %v", all, got)
	}
	deep := strings.Repeat("[", 300) + `"[redacted]"` + strings.Repeat("]", 300)
	if got, all := records.Places([]byte(deep), 10); all {
		t.Errorf("%v", got)
	}
}

// FuzzParseCaptured: what capture writes of a body is read again as that body, without
// white space if it is JSON; and redacted places lead to what was redacted.
func FuzzParseCaptured(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"ssn": "x"}], "ssn": 2}`), true)
	f.Add([]byte("data: x\n\n"), false)
	f.Add([]byte(`["[redacted]"]`), false)
	f.Fuzz(func(t *testing.T, body []byte, redact bool) {
		d := capture.Declared{Request: true, MaxBytes: 1 << 10}
		if redact {
			d.Redact = []string{"/ssn", "/*/*/ssn"}
		}
		message := tap.NewBudget(1<<20).Tap(d.MaxBytes, nil)
		message.Begin(http.Header{"Content-Type": {"application/json"}})
		_, _ = message.Write(body)
		message.End()
		rec := record.Record{HasQuery: redact}
		capture.NewRule(d).Describe(&rec, message, nil, nil)
		got, ok := records.ParseCaptured(string(rec.Request))
		if !ok || got.Bytes != int64(len(body)) || got.HasQuery != redact || got.ContentType != "application/json" {
			t.Fatalf("%v, %+v of %s", ok, got, rec.Request)
		}
		if got.Whole && !got.Redacted && utf8.Valid(body) && !sameBody(body, got.Body) {
			t.Errorf("%q became %q", body, got.Body)
		}
		places, all := records.Places(got.Body, 1<<10)
		if all && len(places) > 0 && !got.Redacted {
			t.Errorf("%s is redacted at %q", got.Body, places)
		}
		for _, at := range places {
			if !leads(got.Body, at) {
				t.Errorf("%s of %s is not redacted", at, got.Body)
			}
		}
	})
}

// sameBody reports whether a body is the same to the byte or, as JSON, in what it means.
func sameBody(body, got []byte) bool {
	var a, b any
	if json.Unmarshal(body, &a) != nil {
		return string(body) == string(got)
	}
	return json.Unmarshal(got, &b) == nil && cmp.Equal(a, b)
}

// leads reports whether a pointer leads to what was redacted. Of members of one name
// encoding/json keeps the last only: where there are several nothing is said.
func leads(document []byte, at string) bool {
	var v any
	if json.Unmarshal(document, &v) != nil {
		return false
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		if at == "" {
			break
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch inside := v.(type) {
		case map[string]any:
			if v = inside[token]; strings.Count(string(document), strconv.Quote(token)) > 1 {
				return true
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(inside) {
				return false
			}
			v = inside[i]
		default:
			return false
		}
	}
	return v == records.Redaction
}
