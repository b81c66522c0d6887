package schema_test

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

// counted is a tree that counts what is opened in it. Its entries never change
// when they are the same.
type counted struct {
	fstest.MapFS
	opened  *[]string
	entries map[string]fs.DirEntry // by name and content
}

type countedEntry struct{ fs.DirEntry }

func (*countedEntry) Immutable() {}

func (c counted) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".yaml") {
		*c.opened = append(*c.opened, name)
	}
	return c.MapFS.Open(name)
}

func (c counted) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := c.MapFS.ReadDir(name)
	for i, e := range entries {
		key := fmt.Sprintf("%s %s", e.Name(), c.MapFS[name+"/"+e.Name()].Data)
		if c.entries[key] == nil {
			c.entries[key] = &countedEntry{e}
		}
		entries[i] = c.entries[key]
	}
	return entries, err
}

func TestFolderReadsAndParsesWhatChanged(t *testing.T) {
	for _, immutable := range []bool{true, false} {
		t.Run(fmt.Sprint("immutable=", immutable), func(t *testing.T) {
			var opened, parsed []string
			known := map[string]fs.DirEntry{}
			folder := schema.NewFolder("dev", schema.EndpointsFolder, func(f schema.File) (*string, schema.Diagnostics) {
				parsed = append(parsed, f.Path)
				text := string(f.Data)
				return &text, nil
			})
			read := func(texts map[string]string) map[string]*schema.Parsed[string] {
				opened, parsed = nil, nil
				files := fstest.MapFS{}
				for name, text := range texts {
					files["endpoints/"+name+".yaml"] = file(text)
				}
				tree := schema.Tree{FS: files}
				if immutable {
					tree.FS = counted{files, &opened, known}
				}
				documents, problems := folder.Read(tree)
				if len(documents) != len(texts) || len(problems) > 0 {
					t.Fatalf("%d documents of %d, %v", len(documents), len(texts), problems)
				}
				byPath := map[string]*schema.Parsed[string]{}
				for _, d := range documents {
					byPath[d.Path] = d
					if *d.Value != string(d.Data) || d.Branch != "dev" {
						t.Errorf("%+v is not what was parsed", d)
					}
				}
				return byPath
			}
			good := map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}
			first := read(good)
			folder.Keep()

			edited := maps.Clone(good)
			delete(edited, "a")
			edited["c"], edited["cc"] = "5", "6"
			second := read(edited)
			want := []string{"endpoints/c.yaml", "endpoints/cc.yaml"}
			if diff := cmp.Diff(want, parsed); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, opened); immutable && diff != "" {
				t.Errorf("opened (-want +got):\n%s", diff)
			}
			if second["endpoints/b.yaml"] != first["endpoints/b.yaml"] || second["endpoints/c.yaml"] == first["endpoints/c.yaml"] {
				t.Error("a document is not the one it should be")
			}
			read(nil)
			if back := read(good); !maps.Equal(first, back) || len(parsed) > 0 || immutable && len(opened) > 0 {
				t.Errorf("what was kept is read anew: opened %v, parsed %v", opened, parsed)
			}
			read(edited)
			folder.Keep()
			read(edited)
			if len(parsed) > 0 {
				t.Errorf("parsed again: %v", parsed)
			}
			if read(good); len(parsed) != 2 {
				t.Errorf("parsed %v: what is older than the revision that was kept is not remembered", parsed)
			}
		})
	}
}
