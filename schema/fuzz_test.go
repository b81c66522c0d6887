package schema_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/schema"
)

// FuzzEndpoint holds every input to what ParseEndpoint promises.
func FuzzEndpoint(f *testing.F) {
	seed(f, "endpoint")
	f.Fuzz(func(t *testing.T, data []byte) {
		file := schema.File{Path: "endpoints/fuzzed.yaml", Data: data}
		e, ds := parse(t, file, schema.ParseEndpoint)
		switch {
		case len(ds) == 0:
			soundEndpoint(t, e)
		case e != nil:
			partEndpoint(t, e)
		}
	})
}

// FuzzDeployment holds every input to what ParseDeployment promises.
func FuzzDeployment(f *testing.F) {
	seed(f, "deployment")
	f.Fuzz(func(t *testing.T, data []byte) {
		file := schema.File{Path: "deployments/fuzzed.yaml", Data: data}
		d, ds := parse(t, file, schema.ParseDeployment)
		switch {
		case len(ds) == 0:
			soundDeployment(t, d)
		case d != nil:
			partDeployment(t, d)
		}
	})
}

// seed adds the golden cases of a kind and shapes that are hard on parsers.
func seed(f *testing.F, kind string) {
	f.Helper()
	for _, input := range goldenInputs(f, kind) {
		f.Add(input.Data)
	}
	for _, s := range hardShapes() {
		f.Add([]byte(s))
	}
}

// hardShapes are small texts that grow or nest.
func hardShapes() []string {
	return []string{
		"", "\xef\xbb\xbf", "\x00", "\xff\xfe", "---\n---\n", "--- !foo\n", "%YAML 1.2\n---\na: b\n", "? [a]\n: b\n", "<<: [*a]\n",
		"a: &a [*a]\n", "a: &a {<<: *a}\n", "a: &a\n  b: *a\n", strings.Repeat("[", 100), strings.Repeat("{a: ", 100), strings.Repeat("- ", 100),
		strings.Repeat("? ", 100), "a: |\n  x\n \ty\n", "a: >-\n\n\n", "'", "\"\\u12", "\"\\ud83d\\ude00\"", "&a a: *a\n", "# only\r\n# comments\r", "a: b\rc: d\r\n",
	}
}

// parse checks what holds for each parser and input: it ends soon, says the
// same twice, and says it in order about places that are in the file.
func parse[T any](t *testing.T, file schema.File, parser func(schema.File) (T, schema.Diagnostics)) (T, schema.Diagnostics) {
	t.Helper()
	start := time.Now()
	value, ds := parser(file)
	if took := time.Since(start); took > time.Minute { // hangs alone: a busy machine takes ten seconds for what takes a fifth of one
		t.Errorf("parsing %d bytes took %v", len(file.Data), took)
	}
	again, dsAgain := parser(file)
	if diff := cmp.Diff(value, again); diff != "" {
		t.Errorf("a second parse differs:\n%s", diff)
	}
	if diff := cmp.Diff(ds, dsAgain); diff != "" {
		t.Errorf("a second parse has other diagnostics:\n%s", diff)
	}
	if !slices.IsSortedFunc(ds, func(a, b schema.Diagnostic) int { return a.Compare(b.Position) }) {
		t.Errorf("diagnostics are not sorted:\n%v", ds)
	}
	lines := linesOf(file.Data)
	for _, d := range ds {
		inFile(t, file, lines, d)
	}
	return value, ds
}

// inFile checks that a diagnostic points into the file and shows its line.
func inFile(t *testing.T, file schema.File, lines []string, d schema.Diagnostic) {
	t.Helper()
	switch {
	case d.Message == "" || d.Rule == "" || d.File != file.Path || d.Branch != file.Branch:
		t.Errorf("incomplete diagnostic %#v", d)
	case d.Line == 0 && (d.Rule == schema.RuleFile || d.Rule == schema.RuleSize):
	case d.Line < 1 || d.Line > len(lines):
		t.Errorf("line outside of the %d lines of the file: %v", len(lines), d)
	case d.Column < 1 || d.Column > utf8.RuneCountInString(lines[d.Line-1])+1:
		t.Errorf("column outside of line %q: %v", lines[d.Line-1], d)
	case utf8.RuneCountInString(d.Source) != utf8.RuneCountInString(lines[d.Line-1]):
		t.Errorf("source %q is not line %q: %v", d.Source, lines[d.Line-1], d)
	}
	if !utf8.ValidString(d.Message) || strings.ContainsAny(d.Message, "\r\n") {
		t.Errorf("message is no line of text: %q", d.Message)
	}
}

// linesOf splits a file into lines as YAML does, independently of the parser.
func linesOf(data []byte) []string {
	text := strings.TrimPrefix(string(data), "\uFEFF")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// golden reads the golden cases of a kind: each is an archive of documents and
// of what is wrong with them.
func goldenInputs(tb testing.TB, kind string) []txtar.File {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", kind, "*.txtar"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no golden cases in testdata/%s: %v", kind, err)
	}
	var inputs []txtar.File
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range txtar.Parse(data).Files {
			if f.Name != want {
				inputs = append(inputs, f)
			}
		}
	}
	return inputs
}

// FuzzSettings holds every input to what ParseSettings promises.
func FuzzSettings(f *testing.F) {
	seed(f, "settings")
	f.Fuzz(func(t *testing.T, data []byte) {
		values, ds := parse(t, schema.File{Path: "switchyard.yaml", Data: data}, schema.ParseSettings)
		if (values == nil) != (len(ds) > 0) {
			t.Fatalf("settings %v with diagnostics %v", values, ds)
		}
		for _, s := range schema.Settings() {
			if v, ok := values[s.Key]; ok && s.Check(v.V) != nil {
				t.Errorf("%s: %q is accepted and does not pass its check: %v", s.Key, v.V, s.Check(v.V))
			}
		}
	})
}
