package endpoints_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "rewrite what the golden cases expect")

// TestAllProblemsOfARevisionAreReportedAtOnce has a revision in each file: the
// first folder of a path is the branch, and want is all that is wrong with it.
func TestAllProblemsOfARevisionAreReportedAtOnce(t *testing.T) {
	paths, err := filepath.Glob("testdata/problems/*.txtar")
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
	trees := map[string]fstest.MapFS{"main": {}}
	want := &txtar.File{}
	for i, f := range archive.Files {
		branch, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			want = &archive.Files[i]
			continue
		}
		if trees[branch] == nil {
			trees[branch] = fstest.MapFS{}
		}
		trees[branch][name] = &fstest.MapFile{Data: f.Data}
	}
	got := problemsOf(t, trees)
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("(-want +got; go test -run AllProblems -update accepts it)\n%s", diff)
	}
}

// problemsOf reads the branches as the gateway does: those that the endpoints
// name are there if they exist.
func problemsOf(t *testing.T, trees map[string]fstest.MapFS) string {
	t.Helper()
	rev := schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {FS: trees["main"]}}}
	for _, branch := range endpoints.Branches(rev.Trees["main"], "main") {
		if files, ok := trees[branch]; ok {
			rev.Trees[branch] = schema.Tree{FS: files}
		}
	}
	_, all, problems := newLoaders(deployments.Secrets{}).load(rev)
	for _, p := range problems {
		if strings.HasPrefix(p.File, schema.EndpointsFolder) {
			for _, e := range all {
				if e.Name == strings.TrimSuffix(filepath.Base(p.File), ".yaml") && p.Rule != schema.RuleConflict {
					t.Errorf("%s is among the endpoints and has problems", e.Name)
				}
			}
		}
		if p.Line > 0 && p.Source == "" {
			t.Errorf("%s comes without its line", p)
		}
	}
	var lines strings.Builder
	for _, p := range problems {
		lines.WriteString(p.String() + "\n")
	}
	return lines.String()
}
