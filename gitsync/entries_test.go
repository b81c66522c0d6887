package gitsync_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// What is no plain file is listed for what it is, and never followed.
func TestOddEntriesAreListedNeverFollowed(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		large, edge := strings.Repeat("x", 64<<10+1), strings.Repeat("y", 64<<10)
		huge := strings.Repeat("z", 3<<20)
		r.commit("dev", "dev", files{"deployments/huge.yaml": huge, "deployments/d.yaml": "dev\n"})
		r.write(writing{branch: "main", message: "odd", change: files{
			"endpoints/a.yaml": endpoint("dev"), "endpoints/run.yaml": "executable\n", "endpoints/large.yaml": large,
			"endpoints/edge.yaml": edge, "endpoints/deep/er/b.yaml": "deep\n", "endpoints/é ü.yaml": "odd name\n",
			"endpoints/a-link.yaml": "a.yaml", "endpoints/up.yaml": "../../../etc/passwd", "endpoints/dir-link": "..",
			"endpoints/module": strings.Repeat("12", 20),
		}, modes: map[string]string{
			"endpoints/run.yaml": "100755", "endpoints/a-link.yaml": "120000", "endpoints/up.yaml": "120000", "endpoints/dir-link": "120000",
			"endpoints/module": "160000",
		}})

		f := follow(t, o, nil)
		live := f.mustSync()
		check := func(live *gitsync.Revision) {
			t.Helper()
			tree := live.Heads["main"].Tree
			entries, err := fs.ReadDir(tree, "endpoints")
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, e := range entries {
				got[e.Name()] = e.Type().String()
				if info, err := e.Info(); err == nil && e.Type().IsRegular() {
					got[e.Name()] = info.Mode().String()
				}
			}
			want := map[string]string{
				"a.yaml": "-r--r--r--", "run.yaml": "-r-xr-xr-x", "large.yaml": "-r--r--r--", "edge.yaml": "-r--r--r--",
				"é ü.yaml": "-r--r--r--", "deep": "d---------", "a-link.yaml": "L---------", "up.yaml": "L---------",
				"dir-link": "L---------", "module": "?---------",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, name := range []string{"a-link.yaml", "up.yaml", "module", "dir-link/a.yaml", "../work", "deep/er"} {
				if data, err := fs.ReadFile(tree, "endpoints/"+name); err == nil {
					t.Errorf("%s could be read: %q", name, data)
				}
			}
			if _, err := fs.ReadFile(tree, "endpoints/large.yaml"); !errors.Is(err, gitsync.ErrFileTooLarge) {
				t.Errorf("large.yaml: %v", err)
			}
			for _, c := range []struct {
				branch, name string
			}{{"main", "endpoints/large.yaml"}, {"dev", "deployments/huge.yaml"}} {
				info, err := fs.Stat(live.Heads[c.branch].Tree, c.name)
				if err != nil || info.Size() <= 64<<10 {
					t.Errorf("%s: %v, %v", c.name, info, err)
				}
			}
			if data, err := fs.ReadFile(tree, "endpoints/edge.yaml"); err != nil || string(data) != edge {
				t.Errorf("edge.yaml: %d bytes, %v", len(data), err)
			}
		}
		check(live)
		// The odd ones stay while others change, and as a large file grows.
		r.commit("main", "next", files{"endpoints/z.yaml": "z\n"})
		next := f.mustSync()
		if _, err := fs.Stat(next.Heads["main"].Tree, "endpoints/z.yaml"); err != nil {
			t.Error(err)
		}
		r.write(writing{branch: "main", message: "larger", parents: []string{"main"}, change: files{
			"endpoints/module": strings.Repeat("13", 20), "endpoints/large.yaml": large + large, "endpoints/z.yaml": "",
		}, modes: map[string]string{"endpoints/module": "160000"}})
		check(f.mustSync())
		// A file that was too large is read once it is small enough.
		r.commit("main", "smaller", files{"endpoints/large.yaml": "small now\n"})
		if data, err := fs.ReadFile(f.mustSync().Heads["main"].Tree, "endpoints/large.yaml"); err != nil || string(data) != "small now\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
}

func TestTreeIsAnFS(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": "a\n", "endpoints/b.yaml": "b\n", "endpoints/deep/c.yaml": "c\n", "deployments/d.yaml": "d\n"})
	live, err := gitsync.Read(t.Context(), options(r.bare), "")
	if err != nil {
		t.Fatal(err)
	}
	tree := live.Heads["main"].Tree
	if err := fstest.TestFS(tree, "endpoints/a.yaml", "endpoints/b.yaml", "endpoints/deep", "deployments/d.yaml"); err != nil {
		t.Error(err)
	}
	data, err := fs.ReadFile(tree, "endpoints/a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	data[0] = 'X'
	file, err := tree.Open("endpoints/a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if again, err := io.ReadAll(file); err != nil || string(again) != "a\n" {
		t.Errorf("the revision was changed through what was read: %q, %v", again, err)
	}
}

// Readers of one revision after another tell by it what they need not read.
func TestEntriesAreEqualExactlyWhereFilesDidNotChange(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.commit("main", "one", files{"endpoints/a.yaml": "a\n", "endpoints/b.yaml": "b\n"})
		f := follow(t, o, nil)
		entries := func() map[string]fs.DirEntry {
			all, err := fs.ReadDir(f.mustSync().Heads["main"].Tree, "endpoints")
			if err != nil {
				t.Fatal(err)
			}
			byName := map[string]fs.DirEntry{}
			for _, e := range all {
				if _, ok := e.(interface{ Immutable() }); !ok {
					t.Errorf("%s may change", e.Name())
				}
				byName[e.Name()] = e
			}
			return byName
		}
		first := entries()
		r.commit("main", "two", files{"endpoints/b.yaml": "c\n"})
		second := entries()
		if first["a.yaml"] != second["a.yaml"] || first["b.yaml"] == second["b.yaml"] {
			t.Errorf("%v became %v", first, second)
		}
	})
}
