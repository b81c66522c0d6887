package edit_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
)

// body is rules: pointers that are removed, and PAIRS of pointers and values that
// are set.
func body(remove []string, set ...string) deployments.Body {
	b := deployments.Body{Remove: remove}
	for i := 0; i < len(set); i += 2 {
		b.Set = append(b.Set, deployments.Member{Pointer: set[i], Value: []byte(set[i+1])})
	}
	return b
}

// apply edits a text that is given in pieces of a size.
func apply(e *edit.Edit, text string, size int) (string, edit.Outcome) {
	var pieces [][]byte
	for rest := []byte(text); len(rest) > 0; {
		n := min(size, len(rest))
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	edited, outcome := e.Apply(nil, pieces)
	if outcome != edit.Edited {
		return text, outcome
	}
	return string(bytes.Join(edited, nil)), outcome
}

func TestMembersAreSetAndRemoved(t *testing.T) {
	for _, tt := range []struct {
		name string
		body deployments.Body
		text string
		want string // empty: it is left alone
	}{
		{"a value", body(nil, "/model", `"m"`), `{"model": "chat", "n": 1}`, `{"model": "m", "n": 1}`},
		{"a value of any kind", body(nil, "/a", `{"x":[1]}`), `{"a":[{"b":1}] ,"c":2}`, `{"a":{"x":[1]} ,"c":2}`},
		{"in each place", body(nil, "/a", `0`), `{"a":1,"b":2,"a":"x"}`, `{"a":0,"b":2,"a":0}`},
		{"escaped", body(nil, "/model", `"m"`), `{"\u006dodel":"chat"}`, `{"\u006dodel":"m"}`},
		{"missing", body(nil, "/model", `"m"`), "{\n  \"n\": 1\n}\n", "{\n  \"n\": 1,\"model\":\"m\"\n}\n"},
		{"missing from nothing", body(nil, "/model", `"m"`), `{ }`, `{"model":"m" }`},
		{"deeper", body(nil, "/o/t", `0`), `{"o":{"t":1,"s":2},"t":3}`, `{"o":{"t":0,"s":2},"t":3}`},
		{"missing deeper", body(nil, "/o/t", `0`), `{"o":{"s":2},"t":3}`, `{"o":{"s":2,"t":0},"t":3}`},
		{"with what leads to it", body(nil, "/o/p/t", `0`, "/o/u", `1`), `{"a":1}`, `{"a":1,"o":{"p":{"t":0},"u":1}}`},
		{"no way to it", body(nil, "/o/t", `0`), `{"o":"text"}`, ""},
		{"in an array", body(nil, "/m/1/c", `"x"`), `{"m":[{"c":1},{"c":2},{"c":3}]}`, `{"m":[{"c":1},{"c":"x"},{"c":3}]}`},
		{"beyond an array", body(nil, "/m/2", `1`), `{"m":[1,2]}`, ""},
		{"a number that is a name", body(nil, "/m/0", `1`), `{"m":{"0":2}}`, `{"m":{"0":1}}`},
		{"special names", body([]string{"/a~1b"}, "/~0", `1`), `{"a/b":1,"~":2}`, `{"~":1}`},
		{"removed deeper", body([]string{"/o/t"}), `{"o":{"t":{"x":1}},"t":3}`, `{"o":{},"t":3}`},
		{"an element", body([]string{"/m/1"}), `{"m":[1, 2, 3]}`, `{"m":[1, 3]}`},
		{"the last element", body([]string{"/m/2"}), `{"m":[1, 2, 3 ]}`, `{"m":[1, 2 ]}`},
		{"set where one is removed", body([]string{"/b"}, "/c", `3`), `{"a":1, "b":2}`, `{"a":1,"c":3}`},
		{"set where all are removed", body([]string{"/a", "/b"}, "/c", `3`), `{"a":1, "b":2 }`, `{"c":3 }`},
		{"removed behind what is set deeper", body([]string{"/b"}, "/a/x", `1`), `{"a":{"x":0},"b":2}`, `{"a":{"x":1}}`},
		{"NaN and the like", body([]string{"/b"}), `{"a":[NaN,-Infinity],"b":1}`, `{"a":[NaN,-Infinity]}`},

		{"an array", body([]string{"/0"}, "/a", `1`), `[1,2]`, ""},
		{"no JSON", body([]string{"/a"}, "/b", `1`), `a=1&b=2`, ""},
		{"nothing", body(nil, "/a", `1`), ` `, ""},
		{"nothing to remove", body([]string{"/a"}), `{"b":{"a":1}}`, ""},
	} {
		want := tt.want
		if want == "" {
			want = tt.text
		}
		for _, size := range []int{1, 2, 7, 1 << 20} {
			got, outcome := apply(edit.New(tt.body), tt.text, size)
			if diff := cmp.Diff(want, got); diff != "" || (outcome == edit.Edited) != (tt.want != "") {
				t.Errorf("%s, in pieces of %d: outcome %d (-want +got)\n%s", tt.name, size, outcome, diff)
			}
		}
	}
}

func TestBrokenObjectsAreSaidToBe(t *testing.T) {
	e := edit.New(body([]string{"/a"}, "/b", `1`))
	for _, text := range []string{`{`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{"a":1} x`, `{"a":1}{}`, `{"a:1}`, `{a:1}`, `{"x":[}`, "{\"a\":1}\x00"} {
		if got, outcome := apply(e, text, 3); outcome != edit.Broken || got != text {
			t.Errorf("%q: outcome %d, %q", text, outcome, got)
		}
	}
}

func TestNothingIsEditedByNoRules(t *testing.T) {
	if e := edit.Of(deployments.Rules{}); e != nil {
		t.Error("no rules are an edit")
	}
	var none *edit.Edit
	if got, outcome := apply(none, `{"a":1}`, 3); got != `{"a":1}` || outcome != edit.Untouched {
		t.Errorf("%q, outcome %d", got, outcome)
	}
	if got, _ := apply(edit.Of(deployments.Rules{Model: `m "7"`}), `{"model":1}`, 3); got != `{"model":"m \"7\""}` {
		t.Error(got)
	}
}

// fuzzed are the rules that FuzzApply takes, by a byte of its input.
var fuzzed = []deployments.Body{
	body([]string{"/a"}),
	body([]string{"/a/b", "/c/0"}),
	body(nil, "/a", `[1]`),
	body([]string{"/b"}, "/a/b/c", `null`, "/a/d", `"x"`),
	body([]string{"/a/0/b", "/~0~1"}, "/a/1", `{}`, "/c", `1`),
}

// FuzzApply holds what comes out of JSON objects against what encoding/json makes
// of what goes in.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":1},"b":2}`, `{"a":[{"b":1},2],"c":[1,2],"~/":0}`, `{"\u0061":1,"a":{"b":{"c":{}}}}`, `{ }`, `{"b":1 , "b":2}`, `{"a":`, ``, `[]`,
	} {
		for i := range fuzzed {
			f.Add([]byte(seed), byte(i), byte(1+i))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, which, size byte) {
		rules := fuzzed[int(which)%len(fuzzed)]
		got, outcome := apply(edit.New(rules), string(text), int(size)+1)
		if outcome != edit.Edited && got != string(text) {
			t.Fatalf("outcome %d: %q became %q", outcome, text, got)
		}
		var before map[string]any
		if json.Unmarshal(text, &before) != nil || before == nil {
			return // no JSON object to them; with us it may be one, with NaN in it
		}
		if outcome == edit.Broken {
			t.Fatalf("%q is a JSON object", text)
		}
		var after any
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if diff := cmp.Diff(asJSON(t, oracle(before, rules)), asJSON(t, after)); diff != "" {
			t.Fatalf("%q became %q (-want +got):\n%s", text, got, diff)
		}
	})
}

// asJSON is plain values as text: cmp takes exponential time for lists in lists.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// oracle edits decoded JSON.
func oracle(v any, b deployments.Body) any {
	var remove []string
	remove = append(remove, b.Remove...)
	for _, pointer := range slices.Backward(remove) { // elements move up when one before them goes
		v = change(v, parts(pointer), nil, true)
	}
	for _, m := range b.Set {
		var value any
		_ = json.Unmarshal(m.Value, &value)
		v = change(v, parts(m.Pointer), value, false)
	}
	return v
}

func parts(pointer string) []string {
	all := strings.Split(pointer, "/")[1:]
	for i, p := range all {
		all[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return all
}

// change is a value in which what the way leads to is removed, or set.
func change(v any, way []string, value any, remove bool) any {
	if len(way) == 0 {
		return value
	}
	switch v := v.(type) {
	case map[string]any:
		under, ok := v[way[0]]
		switch {
		case remove && len(way) == 1:
			delete(v, way[0])
		case !ok && remove:
		case !ok:
			v[way[0]] = change(map[string]any{}, way[1:], value, false)
		default:
			v[way[0]] = change(under, way[1:], value, remove)
		}
		return v
	case []any:
		i, err := strconv.Atoi(way[0])
		switch {
		case err != nil || i >= len(v) || strconv.Itoa(i) != way[0]:
		case remove && len(way) == 1:
			return append(v[:i:i], v[i+1:]...)
		default:
			v[i] = change(v[i], way[1:], value, remove)
		}
		return v
	}
	return v
}

// BenchmarkApply is what a body costs: that has nothing to remove, that has, and
// in which something is set.
func BenchmarkApply(b *testing.B) {
	text := []byte(`{"model":"chat","messages":[` + strings.Repeat(`{"role":"user","content":"Is it warm outside?"},`, 40) + `{}]}`)
	for name, rules := range map[string]deployments.Body{
		"absent": body([]string{"/response_webhook"}), "present": body([]string{"/messages"}), "set": body(nil, "/model", `"m"`),
	} {
		b.Run(name, func(b *testing.B) {
			e, pieces := edit.New(rules), [][]byte{text}
			var room [8][]byte
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				e.Apply(room[:0], pieces)
			}
		})
	}
}
