package migrate_test

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
	"github.com/switchyard-gateway/switchyard/migrate"
	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "rewrite what the cases expect")

// Each case is an archive: the configuration first, then the files that it must
// become, and the notes or diagnostics, one a line.
func TestJetProxyCases(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("there are %d cases: %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := &txtar.Archive{Comment: archive.Comment, Files: append(archive.Files[:1:1], migrated(t, archive.Files[0].Data)...)}
			if *update {
				if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func migrated(t *testing.T, config []byte) []txtar.File {
	t.Helper()
	parsed, problems := schema.ParseJetProxy(schema.File{Path: "config.yaml", Data: config})
	if len(problems) > 0 {
		return []txtar.File{{Name: "problems", Data: []byte(problems.Error() + "\n")}}
	}
	result := migrate.JetProxy(parsed, "main")
	var files []txtar.File
	for _, f := range result.Files {
		files = append(files, txtar.File{Name: f.Path, Data: []byte(f.Text)})
	}
	if len(result.Notes) > 0 {
		var b strings.Builder
		for _, n := range result.Notes {
			b.WriteString(n.Position.String() + ": " + n.Message + "\n")
		}
		files = append(files, txtar.File{Name: "notes", Data: []byte(b.String())})
	}
	return files
}

// TestJetProxysOwnExampleServes checks what becomes of it as the gateway would.
func TestJetProxysOwnExampleServes(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "example.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, f := range archive.Files[1:] {
		tree[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	rev := schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {FS: tree}}}
	set, problems := deployments.NewLoader(deployments.Secrets{}).Load(rev)
	declared, more := endpoints.NewLoader().Load(rev, set)
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(declared) != 2 {
		t.Errorf("%d endpoints, want 2", len(declared))
	}
}
