package gitsync_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// Every shape in which git keeps a repository on disk is read in place.
func TestLocalRepositoriesOfEveryShape(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(r *repo) string{
		"bare":     func(r *repo) string { return r.bare },
		"file URL": func(r *repo) string { return "file://" + r.bare },
		"work tree": func(r *repo) string {
			return r.workTree()
		},
		"linked work tree": func(r *repo) string {
			linked := r.bare + "-linked"
			r.gitIn(r.workTree(), "worktree", "add", "-q", "--detach", linked)
			return linked
		},
		"packed by gc": func(r *repo) string {
			r.git("gc", "-q", "--aggressive", "--prune=now")
			return r.bare
		},
		"packed references": func(r *repo) string {
			r.git("pack-refs", "--all", "--prune")
			return r.bare
		},
		"many packs": func(r *repo) string {
			for i := range 5 {
				r.commit("main", "more", files{fmt.Sprintf("endpoints/%d.yaml", i): endpoint()})
				r.git("repack", "-q", "-d")
			}
			r.git("multi-pack-index", "write")
			return r.bare
		},
		"shallow clone": func(r *repo) string {
			shallow := r.bare + "-shallow"
			r.git("clone", "-q", "--depth=1", "--no-single-branch", "--bare", "file://"+r.bare, shallow)
			return shallow
		},
		"alternates": func(r *repo) string {
			shared := r.bare + "-shared"
			r.git("clone", "-q", "--bare", "--shared", r.bare, shared)
			return shared
		},
		"relative and nested alternates": func(r *repo) string {
			shared := r.bare + "-shared"
			r.git("clone", "-q", "--bare", "--shared", r.bare, shared)
			nested := r.bare + "-nested"
			r.git("clone", "-q", "--bare", "--shared", shared, nested)
			file := filepath.Join(nested, "objects/info/alternates")
			if err := os.WriteFile(file, []byte("../../"+filepath.Base(shared)+"/objects\n"), 0o600); err != nil {
				r.t.Fatal(err)
			}
			return nested
		},
		"symbolic branch": func(r *repo) string {
			r.git("branch", "-m", "main", "trunk")
			r.git("symbolic-ref", "refs/heads/main", "refs/heads/trunk")
			return r.bare
		},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
			r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev")})
			r.commit("main", "two", files{"endpoints/a.yaml": endpoint("dev", "gone"), "deployments/d.yaml": "main\n"})
			live, err := gitsync.Read(t.Context(), options(shape(r)), "")
			if err != nil {
				t.Fatal(err)
			}
			r.compare(t, name, live)
		})
	}
}

// workTree is a clone with the branches of the repository as its own.
func (r *repo) workTree() string {
	r.t.Helper()
	dir := r.clone()
	r.gitIn(dir, "branch", "-q", "dev", "origin/dev")
	return dir
}

func TestUnsupportedLocalFormatsSaySo(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	sha256 := filepath.Join(t.TempDir(), "sha256")
	r.git("init", "-q", "-b", "main", "--object-format=sha256", sha256)
	if err := os.Mkdir(filepath.Join(sha256, "endpoints"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.gitIn(sha256, "commit", "-q", "--allow-empty", "-m", "one")
	empty := t.TempDir()
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"sha256":       {sha256, gitsync.ErrFormat},
		"no folder":    {filepath.Join(empty, "none"), gitsync.ErrNoRepository},
		"empty folder": {empty, gitsync.ErrNoRepository},
	} {
		if _, err := gitsync.Read(t.Context(), options(c.path), ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := r.serve(nil)
	sha256Bare := filepath.Join(filepath.Dir(r.bare), "sha256.git")
	r.git("clone", "-q", "--bare", sha256, sha256Bare)
	_, err := gitsync.Read(t.Context(), options(strings.Replace(s, "models", "sha256", 1)), "")
	if !errors.Is(err, gitsync.ErrFormat) {
		t.Errorf("sha256 over http: %v", err)
	}
}

// Others commit, push, collect garbage and repack while the follower reads: no
// sync fails, and each revision is one that git made.
func TestReadingWhileGitWrites(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("dev", "dev", files{"deployments/d.yaml": "0\n"})
	r.commit("main", "0", files{"endpoints/a.yaml": endpoint("dev")})
	f := follow(t, options(r.bare), nil)
	f.mustSync()
	made := map[string]bool{r.tip("main"): true}
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := f.Sync(context.Background()); err != nil {
					t.Errorf("sync: %v", err)
					return
				}
			}
		}
	})
	work := r.clone()
	for i := range 25 {
		put(t, work, files{fmt.Sprintf("endpoints/e%d.yaml", i%7): endpoint("dev") + fmt.Sprint("# ", i, "\n")})
		r.gitIn(work, "add", "-A")
		r.gitIn(work, "commit", "-qm", strconv.Itoa(i))
		made[r.gitIn(work, "rev-parse", "HEAD")] = true
		r.gitIn(work, "push", "-q", "origin", "main")
		switch i % 3 {
		case 0:
			r.git("gc", "-q", "--prune=now")
		case 1:
			r.git("repack", "-qad")
		default:
			r.git("pack-refs", "--all")
		}
	}
	close(done)
	reading.Wait()
	f.mustSync()
	for _, live := range f.taken {
		if !made[live.Commit()] {
			t.Errorf("commit %s was never made", live.Commit())
		}
	}
	r.compare(t, "at the end", f.Status().Live)
}

