package schema_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

func file(data string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(data)} }

func TestDocuments(t *testing.T) {
	tree := schema.Tree{FS: fstest.MapFS{
		"README.md":                   file("x"),
		"endpoints/b.yaml":            file("b"),
		"endpoints/a.yml":             file("a"),
		"endpoints/.hidden.yaml":      file("x"),
		"endpoints/.yaml":             file("x"),
		"endpoints/README.md":         file("x"),
		"endpoints/c.yaml.bak":        file("x"),
		"endpoints/folder/d.yaml":     file("x"),
		"endpoints/folder.yaml/e":     file("x"),
		"endpoints/Upper.yaml":        file("x"),
		"endpoints/with-dash.yaml":    file("x"),
		"endpoints/ending.YAML":       file("x"),
		"endpoints/twice.yaml":        file("x"),
		"endpoints/twice.yml":         file("x"),
		"endpoints/link.yaml":         {Data: []byte("b.yaml"), Mode: fs.ModeSymlink},
		"endpoints/pipe.yaml":         {Mode: fs.ModeNamedPipe},
		"endpoints/large.yaml":        file(strings.Repeat("x", schema.MaxFileSize+1)),
		"endpoints/full.yaml":         file(strings.Repeat("x", schema.MaxFileSize)),
		"deployments/Model.v-1.yaml":  file("m"),
		"deployments/other.yaml":      file("o"),
		"deployments/OTHER.yml":       file("o"),
		"deployments/-x.yaml":         file("x"),
		"deployments/other/main.yaml": file("x"),
	}}
	tests := map[string]struct {
		branch, folder string
		files          []string
		problems       string
	}{
		"endpoints": {
			folder: schema.EndpointsFolder,
			files:  []string{"endpoints/a.yml", "endpoints/b.yaml", "endpoints/full.yaml"},
			problems: `endpoints/Upper.yaml: a file here cannot be named "Upper.yaml"; before its ending, the name takes small letters a to z, digits and _ [file]
endpoints/ending.YAML: the ending .YAML is not read; write it in small letters: ending.yaml [file]
endpoints/large.yaml: the file is larger than 64 KiB [size]
endpoints/link.yaml: a document must be a regular file, not a symbolic link [file]
endpoints/pipe.yaml: a document must be a regular file, not a special file [file]
endpoints/twice.yml: twice.yml and twice.yaml bear the same name; remove one of them [file]
endpoints/with-dash.yaml: a file here cannot be named "with-dash.yaml"; before its ending, the name takes small letters a to z, digits and _ [file]`,
		},
		"deployments": {
			branch: "dev", folder: schema.DeploymentsFolder,
			files: []string{"deployments/Model.v-1.yaml"},
			problems: `dev:deployments/-x.yaml: a file here cannot be named "-x.yaml"; before its ending, the name takes letters, digits, _ . and -, beginning with a letter or a digit [file]
dev:deployments/other.yaml: other.yaml and OTHER.yml bear the same name; remove one of them [file]`,
		},
		"missing folder": {folder: "nowhere"},
		"no folder":      {folder: "README.md", problems: "README.md: README.md must be a folder, not a file [file]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files, ds := schema.Documents(tree, tt.branch, tt.folder)
			var got []string
			for _, f := range files {
				got = append(got, f.Path)
				if f.Branch != tt.branch || len(f.Data) == 0 {
					t.Errorf("got %s on %q with %d bytes", f.Path, f.Branch, len(f.Data))
				}
			}
			if diff := cmp.Diff(tt.files, got); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, ds.Error()); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

func TestDocumentsOfNoTree(t *testing.T) {
	if files, ds := schema.Documents(schema.Tree{}, "", schema.EndpointsFolder); files != nil || ds != nil {
		t.Errorf("got %v, %v", files, ds)
	}
}

// TestDocumentsOfWorkTree has what only a real file system has.
func TestDocumentsOfWorkTree(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("real/a.yaml")
	write("endpoints/a.yaml")
	for from, to := range map[string]string{"deployments": "real", "endpoints/b.yaml": "a.yaml", "endpoints/gone.yaml": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip(err)
		}
	}
	tree := schema.Tree{FS: os.DirFS(dir)}
	_, ds := schema.Documents(tree, "", schema.DeploymentsFolder)
	if got, want := ds.Error(), "deployments: deployments must be a folder, not a symbolic link [file]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	files, ds := schema.Documents(tree, "", schema.EndpointsFolder)
	if len(files) != 1 || len(ds) != 2 {
		t.Errorf("got %v, %v", files, ds)
	}
}

// brokenFS lists a file that cannot be read.
type brokenFS struct{ fstest.MapFS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".yaml") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("input/output error")}
	}
	return b.MapFS.Open(name)
}

