package capture

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
)

func TestRedactionFindsWhatAPointerLeadsTo(t *testing.T) {
	for _, c := range []struct{ name, redact, body, want string }{
		{"a member", "/ssn", `{"ssn": "1", "a": 2}`, `{"ssn":"[redacted]","a":2}`},
		{"a member that is a container", "/p", `{"p": {"ssn": [1, {"x": 2}]}, "a": 2}`, `{"p":"[redacted]","a":2}`},
		{"every item", "/m/*/content", `{"m": [{"content": "x", "role": "u"}, {"content": [1]}]}`, `{"m":[{"content":"[redacted]","role":"u"},{"content":"[redacted]"}]}`},
		{"every member", "/*/ssn", `{"a": {"ssn": 1}, "b": {"ssn": 2}, "ssn": 3}`, `{"a":{"ssn":"[redacted]"},"b":{"ssn":"[redacted]"},"ssn":3}`},
		{"an index", "/0/1", `[[1, 2], [3, 4]]`, `[[1,"[redacted]"],[3,4]]`},
		{"an escaped name", "/ssn", `{"\u0073s\u006e": 1}`, `{"\u0073s\u006e":"[redacted]"}`},
		{"a name that is repeated", "/ssn", `{"ssn": 1, "ssn": 2}`, `{"ssn":"[redacted]","ssn":"[redacted]"}`},
		{"a name with a slash and a tilde", "/a~1b~0", `{"a/b~": 1}`, `{"a/b~":"[redacted]"}`},
		{"a name and a star that both match", "/a/b /*/c", `{"a": {"b": 1, "c": 2, "d": 3}}`, `{"a":{"b":"[redacted]","c":"[redacted]","d":3}}`},
		{"deeper and shallower", "/a /a/b", `{"a": {"b": 1}}`, `{"a":"[redacted]"}`},
		{"what is not there", "/x/y", `{"x": 1, "y": 2}`, `{"x":1,"y":2}`},
		{"nothing", "", " [ 1 , \"a\u2028b\xff\" , null ] ", `[1,"a\u2028b` + "\ufffd" + `",null]`},
	} {
		got, ok := rewrite(nil, []byte(c.body), redacting(strings.Fields(c.redact)...))
		if diff := cmp.Diff(c.want, string(got)); diff != "" || !ok {
			t.Errorf("%s: ok %t (-want +got):\n%s", c.name, ok, diff)
		}
	}
}

func redacting(pointers ...string) *pointer.Set {
	if len(pointers) == 0 {
		return nil
	}
	return patterns(pointers)
}

func TestRowsOfBatches(t *testing.T) {
	for body, want := range map[string]int{
		`{"data":[[1,"a"],[2,{"x":[1]}]]}`:     2,
		`{"data": [["id", null]]}`:             1,
		`{"error":null,"data":[[1,2]]}`:        1,
		`{"data":20}`:                          0,
		`{"data":[]}`:                          0,
		`{"data":[1,2]}`:                       0,
		`{"data":[[1,2],[3]]}`:                 0,
		`{"data":[[1,2,3]]}`:                   0,
		`{"data":[[[1],2]]}`:                   0,
		`[[1,2]]`:                              0,
		`{"other":{"data":[[1,2]]}}`:           0,
		`{"data":[[-1.5,2],[0,3],[7,"x, y"]]}`: 3,
	} {
		if got := Rows([]byte(body)); got != want {
			t.Errorf("%s has %d rows, want %d", body, got, want)
		}
	}
}

// FuzzRewriteIsTheSameDocument compares with encoding/json: the same documents are
// valid, and say the same; what is redacted is found in no form.
func FuzzRewriteIsTheSameDocument(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2.5e3, "x\n"], "b": {"ssn": "s3cret"}}`, `[[[`, `"\ud800"`, `{"ssn":{"ssn":1}}`, "\"\u2028\"", `01`, `{"a":1,}`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := rewrite(nil, body, nil)
		if valid := json.Valid(body); ok != valid && (ok || depth(body) <= maxDepth) {
			t.Fatalf("valid %t, rewritten %t: %q", valid, ok, body)
		}
		if !ok {
			return
		}
		if bytes.ContainsAny(got, "\n\r") || strings.ContainsAny(string(got), "\u2028\u2029") {
			t.Errorf("%q is more than one line", got)
		}
		if diff := cmp.Diff(value(t, body), value(t, got)); diff != "" {
			t.Errorf("(-body +rewritten):\n%s", diff)
		}
		hidden, ok := rewrite(nil, body, patterns([]string{"/ssn", "/*/ssn", "/*/*/ssn"}))
		if !ok || !json.Valid(hidden) {
			t.Fatalf("redacted: %t, %q", ok, hidden)
		}
		search(t, value(t, hidden), 3)
		if n := Rows(body); n < 0 || n > len(body) {
			t.Errorf("%d rows", n)
		}
	})
}

// search fails when a member ssn is not redacted in one of the first levels.
func search(t *testing.T, v any, levels int) {
	if levels == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name == "ssn" && member != "[redacted]" {
				t.Errorf("ssn is %v", member)
			}
			search(t, member, levels-1)
		}
	case []any:
		for _, item := range v {
			search(t, item, levels-1)
		}
	}
}

func depth(body []byte) int {
	most, open := 0, 0
	for _, c := range body {
		switch c {
		case '{', '[':
			open++
			most = max(most, open)
		case '}', ']':
			open--
		}
	}
	return most
}

func value(t *testing.T, document []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %q", err, document)
	}
	return v
}

func BenchmarkRewrite(b *testing.B) {
	body := []byte(`{"data": [` + strings.Repeat(`{"id": 12345, "name": "some feature", "score": 0.123456},`, 70) + `1], "ssn": "123-45-6789"}`)
	for name, redact := range map[string][]string{"plain": nil, "redacted": {"/ssn", "/data/*/name"}} {
		b.Run(name, func(b *testing.B) {
			set := redacting(redact...)
			out := make([]byte, 0, 2*len(body))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				out, _ = rewrite(out[:0], body, set)
			}
		})
	}
}
