package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

func at(line, column int, source string) schema.Diagnostic {
	return schema.Diagnostic{
		Position: schema.Position{File: "endpoints/a.yaml", Line: line, Column: column}, Rule: schema.RuleValue, Message: "wrong; right is 1", Source: source,
	}
}

func printed(t *testing.T, format schema.Format, color bool, ds ...schema.Diagnostic) string {
	t.Helper()
	var b strings.Builder
	if err := schema.Print(&b, ds, format, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintText(t *testing.T) {
	tests := map[string]struct {
		given schema.Diagnostic
		want  string
	}{
		"plain":                {at(7, 5, "    weigth: 5"), "endpoints/a.yaml:7:5: wrong; right is 1 [value]\n  7 |     weigth: 5\n    |     ^\n"},
		"start":                {at(1, 1, "x"), "endpoints/a.yaml:1:1: wrong; right is 1 [value]\n  1 | x\n    | ^\n"},
		"behind the end":       {at(12, 3, "a:"), "endpoints/a.yaml:12:3: wrong; right is 1 [value]\n  12 | a:\n     |   ^\n"},
		"far behind the end":   {at(1, 99, "a:"), "endpoints/a.yaml:1:99: wrong; right is 1 [value]\n  1 | a:\n    |   ^\n"},
		"tabs":                 {at(1, 4, "\ta:\tb"), "endpoints/a.yaml:1:4: wrong; right is 1 [value]\n  1 | \ta:\tb\n    | \t  ^\n"},
		"wide characters":      {at(1, 8, `"模型" é👍x`), "endpoints/a.yaml:1:8: wrong; right is 1 [value]\n  1 | \"模型\" é👍x\n    | " + strings.Repeat(" ", 10) + "^\n"},
		"combining characters": {at(1, 4, "e\u0301ax"), "endpoints/a.yaml:1:4: wrong; right is 1 [value]\n  1 | e\u0301ax\n    |   ^\n"},
		"full-width blank":     {at(1, 2, "\u3000x"), "endpoints/a.yaml:1:2: wrong; right is 1 [value]\n  1 | \uFFFDx\n    |  ^\n"},
		"escapes of terminals": {at(1, 6, "\x1b[31mx"), "endpoints/a.yaml:1:6: wrong; right is 1 [value]\n  1 | \uFFFD[31mx\n    |      ^\n"},
		"writing turned round": {at(1, 2, "\u202Ex"), "endpoints/a.yaml:1:2: wrong; right is 1 [value]\n  1 | \uFFFDx\n    |  ^\n"},
		"no source":            {at(3, 1, ""), "endpoints/a.yaml:3:1: wrong; right is 1 [value]\n"},
		"whole file":           {at(0, 0, ""), "endpoints/a.yaml: wrong; right is 1 [value]\n"},
		"whole revision":       {schema.Diagnostic{Rule: schema.RuleReference, Message: "no branch"}, "no branch [reference]\n"},
		"other branch":         {schema.Diagnostic{Position: schema.Position{Branch: "dev", File: "f", Line: 1, Column: 1}, Rule: schema.RuleURL, Message: "m"}, "dev:f:1:1: m [url]\n"},
		"a file's name with escapes": {
			schema.Diagnostic{Position: schema.Position{File: "a\n\x1b[2J.yaml"}, Rule: schema.RuleFile, Message: "m"}, "a\uFFFD\uFFFD[2J.yaml: m [file]\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, printed(t, schema.FormatText, false, tt.given)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestPrintTextCutsLongLines shows the part of a long line that the caret
// points into, wherever that is.
func TestPrintTextCutsLongLines(t *testing.T) {
	for _, column := range []int{1, 2, 60, 5000, 9950, 10001} {
		line := strings.Repeat("a", column-1) + "X" + strings.Repeat("b", 10_001-column)
		lines := strings.Split(printed(t, schema.FormatText, false, at(1, column, line)), "\n")
		source, caret := []rune(lines[1]), []rune(lines[2])
		if len(source) > 120 || len(source) < 100 {
			t.Errorf("column %d: %d characters are shown", column, len(source))
		}
		if at := len(caret) - 1; caret[at] != '^' || source[at] != 'X' {
			t.Errorf("column %d: the caret is elsewhere\n%s\n%s", column, lines[1], lines[2])
		}
	}
}

func TestPrintTextInColor(t *testing.T) {
	got := printed(t, schema.FormatText, true, at(7, 3, "  x"))
	want := "\x1b[1mendpoints/a.yaml:7:3: \x1b[0mwrong; right is 1 \x1b[2m[value]\x1b[0m\n\x1b[2m  7 | \x1b[0m  x\n\x1b[2m    | \x1b[0m  \x1b[31m^\x1b[0m\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrintJSON(t *testing.T) {
	if got := printed(t, schema.FormatJSON, true); got != "[]\n" {
		t.Errorf("nothing is printed as %q", got)
	}
	d := at(7, 5, "\t<weigth>: \xff")
	d.Branch = "dev"
	var got []map[string]any
	if err := json.Unmarshal([]byte(printed(t, schema.FormatJSON, true, d, at(0, 0, ""))), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"file": "endpoints/a.yaml", "branch": "dev", "line": 7.0, "column": 5.0, "rule": "value", "message": "wrong; right is 1", "source": "\t<weigth>: \uFFFD"},
		{"file": "endpoints/a.yaml", "branch": "", "line": 0.0, "column": 0.0, "rule": "value", "message": "wrong; right is 1", "source": ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrintGitHub(t *testing.T) {
	d := at(7, 5, "x")
	d.File, d.Message = "endpoints/a,b:c%.yaml", "100% wrong\r\n::error::not this"
	other := at(1, 2, "x")
	other.Branch = "dev"
	got := printed(t, schema.FormatGitHub, true, d, at(0, 0, ""), other, schema.Diagnostic{Rule: schema.RuleReference, Message: "m"})
	want := `::error file=endpoints/a%2Cb%3Ac%25.yaml,line=7,col=5,title=value::100%25 wrong%0D%0A::error::not this
::error file=endpoints/a.yaml,title=value::wrong; right is 1
::error title=value::dev:endpoints/a.yaml:1:2: wrong; right is 1
::error title=reference::m
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPrintFails(t *testing.T) {
	if err := schema.Print(&strings.Builder{}, nil, "xml", false); err == nil || !strings.Contains(err.Error(), "text, json and github") {
		t.Errorf("got %v", err)
	}
	if err := schema.Print(full{}, schema.Diagnostics{at(1, 1, "")}, schema.FormatText, false); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestWithSource fills in what comes from positions alone.
func TestWithSource(t *testing.T) {
	files := []schema.File{
		{Path: "endpoints/a.yaml", Data: []byte("\uFEFFone\r\ntwo http://user:secret@host/x\rthree")},
		{Branch: "dev", Path: "endpoints/a.yaml", Data: []byte("other")},
	}
	dev := at(1, 1, "")
	dev.Branch = "dev"
	ds := schema.Diagnostics{at(1, 1, ""), at(2, 1, ""), at(3, 1, ""), at(4, 1, ""), at(1, 1, "kept"), at(0, 0, ""), dev}.WithSource(files...)
	var got []string
	for _, d := range ds {
		got = append(got, d.Source)
	}
	if diff := cmp.Diff([]string{"one", "two http://***********@host/x", "three", "", "kept", "", "other"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