func TestReadAtARevision(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.git("config", "uploadpack.allowAnySHA1InWant", "true")
		r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
		first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev")})
		r.git("tag", "plain", first)
		r.git("tag", "-a", "-m", "annotated", "v1.0", first)
		second := r.commit("main", "two", files{"endpoints/b.yaml": endpoint("dev")})
		topic := r.commit("topic/x", "topic", files{"endpoints/c.yaml": endpoint("dev")})
		for rev, want := range map[string]string{
			"": second, "main": second, "plain": first, "v1.0": first, first: first, "topic/x": topic,
			"refs/heads/main": second, "refs/tags/v1.0": first, "HEAD": second,
		} {
			live, err := gitsync.Read(t.Context(), o, rev)
			if err != nil {
				t.Errorf("%q: %v", rev, err)
				continue
			}
			if diff := cmp.Diff(map[string]string{"main": want, "dev": r.tip("dev")}, commits(live)); diff != "" {
				t.Errorf("%q: %s", rev, diff)
			}
		}
		for _, rev := range []string{"nowhere", strings.Repeat("ab", 20), "main:endpoints", "-x", "../main"} {
			if _, err := gitsync.Read(t.Context(), o, rev); !errors.Is(err, gitsync.ErrNoRevision) {
				t.Errorf("%q: %v", rev, err)
			}
		}
	})
}

func TestWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	dev := r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev"), "deep/er/x": "x\n"})
	clone := filepath.Join(t.TempDir(), "clone")
	r.git("clone", "-q", r.bare, clone)
	r.gitIn(clone, "checkout", "-q", "-b", "topic")
	w, err := gitsync.FindWorkTree(filepath.Join(clone, "deep/er"))
	if err != nil {
		t.Fatal(err)
	}
	if top, _ := filepath.EvalSymlinks(clone); w.Top() != top {
		t.Errorf("top is %s", w.Top())
	}
	if branch, err := w.Branch(); branch != "topic" || err != nil {
		t.Errorf("branch is %q, %v", branch, err)
	}
	if names, err := w.Branches(); err != nil || !cmp.Equal(names, []string{"dev", "main", "topic"}) {
		t.Errorf("branches are %q, %v", names, err)
	}
	head, err := w.Head(t.Context(), "dev") // only as origin's
	if err != nil || head.Commit != dev {
		t.Fatalf("head is %+v, %v", head, err)
	}
	if diff := cmp.Diff(files{"deployments/d.yaml": "dev\n"}, contents(t, head.Tree)); diff != "" {
		t.Error(diff)
	}
	if _, err := w.Head(t.Context(), "none"); !errors.Is(err, gitsync.ErrNoBranch) {
		t.Errorf("an absent branch gave %v", err)
	}
	r.gitIn(clone, "checkout", "-q", "--detach")
	if branch, err := w.Branch(); branch != "" || err != nil {
		t.Errorf("detached: branch is %q, %v", branch, err)
	}
	outside := t.TempDir()
	if _, err := gitsync.FindWorkTree(outside); !errors.Is(err, gitsync.ErrNoRepository) {
		t.Errorf("outside: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", "-b", "young", outside).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	w, err = gitsync.FindWorkTree(outside)
	if err != nil {
		t.Fatal(err)
	}
	if branch, err := w.Branch(); branch != "young" || err != nil {
		t.Errorf("young: branch is %q, %v", branch, err)
	}
	if _, err := w.Head(t.Context(), "young"); !errors.Is(err, gitsync.ErrNoBranch) {
		t.Errorf("young: %v", err)
	}
}
