package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// rules are those of a mirror whose YAML says this of compare.
func rules(t testing.TB, declared string, hidden ...string) *compare.Rules {
	t.Helper()
	e, problems := schema.ParseEndpoint(schema.File{Path: "endpoints/e.yaml", Data: []byte(
		"schemaVersion: 1\nbackends: {a: {static: 1}}\nmirrors: {m: {deployment: {branch: main, name: m, version: 1}, compare: {" + declared + "}}}\n",
	)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return compare.NewRules(e.Mirrors[0].Compare, hidden)
}

func answer(body string) compare.Answer { return compare.Answer{Status: 200, Body: []byte(body)} }

func events(body string) compare.Answer {
	return compare.Answer{Status: 200, ContentType: "text/event-stream; charset=utf-8", Body: []byte(body)}
}

func verdict(t testing.TB, r *compare.Rules, live, mirror compare.Answer) record.Comparison {
	t.Helper()
	var c compare.Comparer
	var out, back record.Comparison
	c.Compare(r, live, mirror, &out)
	c.Compare(r, mirror, live, &back)
	if out.Agree != back.Agree {
		t.Errorf("%s and %s: %v one way, %v the other", live.Body, mirror.Body, out.Agree, back.Agree)
	}
	return out
}

// told is the differences in short: path live|mirror.
func told(c record.Comparison) string {
	if c.Agree == record.Unknown {
		return string(c.Unpaired)
	}
	if c.Agree == record.Agrees {
		return "agrees"
	}
	var all []string
	show := func(v record.Value) string {
		switch v.Kind {
		case record.Absent:
			return "-"
		case record.Text:
			return fmt.Sprintf("%q", v.Text)
		default:
			return v.Text
		}
	}
	for _, d := range c.Diff {
		all = append(all, d.Path+" "+show(d.Live)+"|"+show(d.Mirror))
	}
	return strings.Join(all, ", ")
}

func TestAnswersAreCompared(t *testing.T) {
	for _, c := range []struct{ rules, live, mirror, want string }{
		// structure
		{"", `{"a": 1, "b": [true, null]}`, ` {"b":[true,null],"a":1}`, "agrees"},
		{"", `{"a": 1}`, `{"a": 1, "b": 2}`, "/b -|2"},
		{"", `{"a": 1, "c": {"x": 1}}`, `{"a": 1}`, `/c {"x":1}|-`},
		{"", `[1, 2]`, `[2, 1]`, "/0 1|2, /1 2|1"},
		{"", `[1, 2]`, `[1, 2, 3]`, "/2 -|3"},
		{"", `{"a": null}`, `{}`, "/a null|-"},
		{"", `{"a": "1"}`, `{"a": 1}`, `/a "1"|1`},
		{"", `{"a/b": {"~": 1}}`, `{"a/b": {"~": 2}}`, "/a~1b/~0 1|2"},
		{"", `{"\u0061": "\u00e9"}`, `{"a": "é"}`, "agrees"},
		{"", `{"z": 1, "a": 2, "m": 3}`, `{"m": 4, "z": 1, "a": 2}`, "/m 3|4"},
		{"", `{"a": 1, "a": 2}`, `{"a": 1, "a": 3}`, "/a 2|3"},
		{"", `[1,2,3,4,5,6,7]`, `[0,0,0,0,0,0,0]`, "/0 1|0, /1 2|0, /2 3|0, /3 4|0, /4 5|0"},
		// numbers
		{"", `1`, `1.0`, "agrees"},
		{"tolerance: {abs: 0, rel: 0}", `[0.50, -1, 20, 1.0e0]`, `[0.5, -1.00, 20.0, 1.0]`, "agrees"},
		{"", `[10, 1e1, 1.5, 0.1]`, `[100, 1e10, 1.50e1, 0.10e1]`, "/0 10|100, /1 1e1|1e10, /2 1.5|1.50e1, /3 0.1|0.10e1"},
		{"", `{"a": [1, {"b": 2}], "c": 3}`, `{"c": 4, "a": [1, {"b": 2}]}`, "/c 3|4"},
		{"", `10`, `1e1`, "agrees"},
		{"", `0.30000000000000004`, `0.3`, "agrees"},
		{"", `0.3`, `0.301`, " 0.3|0.301"},
		{"", `100`, `100.00001`, "agrees"},
		{"", `1000000000`, `1000000001`, " 1000000000|1000000001"},
		{"", `9007199254740993`, `9007199254740992`, " 9007199254740993|9007199254740992"},
		{"tolerance: {abs: 5}", `9007199254740993`, `9007199254740992`, " 9007199254740993|9007199254740992"},
		{"tolerance: {abs: 5}", `20`, `25`, "agrees"},
		{"tolerance: {abs: 5}", `20`, `26`, " 20|26"},
		{"tolerance: {rel: 0.1}", `100`, `91`, "agrees"},
		{"tolerance: {rel: 0}", `0.1`, `0.10000001`, " 0.1|0.10000001"},
		{"", `1e400`, `10e399`, "agrees"},
		{"", `1e400`, `1e401`, " 1e400|1e401"},
		{"", `-0`, `0`, "agrees"},
		{"", `0e5`, `0.000`, "agrees"},
		// what does not count
		{"ignore: [/ts, /items/*/id]", `{"ts": 1, "items": [{"id": 1, "v": 2}]}`, `{"ts": 2, "items": [{"id": 3, "v": 2}]}`, "agrees"},
		{"ignore: /ts", `{"ts": {"a": 1}}`, `{}`, "agrees"},
		{"ignore: /ts", `{"ts": 1, "v": 1}`, `{"ts": 2, "v": 2}`, "/v 1|2"},
		// arrays without order
		{"unordered: /items", `{"items": [1, 2, 3]}`, `{"items": [3, 1, 2]}`, "agrees"},
		{"unordered: /items", `{"items": [1, 2, 3]}`, `{"items": [3, 1, 4]}`, "/items/1 2|4"},
		{"unordered: /items", `{"items": [1, 1, 2]}`, `{"items": [1, 2, 2]}`, "/items/1 1|2"},
		{"unordered: /items", `{"items": [1, 2]}`, `{"items": [2, 1, 3]}`, "/items/2 -|3"},
		{"unordered: /items", `{"items": []}`, `{"items": [1]}`, "/items/0 -|1"},
		{"unordered: /items, tolerance: {abs: 0.06}", `{"items": [1.05, 1.0]}`, `{"items": [1.05, 1.1]}`, "agrees"}, // 1.05 has to give way
		{"unordered: [/a, /a/*/b]", `{"a": [{"b": [1, 2]}, {"b": [3]}]}`, `{"a": [{"b": [3]}, {"b": [2, 1]}]}`, "agrees"},
		// batches
		{"", `{"data": [[1, "a"], [2, "b"]]}`, `{"data": [[2, "b"], [1, "a"]]}`, "agrees"},
		{"", `{"data": [["x", 1], ["y", 2], ["z", 3]]}`, `{"data": [["z", 3], ["y", 5]]}`, `/data/0 ["x",1]|-, /data/1/1 2|5`},
		{"", `{"data": [[1, 2], [1, 3]]}`, `{"data": [[1, 3], [1, 2]]}`, "/data/0/1 2|3, /data/1/1 3|2"}, // an ID comes twice
		{"", `{"data": [[0.1, 0.9], [0.2, 0.8]]}`, `{"data": [[0.2, 0.8], [0.1, 0.9]]}`, "/data/0/0 0.1|0.2, /data/0/1 0.9|0.8, /data/1/0 0.2|0.1, /data/1/1 0.8|0.9"},
		{"", `{"x": {"data": [[1, 2], [2, 3]]}}`, `{"x": {"data": [[2, 3], [1, 2]]}}`, "/x/data/0/0 1|2, /x/data/0/1 2|3, /x/data/1/0 2|1, /x/data/1/1 3|2"},
		// texts
		{"", `"Yes"`, `"yes"`, ` "Yes"|"yes"`},
		{"text: normalized", `"ﬁne  Straße "`, `"FINE strasse"`, "agrees"},
		{"text: normalized", "The  cat.\n", "the cat.", "agrees"},
		{"", "The  cat.\n", "the cat.", ` "The  cat.\n"|"the cat."`},
		{"", "", "", "agrees"},
		{"", "", "{}", ` ""|"{}"`},
		{"", "a\x00", "a\x00", "agrees"},
		{"", "a\x00", "b\x00", `"2 bytes, sha256 `},
	} {
		got := told(verdict(t, rules(t, c.rules), answer(c.live), answer(c.mirror)))
		if strings.Contains(c.want, "sha256") {
			if !strings.Contains(got, c.want) {
				t.Errorf("%q and %q: %s", c.live, c.mirror, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("{%s} %s and %s\n got %s\nwant %s", c.rules, c.live, c.mirror, got, c.want)
		}
	}
}

func TestStatusesAreCompared(t *testing.T) {
	at := func(status int) compare.Answer {
		return compare.Answer{Status: status, Body: fmt.Appendf(nil, "%d", status)}
	}
	for _, c := range []struct {
		live, mirror int
		want         string
	}{
		{200, 201, ` 200|201`},
		{200, 404, "status 200|404"},
		{404, 404, "agrees"},
		{404, 400, "status 404|400"},
		{500, 200, "live_failed"},
		{0, 200, "live_failed"},
		{200, 503, "mirror_failed"},
		{404, 0, "mirror_failed"},
		{500, 500, "live_failed"},
	} {
		var comparer compare.Comparer
		var out record.Comparison
		comparer.Compare(rules(t, ""), at(c.live), at(c.mirror), &out)
		if got := told(out); got != c.want {
			t.Errorf("%d and %d: %s, want %s", c.live, c.mirror, got, c.want)
		}
	}
}

func TestSimilarTextsAgree(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"a b c", "a b c", 1},
		{"a b c", "A  B, c!", 1}, // pairs: (edge a) (a b) (b c) (c edge)
		{"a b c", "a b d", 0.5},  // two of four on each side
		{"a b c d", "a b", 0.5},  // (edge a) (a b) of 5 and 3
		{"a", "b", 0},
		{"", "", 1},
		{"…", "?!", 1}, // no words in either
		{"", "a", 0},
		{"我爱你", "我爱她", 0.5},
	} {
		got := verdict(t, rules(t, "text: similarity"), answer(c.a), answer(c.b))
		if !got.Measured || got.Similarity != c.want || (got.Agree == record.Agrees) != (c.want >= 0.9) {
			t.Errorf("%q and %q: %v %v, want %v", c.a, c.b, got.Similarity, got.Agree, c.want)
		}
	}
	got := verdict(t, rules(t, "text: {similarity: 0.5}"), answer(`{"a": "a b c", "b": "x"}`), answer(`{"a": "a b d", "b": "x"}`))
	if got.Agree != record.Agrees || got.Similarity != 0.5 {
		t.Errorf("%+v", got)
	}
}

func TestLabelsAndScoresAreTold(t *testing.T) {
	r := rules(t, "label: /label, score: /score, ignore: [/score, /label]")
	got := verdict(t, r, answer(`{"label": "cat", "score": 0.75, "x": 1}`), answer(`{"label": "dog", "score": 0.5, "x": 1}`))
	want := record.Comparison{
		Agree: record.Agrees, Labeled: true, LabelLive: "cat", LabelMirror: "dog", Scored: true, ScoreLive: 0.75, ScoreMirror: 0.5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r = rules(t, "label: /data/*/1/l, score: /data/*/1/s")
	got = verdict(t, r,
		answer(`{"data": [[1, {"l": "a", "s": 1}], [2, {"l": "b", "s": 2}], [3, {"l": "c", "s": 3}]]}`),
		answer(`{"data": [[3, {"l": "c", "s": 3}], [2, {"l": "x", "s": 7}], [1, {"l": "a", "s": 2}]]}`))
	if got.LabelLive != "b" || got.LabelMirror != "x" || got.ScoreLive != 2 || got.ScoreMirror != 7 {
		t.Errorf("of several, the pair that differs most is told, not %+v", got)
	}
	got = verdict(t, rules(t, "label: /l, score: /s"), answer(`{"l": {}, "s": "1"}`), answer(`{"l": {}, "s": "1"}`))
	if got.Labeled || got.Scored {
		t.Errorf("an object is no label and a text no score: %+v", got)
	}
}

func TestWhatIsHiddenIsNotTold(t *testing.T) {
	const secret = "s3cret"
	for _, c := range []struct{ hidden, live, mirror string }{
		{"/ssn", `{"ssn": "s3cret1"}`, `{"ssn": "s3cret2"}`},
		{"/ssn", `{"ssn": {"a": ["s3cret1"]}}`, `{"ssn": {"a": ["s3cret2"]}}`},
		{"/a/ssn", `{"a": {"ssn": "s3cret"}}`, `{"a": 1}`},
		{"/a/*/ssn", `{"a": [{"ssn": "s3cret"}]}`, `{}`},
		{"/a/*/ssn", `{"a": [{"ssn": "s3cret"}]}`, `{"a": []}`},
		{"/ssn", `ssn=s3cret`, `ssn=other`},
		{"/ssn", "s3cret\x00", "\x00"},
		{"/ssn", `s3cret`, `{"ssn": "s3cret"}`},
	} {
		got := verdict(t, rules(t, "", c.hidden), answer(c.live), answer(c.mirror))
		if s := fmt.Sprint(got); got.Agree != record.Differs || strings.Contains(s, secret) || !strings.Contains(s, "[redacted]") {
			t.Errorf("%s: %s and %s: %s", c.hidden, c.live, c.mirror, s)
		}
	}
	r := rules(t, "label: /ssn, score: /n", "/ssn", "/n")
	if got := verdict(t, r, answer(`{"ssn": "s3cret", "n": 1}`), answer(`{"ssn": "x", "n": 2}`)); got.Labeled || got.Scored {
		t.Errorf("a hidden label is told: %+v", got)
	}
	stream := events("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"s3cret\"}}]}\n\n")
	if s := fmt.Sprint(verdict(t, rules(t, "", "/x"), stream, events("data: [DONE]\n\n"))); strings.Contains(s, secret) {
		t.Error(s)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	same := strings.Repeat("é ", 500)
	got := verdict(t, rules(t, ""), answer(same+"cat "+same), answer(same+"dog "+same))
	live := got.Diff[0].Live.Text
	if len(live) > 300 || !strings.HasPrefix(live, "…") || !strings.Contains(live, "cat ") || !strings.HasSuffix(live, "…") {
		t.Errorf("told is %q", live)
	}
	long := "[" + strings.Repeat("1,", 500) + "1]"
	got = verdict(t, rules(t, ""), answer(`{"a": `+long+`}`), answer(`{"a": 1}`))
	if v := got.Diff[0].Live; v.Kind != record.Text || len(v.Text) > 300 {
		t.Errorf("told is %+v", v)
	}
}

func TestWhatTakesTooLongIsNotDecided(t *testing.T) {
	const n = 3000
	var a, b strings.Builder
	for i := range n {
		fmt.Fprintf(&a, ",%d", i)
		fmt.Fprintf(&b, ",%d", n-i)
	}
	live, mirror := `{"a": [`+a.String()[1:]+`]}`, `{"a": [`+b.String()[1:]+`]}`
	if got := told(verdict(t, rules(t, "unordered: /a"), answer(live), answer(mirror))); got != "too_complex" {
		t.Error(got)
	}
}
