package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "rewrite what the golden cases expect")

// TestPlansArePrinted has two revisions in each file: from and to are trees of
// the endpoints branch, all other folders are branches that both have.
func TestPlansArePrinted(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := readPlan(t, archive)
	validate(t, printed(t, p, plan.FormatJSON))
	for i, f := range archive.Files {
		if strings.Contains(f.Name, "/") {
			continue
		}
		got := printed(t, p, plan.Format(f.Name))
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s tells the value of a header", f.Name)
		}
		if *update {
			archive.Files[i].Data = []byte(got)
		} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s (-want +got; go test -run Printed -update accepts it)\n%s", f.Name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readPlan(t *testing.T, archive *txtar.Archive) *plan.Plan {
	t.Helper()
	trees := map[string]files{"from": {}, "to": {}}
	for _, f := range archive.Files {
		branch, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			continue
		}
		if trees[branch] == nil {
			trees[branch] = files{}
		}
		trees[branch][name] = string(f.Data)
	}
	return plan.Compare(revision(t, "origin/main", trees["from"], trees), revision(t, "the work tree", trees["to"], trees))
}

func printed(t *testing.T, p *plan.Plan, format plan.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := plan.Print(&b, p, format, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// validate holds a plan to the JSON Schema that is published, which knows no
// other keys.
func validate(t *testing.T, text string) {
	t.Helper()
	described, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.json", described); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// What is printed as JSON is the whole plan.
func TestJSONIsTheWholePlan(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/everything.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p := readPlan(t, archive)
	p.Notes = append(p.Notes, "a note")
	var read plan.Plan
	text := printed(t, p, plan.FormatJSON)
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		t.Fatal(err)
	}
	if again := printed(t, &read, plan.FormatJSON); again != text {
		t.Error(cmp.Diff(text, again))
	}
}

// A comment has at most 65536 characters, however much changes; what is cut off
// is counted.
func TestCommentsAreNotTooLong(t *testing.T) {
	to := files{}
	for i := range 2000 {
		to[fmt.Sprintf("endpoints/endpoint_%d.yaml", i)] = "schemaVersion: 1\nbackends: {a: {static: 1}, b: {static: 2}}\n"
	}
	p := plan.Compare(declared(), revision(t, "to", to, nil))
	text := printed(t, p, plan.FormatMarkdown)
	if len(text) > 65_536 || !strings.Contains(text, "2000 endpoints added") || !strings.Contains(text, "more are left out") {
		t.Errorf("%d bytes, beginning with %.200s", len(text), text)
	}
	if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Error("what can be unfolded does not end")
	}
	var b bytes.Buffer
	if err := plan.PrintProblems(&b, "main", make(schema.Diagnostics, 50_000)); err != nil || b.Len() > 65_536 {
		t.Errorf("%d bytes of problems, %v", b.Len(), err)
	}
}

// Problems are shown as they are, whatever stands in the lines that they quote.
func TestProblemsStayInTheirBlock(t *testing.T) {
	var b bytes.Buffer
	problems := schema.Diagnostics{{
		Position: schema.Position{File: "endpoints/a.yaml", Line: 1, Column: 1}, Rule: schema.RuleValue, Message: "no", Source: "```` </details> @team",
	}}
	if err := plan.PrintProblems(&b, "feature", problems); err != nil {
		t.Fatal(err)
	}
	fences := strings.Count(b.String(), "`````\n")
	if fences != 2 || !strings.HasPrefix(b.String(), "<!-- switchyard plan -->\n### Switchyard: 1 problem\n") {
		t.Errorf("%d fences: %s", fences, b.String())
	}
}

func TestColorsAreForTerminals(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/everything.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p := readPlan(t, archive)
	var colored bytes.Buffer
	if err := plan.Print(&colored, p, plan.FormatText, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(printed(t, p, plan.FormatText), "\x1b") || !strings.Contains(colored.String(), "\x1b[31m- gone\x1b[0m") {
		t.Errorf("%q", colored.String())
	}
	if err := plan.Print(&colored, p, "xml", false); err == nil {
		t.Error("xml is a format")
	}
}

// FuzzValuesFormatNothing commits any text as a static value: in Markdown each
// row of a table keeps its three cells, and no tag, code or line is opened by it.
func FuzzValuesFormatNothing(f *testing.F) {
	for _, s := range []string{"a|b", "`", "``x`", `\\|`, "</details>", "<!--", "\n\n# x", "\r", " x ", "@team", "\u2028|", "\x00", "$x$", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, to := split(map[string]float64{"a": 1}), split(map[string]float64{"a": 1})
		to.Backends[0].Static = []byte(s)
		to.Assignment = endpoints.Keys{{Source: schema.KeyBody, Name: s}}
		p := plan.Compare(declared(from), declared(to))
		if !p.Changes {
			return
		}
		text := printed(t, p, plan.FormatMarkdown)
		tags := regexp.MustCompile(`</?(details|summary|code)>|<!-- switchyard plan -->`)
		if rest := tags.ReplaceAllString(text, ""); strings.ContainsAny(rest, "<>") {
			t.Errorf("a tag is left: %s", text)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "|") && (strings.Count(line, "|") != 4 || strings.Count(line, "`")%2 != 0) {
				t.Errorf("a row is broken: %q", line)
			}
		}
		if again := regexp.MustCompile(`(?m)^<details>`).FindAllString(text, -1); len(again) != 1 {
			t.Errorf("%d parts to unfold: %s", len(again), text)
		}
	})
}

// Shares are never rounded to all or nothing.
func TestSharesAreNotRoundedAway(t *testing.T) {
	for weight, want := range map[float64]string{
		1e-9: "less than 0.0001 % of subjects", 0.001: "at most 0.1 % of subjects", 1: "at most 50 % of subjects",
		0.5: "at most 33.3 % of subjects", 999: "at most 99.9 % of subjects", 99_999: "more than 99.99 % of subjects",
	} {
		p := plan.Compare(declared(split(map[string]float64{"a": 1})), declared(split(map[string]float64{"a": 1, "b": weight})))
		if !strings.Contains(p.Summary.Text, want+" of pricing move") {
			t.Errorf("%v: %s, want %s", weight, p.Summary.Text, want)
		}
	}
}

// As many backends as a document can hold have millions of pairs.
func TestManyBackendsAreCompared(t *testing.T) {
	before, after := map[string]float64{}, map[string]float64{}
	for i := range 3000 {
		name := fmt.Sprint("b", i)
		before[name], after[name] = float64(i%17+1), float64(i%23+1)
	}
	l := live(t, split(before), split(after))
	if l.Moved <= 0 || l.Moved >= 1 || len(l.Moves) != 100 || l.Moves[0].Share < l.Moves[99].Share {
		t.Errorf("%v moved by %d moves", l.Moved, len(l.Moves))
	}
}
