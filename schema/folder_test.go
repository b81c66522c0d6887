package schema_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
		key := e.Name()
		if f := c.MapFS[name+"/"+key]; f != nil {
			key += " " + string(f.Data)
		}
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
			var mu sync.Mutex // guards parsed
			known := map[string]fs.DirEntry{}
			folder := schema.NewFolder("dev", schema.EndpointsFolder, func(f schema.File) (*string, schema.Diagnostics) {
				mu.Lock()
				defer mu.Unlock()
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

// TestFolderReadsLikeDocuments: whatever was read before, a Folder finds what
// Documents finds.
func TestFolderReadsLikeDocuments(t *testing.T) {
	names := []string{"a.yaml", "a.yml", "b.yaml", "c.yml", ".hidden.yaml", "README.md", "Bad.yaml", "d.yaml/x", "e.YAML"}
	random := rand.New(rand.NewPCG(1, 2))
	for _, immutable := range []bool{true, false} {
		opened, known := []string{}, map[string]fs.DirEntry{}
		folder := schema.NewFolder("", schema.EndpointsFolder, func(f schema.File) (*string, schema.Diagnostics) {
			text := string(f.Data)
			return &text, nil
		})
		files := fstest.MapFS{}
		for step := range 500 {
			name := "endpoints/" + names[random.IntN(len(names))]
			switch random.IntN(6) {
			case 0:
				delete(files, name)
			case 1:
				files[name] = file(strings.Repeat("x", schema.MaxFileSize+1))
			case 2:
				files = maps.Clone(files)
				folder.Keep()
			default:
				files[name] = file(strconv.Itoa(random.IntN(3)))
			}
			tree := schema.Tree{FS: maps.Clone(files)}
			if immutable {
				tree.FS = counted{maps.Clone(files), &opened, known}
			}
			want, problems := schema.Documents(tree, "", schema.EndpointsFolder)
			got, more := folder.Read(tree)
			found := make([]schema.File, 0, len(got))
			for _, d := range got {
				found = append(found, d.File)
				if *d.Value != string(d.Data) {
					t.Fatalf("step %d: %s was parsed from other bytes", step, d.Path)
				}
			}
			if diff := cmp.Diff(want, found, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("step %d: documents (-want +got):\n%s", step, diff)
			}
			if diff := cmp.Diff(problems, more, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("step %d: problems (-want +got):\n%s", step, diff)
			}
		}
	}
}

// BenchmarkFolder reads a folder of 10,000 documents of which one has changed.
func BenchmarkFolder(b *testing.B) {
	known, opened := map[string]fs.DirEntry{}, []string{}
	trees := [2]schema.Tree{}
	for i := range trees {
		files := fstest.MapFS{}
		for n := range 10_000 {
			files[fmt.Sprintf("endpoints/e%d.yaml", n)] = file("text")
		}
		files["endpoints/e5000.yaml"] = file(strconv.Itoa(i))
		c := counted{files, &opened, known}
		entries, err := c.ReadDir("endpoints")
		if err != nil {
			b.Fatal(err)
		}
		trees[i].FS = listed{c, entries}
	}
	folder := schema.NewFolder("", schema.EndpointsFolder, func(schema.File) (*string, schema.Diagnostics) {
		return new(string), nil
	})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if documents, problems := folder.Read(trees[i%2]); len(documents) != 10_000 || len(problems) > 0 {
			b.Fatal(problems)
		}
	}
}

// listed is a tree that has its folder at hand.
type listed struct {
	counted
	entries []fs.DirEntry
}

func (l listed) ReadDir(string) ([]fs.DirEntry, error) { return l.entries, nil }

// TestFolderPanicsWhereItIsRead: whoever reads a folder can recover from a parser
// that panics, also at the first time.
func TestFolderPanicsWhereItIsRead(t *testing.T) {
	folder := schema.NewFolder("", schema.EndpointsFolder, func(f schema.File) (*string, schema.Diagnostics) {
		if string(f.Data) == "bad" {
			panic("cannot parse that")
		}
		return new(string), nil
	})
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "cannot parse that") {
			t.Errorf("it panicked with %q", got)
		}
	}()
	folder.Read(schema.Tree{FS: fstest.MapFS{"endpoints/a.yaml": file("good"), "endpoints/b.yaml": file("bad"), "endpoints/c.yaml": file("good")}})
	t.Error("it did not panic")
}
