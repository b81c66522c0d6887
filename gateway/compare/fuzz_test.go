package compare_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

func addPairs(f *testing.F) {
	for _, pair := range [][2]string{
		{`{"a": 1}`, `{"a": 1.0}`},
		{`[1, [2, {"b": null}]]`, `[1, [2, {"b": false}]]`},
		{`{"a": "\u00e9\ud83d\ude00"}`, `{"a": "é😀"}`},
		{`{"data": [[1, 2], [2, 3]]}`, `{"data": [[2, 3], [1, 2]]}`},
		{`{"items": [1, 2, 2]}`, `{"items": [2, 1, 2]}`},
		{"a b c", "a b d"},
		{"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n", "data: [DONE]\n\n"},
		{whole, call},
		{response, "{}"},
		{strings.Repeat("[", 1001) + strings.Repeat("]", 1001), "[]"},
		{"\xff", "\x00"},
		{`{"b": 1, "a": 2, "b": 3}`, `{"a": 2, "b": 1, "b": 3}`},
		{"1e999999999999999999", "1e400"},
		{`"\ud800"`, `"\ufffd"`},
		{"", " "},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
}

// FuzzCompare holds what does not depend on the answers: that comparing is
// symmetric, that an answer agrees with itself, that what is told is valid, and
// nothing of what is hidden.
func FuzzCompare(f *testing.F) {
	addPairs(f)
	all := []*compare.Rules{
		rules(f, ""),
		rules(f, "ignore: [/ts, /a/*], unordered: [/items, /*], tolerance: {abs: 0.5}, label: /label, score: /score, text: similarity"),
		rules(f, "text: normalized", "/a", "/*/b"),
	}
	var c compare.Comparer
	f.Fuzz(func(t *testing.T, x, y []byte) {
		for _, kind := range []string{"", "text/event-stream"} {
			live, mirror := compare.Answer{Status: 200, ContentType: kind, Body: x}, compare.Answer{Status: 200, ContentType: kind, Body: y}
			for i, r := range all {
				var one, other, same record.Comparison
				c.Compare(r, live, mirror, &one)
				c.Compare(r, mirror, live, &other)
				c.Compare(r, live, live, &same)
				if one.Agree != other.Agree || one.Unpaired != other.Unpaired {
					t.Errorf("rules %d, %q and %q: %v one way, %v the other", i, x, y, one, other)
				}
				if same.Agree != record.Agrees && same.Unpaired != record.TooComplex {
					t.Errorf("rules %d: %q differs from itself: %v", i, x, same)
				}
				valid(t, one)
			}
		}
	})
}

func valid(t *testing.T, c record.Comparison) {
	t.Helper()
	if (c.Agree == record.Differs) != (len(c.Diff) > 0) || (c.Agree == record.Unknown) != (c.Unpaired != "") || len(c.Diff) > record.MaxDifferences {
		t.Errorf("%+v contradicts itself", c)
	}
	if c.Measured && !(c.Similarity >= 0 && c.Similarity <= 1) {
		t.Errorf("similarity %v", c.Similarity)
	}
	for _, d := range c.Diff {
		for _, v := range []record.Value{d.Live, d.Mirror} {
			if v.Kind == record.JSON && (!json.Valid([]byte(v.Text)) || !utf8.ValidString(v.Text) || strings.ContainsAny(v.Text, "\n\r")) || len(v.Text) > 300 {
				t.Errorf("told is %+v", v)
			}
		}
	}
}

// FuzzOracle compares with a naive reading by encoding/json and math/big.
func FuzzOracle(f *testing.F) {
	addPairs(f)
	r := rules(f, "")
	var c compare.Comparer
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, okA := decoded(x)
		b, okB := decoded(y)
		if !okA || !okB {
			return
		}
		var got record.Comparison
		c.Compare(r, compare.Answer{Status: 200, Body: x}, compare.Answer{Status: 200, Body: y}, &got)
		if want := naive(a, b); (got.Agree == record.Agrees) != want {
			t.Errorf("%s and %s: %+v, want %v", x, y, got, want)
		}
	})
}

// decoded is a document that both readings understand alike: encoding/json keeps
// one of two members of a name, and what is read by its form has other rules.
func decoded(data []byte) (v any, ok bool) {
	for _, word := range []string{"data", "choices", "object", `\u`} {
		if bytes.Contains(data, []byte(word)) {
			return nil, false
		}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if !json.Valid(data) || !utf8.Valid(data) || d.Decode(&v) != nil || bytes.Count(data, []byte("[")) > 500 || bytes.Count(data, []byte("{")) > 500 {
		return nil, false
	}
	return v, bytes.Count(data, []byte(":")) == membersOf(v)+strings.Count(textsOf(v), ":")
}

// membersOf counts the members below v, and textsOf is all texts and names: if
// there are more colons in a document, a name comes twice.
func membersOf(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, m := range v {
			n += 1 + membersOf(m)
		}
	case []any:
		for _, e := range v {
			n += membersOf(e)
		}
	}
	return n
}

func textsOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		all := ""
		for name, m := range v {
			all += name + textsOf(m)
		}
		return all
	case []any:
		all := ""
		for _, e := range v {
			all += textsOf(e)
		}
		return all
	case string:
		return v
	}
	return ""
}

func naive(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !naive(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !naive(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && naiveNumbers(string(a), string(b))
	}
	return a == b
}

func naiveNumbers(a, b string) bool {
	x, errX := json.Number(a).Float64()
	y, errY := json.Number(b).Float64()
	whole := !strings.ContainsAny(a, ".eE") && !strings.ContainsAny(b, ".eE")
	if whole || errX != nil || errY != nil {
		return equal(a, b)
	}
	return x == y || math.Abs(x-y) <= max(1e-9, 1e-6*max(math.Abs(x), math.Abs(y)))
}

// equal compares exactly. Exponents that math/big would need much memory for are
// equal if the texts are.
func equal(a, b string) bool {
	long := func(s string) bool {
		i := strings.IndexAny(s, "eE")
		return i >= 0 && len(s)-i > 5
	}
	if long(a) || long(b) {
		return a == b
	}
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	return x.Cmp(y) == 0
}
