package record_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentedValuesAreThoseOfRecords compares the values that docs/records.md lists
// with the constants of the source, for a list there cannot be known otherwise.
func TestDocumentedValuesAreThoseOfRecords(t *testing.T) {
	page := readPage(t)
	for _, c := range []struct{ file, constants, after, end string }{
		{"record.go", "Role", "| `role` |", "\n"},
		{"record.go", "Outcome", "| `outcome` |", "\n"},
		{"record.go", "ErrorKind", "`errorKind` is one of: ", "\n\n"},
		{"comparison.go", "Unpaired", "- `unpaired` is one of ", "\n\n"},
		{"../capture/rule.go", "Omitted", "| `omitted` |", "\n"},
	} {
		_, text, _ := strings.Cut(page, c.after)
		text, _, _ = strings.Cut(text, c.end)
		var documented []string
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(text, -1) {
			documented = append(documented, m[1])
		}
		slices.Sort(documented)
		if diff := cmp.Diff(constantsOf(t, c.file, c.constants), documented); diff != "" {
			t.Errorf("%s (-%s +docs/records.md):\n%s", c.constants, c.file, diff)
		}
	}
}

// constantsOf are the texts, in order and without the empty one, of a file's constants
// that have a type, or a name that begins with it.
func constantsOf(t *testing.T, path, kind string) (all []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		of, _ := spec.Type.(*ast.Ident)
		value, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || (of == nil || of.Name != kind) && !strings.HasPrefix(spec.Names[0].Name, kind) {
			return false
		}
		text, err := strconv.Unquote(value.Value)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" {
			all = append(all, text)
		}
		return false
	})
	slices.Sort(all)
	return all
}
