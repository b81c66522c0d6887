package beside_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/console/beside"
)

// shown is an answer with ! before the lines that differ.
func shown(lines []beside.Line) string {
	var b strings.Builder
	for _, l := range lines {
		if l.Differs {
			b.WriteByte('!')
		}
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func TestWhatDiffersIsMarkedOnBothSides(t *testing.T) {
	for _, test := range []struct{ a, b, left, right string }{
		{`{"x": 1, "y": [1, 2.0]}`, `{"y": [1.0, 2], "x": 1e0}`, "{\n  \"x\": 1,\n  \"y\": [\n    1,\n    2.0\n  ]\n}\n", "{\n  \"y\": [\n    1.0,\n    2\n  ],\n  \"x\": 1e0\n}\n"},
		{`{"x": 1}`, `{"x": "1"}`, "{\n!  \"x\": 1\n}\n", "{\n!  \"x\": \"1\"\n}\n"},
		{`{"x": {}}`, `{"x": {"a": null}}`, "{\n!  \"x\": {}\n}\n", "{\n  \"x\": {\n!    \"a\": null\n  }\n}\n"},
		{`[1]`, `{"x": 1}`, "![\n!  1\n!]\n", "!{\n!  \"x\": 1\n!}\n"},
		{"one\r\ntwo", "one\ntwo", "!one\n!two\n", "!one\n!two\n"},
		{"same", "same", "same\n", "same\n"},
		{"\xff", "", "!\ufffd\n", ""},
	} {
		left, right := beside.Lines([]byte(test.a), []byte(test.b))
		if diff := cmp.Diff([]string{test.left, test.right}, []string{shown(left), shown(right)}); diff != "" {
			t.Errorf("%s beside %s (-want +got)\n%s", test.a, test.b, diff)
		}
	}
}

// FuzzLines holds that the lines of JSON are the same JSON, that an answer does not
// differ from itself, and that both sides agree on whether there is a difference
// where neither has more than the other.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"b": "<\u2028"}], "": -0}`), []byte(`{"a": [1, {"b": 2}]}`))
	f.Add([]byte("text"), []byte(`[[[]]]`))
	f.Add([]byte(`{"a": 1, "a": 2}`), []byte(`1e400`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		left, right := beside.Lines(a, b)
		for _, side := range []struct {
			text  []byte
			lines []beside.Line
		}{{a, left}, {b, right}} {
			if json.Valid(side.text) && !bytes.Equal(compact(t, side.text), compact(t, joined(side.lines))) {
				t.Fatalf("%q is shown as %q", side.text, joined(side.lines))
			}
			for _, l := range side.lines {
				if strings.ContainsAny(l.Text, "\n") {
					t.Fatalf("a line has several: %q", l.Text)
				}
			}
		}
		for _, l := range beside.Text(a) {
			if l.Differs {
				t.Fatalf("%q differs from itself", a)
			}
		}
	})
}

func joined(lines []beside.Line) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l.Text + "\n")
	}
	return b.Bytes()
}

// compact is JSON in one form: that of the encoder, with numbers as they are
// written.
func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q is no JSON: %v", text, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