func TestDocumentsThatCannotBeRead(t *testing.T) {
	tree := schema.Tree{FS: brokenFS{fstest.MapFS{"endpoints/a.yaml": file("x")}}}
	files, ds := schema.Documents(tree, "", schema.EndpointsFolder)
	if got, want := ds.Error(), "endpoints/a.yaml: cannot be read: input/output error [file]"; got != want || files != nil {
		t.Errorf("got %s and %v, want %s", got, files, want)
	}
}

// TestTenThousandDocuments bounds what a large repository costs, with room for
// the race detector on a busy machine, where half a minute is not enough.
func TestTenThousandDocuments(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range 10_000 {
		tree[fmt.Sprintf("endpoints/e%d.yaml", i)] = file(typical)
	}
	start := time.Now()
	files, ds := schema.Documents(schema.Tree{FS: tree}, "", schema.EndpointsFolder)
	for _, f := range files {
		if _, more := schema.ParseEndpoint(f); more != nil {
			t.Fatal(more)
		}
	}
	if len(files) != 10_000 || ds != nil {
		t.Fatalf("got %d files, %v", len(files), ds)
	}
	if took := time.Since(start); took > 5*time.Minute {
		t.Errorf("took %v", took)
	}
}

// typical is an endpoint as people write it.
const typical = `# Prices of all shops.
schemaVersion: 1
backends:
  control:
    deployment: {branch: main, name: pricing_model_v1, version: latest}
    weight: 95
  experiment:
    deployment:
      branch: main
      name: pricing_model_v2
      version: 3
    weight: 5
mirrors:
  mirror_1:
    deployment: {branch: dev, name: pricing_model_v3, version: latest}
    percent: 12.5
assignment:
  key: header:x-user-id
timeout: 60s
`

func BenchmarkParseEndpoint(b *testing.B) {
	b.ReportAllocs()
	f := schema.File{Path: "endpoints/pricing.yaml", Data: []byte(typical)}
	for b.Loop() {
		if _, ds := schema.ParseEndpoint(f); ds != nil {
			b.Fatal(ds)
		}
	}
}

func BenchmarkParseDeployment(b *testing.B) {
	b.ReportAllocs()
	f := schema.File{Path: "deployments/pricing.yaml", Data: []byte(`schemaVersion: 1
versions:
  1: {url: "http://10.0.0.5:8001/predict"}
  3:
    url: ["http://10.0.0.6:8001/predict", "http://10.0.0.7:8001/predict"]
    headers: {Authorization: "Bearer ${env:PRICING_TOKEN}"}
    methods: [POST]
aliases: {stable: 1, v1.0: 1}
`)}
	for b.Loop() {
		if _, ds := schema.ParseDeployment(f); ds != nil {
			b.Fatal(ds)
		}
	}
}

// BenchmarkParseBroken parses the largest file with a syntax error at its end,
// which is looked for by parsing again.
func BenchmarkParseBroken(b *testing.B) {
	b.ReportAllocs()
	data := strings.Repeat("# comment\nkey: [a, b]\n", 2900) + "a: b: c\n"
	f := schema.File{Path: "endpoints/pricing.yaml", Data: []byte(data)}
	for b.Loop() {
		if _, ds := schema.ParseEndpoint(f); len(ds) != 1 {
			b.Fatal(ds)
		}
	}
}

func BenchmarkDocuments(b *testing.B) {
	tree := fstest.MapFS{}
	for i := range 1000 {
		tree[fmt.Sprintf("endpoints/e%d.yaml", i)] = file(typical)
	}
	b.ReportAllocs()
	for b.Loop() {
		if files, _ := schema.Documents(schema.Tree{FS: tree}, "", schema.EndpointsFolder); len(files) != 1000 {
			b.Fatal(len(files))
		}
	}
}
