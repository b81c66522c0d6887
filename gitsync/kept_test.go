package gitsync_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// keptFiles are the files of kept revisions, the oldest first.
func keptFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.revision"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// offline is a follower of the same repository, whose server is down: it has
// been asked once.
func offline(t *testing.T, o gitsync.Options, r *repo, judge func(*gitsync.Revision) error) *following {
	t.Helper()
	away := r.bare + ".away"
	if err := os.Rename(r.bare, away); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Rename(away, r.bare) })
	f := follow(t, o, judge)
	if err := f.sync(); !errors.Is(err, gitsync.ErrNoRepository) {
		t.Fatalf("sync: %v", err)
	}
	return f
}

// history commits that many revisions, each of which is taken, and gives their commits.
func history(t *testing.T, r *repo, o gitsync.Options, length int) []string {
	t.Helper()
	f := follow(t, o, nil)
	var out []string
	for i := range length {
		out = append(out, r.commit("main", fmt.Sprint("number ", i+1), files{"endpoints/a.yaml": endpoint() + fmt.Sprintf("# %d\n", i)}))
		f.mustSync()
	}
	_ = f.stop()
	return out
}

// TestW04EveryDamagedByteIsFound: whatever became of the newest file, the one
// before it serves, and the log says so.
func TestW04EveryDamagedByteIsFound(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 2)
	kept := keptFiles(t, o.StateDir)
	if len(kept) != 2 {
		t.Fatalf("kept are %q", kept)
	}
	newest := kept[1]
	good, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"empty": {}, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0)}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		damaged[fmt.Sprint("byte ", i)] = flipped
	}
	for name, data := range damaged {
		if err := os.WriteFile(newest, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := gitsync.ReadKept(o.StateDir)
		if err != nil || len(list) != 2 || list[0].Err == nil || list[1].Err != nil || !list[1].Live {
			t.Fatalf("%s: %+v, %v", name, list, err)
		}
	}
	for _, name := range []string{"empty", "cut", "longer", "byte 0", fmt.Sprint("byte ", len(good)/2)} {
		if err := os.WriteFile(newest, damaged[name], 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			f := offline(t, o, r, nil)
			if s := f.Status(); s.Live == nil || s.Live.Commit() != commits[0] || !s.Stale || !strings.Contains(f.log.String(), "the state file is ignored") {
				t.Errorf("status is %+v, log %s", s, f.log)
			}
		})
	}
}

func TestStateOfAnotherRepositoryIsIgnored(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	history(t, r, o, 1)
	o.URL = filepath.Join(t.TempDir(), "missing")
	f := follow(t, o, nil)
	_ = f.sync()
	if f.Status().Live != nil || !strings.Contains(f.log.String(), r.bare) {
		t.Errorf("log is %s", f.log)
	}
}

func TestTheLastRevisionsAreKeptAndDescribed(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		o.StateDir, o.Keep = filepath.Join(t.TempDir(), "new", "state"), 3
		f := follow(t, o, nil)
		r.commit("main", "first", files{"endpoints/a.yaml": endpoint()})
		f.mustSync()
		r.commit("dev", "dev", files{"deployments/d.yaml": "d\n"})
		second := r.commit("main", "second", files{"endpoints/b.yaml": endpoint("dev"), "endpoints/a.yaml": "changed\n"})
		f.mustSync()
		third := r.commit("main", "third", files{"endpoints/a.yaml": "", "endpoints/c.yaml": endpoint()})
		f.mustSync()
		fourth := r.commit("main", "fourth", nil)
		f.mustSync()
		r.move("main", second)
		f.mustSync()
		_ = f.stop() // what serves is kept by then
		list, err := f.Revisions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		type line struct {
			Number          int
			Commit, Subject string
			Live            bool
			Changes         gitsync.Changes
		}
		var got []line
		for _, k := range list {
			got = append(got, line{k.Number, k.Commit(), k.Heads["main"].Subject, k.Live, k.Changes})
			if k.Err != nil || time.Since(k.Saved) > time.Hour || k.Heads["main"].Author != "Ada" {
				t.Errorf("kept is %+v", k)
			}
		}
		want := []line{
			{5, second, "second", true, gitsync.Changes{Added: 1, Removed: 1, Files: []gitsync.Change{
				{"added", "main", "endpoints/a.yaml"}, {"removed", "main", "endpoints/c.yaml"},
			}}},
			{4, fourth, "fourth", false, gitsync.Changes{}},
			{3, third, "third", false, gitsync.Changes{Added: 1, Removed: 1, Files: []gitsync.Change{
				{"removed", "main", "endpoints/a.yaml"}, {"added", "main", "endpoints/c.yaml"},
			}}},
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(gitsync.Head{})); diff != "" {
			t.Error(diff)
		}
		read, err := gitsync.ReadKept(o.StateDir)
		if diff := cmp.Diff(list, read, cmpopts.IgnoreUnexported(gitsync.Head{})); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		for _, file := range keptFiles(t, o.StateDir) {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %s, %v", file, info.Mode(), err)
			}
		}
		if info, err := os.Stat(o.StateDir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder has mode %s, %v", info.Mode(), err)
		}
	})
}

// What is kept is what was taken, byte for byte, whatever it is.
func TestKeptRevisionsAreWhole(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	large := strings.Repeat("x", 64<<10+1)
	shared := strings.Repeat("the same on both\n", 9)
	r.commit("dev", "dev", files{"deployments/d.yaml": shared, "deployments/only.yaml": "dev\n"})
	r.commit("main", "one", files{
		"endpoints/a.yaml": endpoint("dev", "gone"), "endpoints/large.yaml": large, "endpoints/é ü.yaml": "\x00\xff odd\n",
		"endpoints/deep/b.yaml": "not read\n", "deployments/d.yaml": shared,
	})
	f := follow(t, o, nil)
	live := f.mustSync()
	_ = f.stop()
	restored := offline(t, o, r, nil).Status().Live
	if diff := cmp.Diff(commits(live), commits(restored)); diff != "" {
		t.Error(diff)
	}
	for branch, head := range live.Heads {
		if diff := cmp.Diff(entries(t, head.Tree), entries(t, restored.Heads[branch].Tree)); diff != "" {
			t.Errorf("%s: %s", branch, diff)
		}
	}
}

// entries describes all of a tree.
func entries(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %s %d", path, info.Mode(), info.Size())
		if d.Type().IsRegular() {
			data, err := fs.ReadFile(tree, path)
			line += fmt.Sprintf(" %s %v", shortHash(data), err)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A folder that cannot be written is told once, and stops nothing.
func TestStateThatCannotBeWrittenStopsNothing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := options(r.bare)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.StateDir = filepath.Join(blocked, "state")
	f := follow(t, o, nil)
	f.mustSync()
	f.mustSync()
	eventually(t, func() bool { return f.Status().Unkept != nil })
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	f.mustSync()
	eventually(t, func() bool { return f.Status().Unkept == nil && len(keptFiles(t, o.StateDir)) == 1 })
	if n := strings.Count(f.log.String(), "could not be kept"); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
}
