package gitsync_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestUnchangedTipsOfferNothing(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev")})
		f := follow(t, o, nil)
		live := f.mustSync()
		for range 3 {
			if f.mustSync() != live {
				t.Error("another revision is live")
			}
		}
		r.commit("unrelated", "elsewhere", files{"a": "b"})
		f.mustSync()
		if n := f.offered(); n != 1 {
			t.Errorf("%d revisions were offered", n)
		}
	})
}

// Each step changes the repository; afterwards exactly one revision more was
// offered, and it is what git says.
func TestEveryChangeIsOneRevision(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.commit("dev", "dev 1", files{"deployments/d.yaml": "dev 1\n"})
		first := r.commit("main", "main 1", files{"endpoints/a.yaml": endpoint("dev"), "deployments/d.yaml": "main 1\n"})
		f := follow(t, o, nil)
		f.mustSync()
		steps := []struct {
			name   string
			change func()
		}{
			{"a file on the endpoints branch", func() { r.commit("main", "main 2", files{"deployments/d.yaml": "main 2\n"}) }},
			{"a named branch only", func() { r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"}) }},
			{"a commit with the same tree", func() { r.commit("main", "main 3", nil) }},
			{"files outside the folders", func() { r.commit("main", "main 4", files{"notes/x": "x\n"}) }},
			{"a file moved in from outside", func() { r.git("mv", "notes/x", "endpoints/x"); r.commit("main", "main 5", nil) }},
			{"a newly named branch", func() {
				r.commit("new", "new 1", files{"deployments/e.yaml": strings.Repeat("new 1\n", 50)})
				r.commit("main", "main 6", files{"endpoints/b.yaml": endpoint("new", "absent")})
			}},
			{"both branches at once", func() {
				r.git("checkout", "-q", "dev")
				r.write(files{"deployments/d.yaml": "dev 3\n"})
				r.git("commit", "-qam", "dev 3")
				r.git("checkout", "-q", "main")
				r.write(files{"deployments/d.yaml": "main 7\n"})
				r.git("commit", "-qam", "main 7")
				r.git("push", "-q", "--atomic", "origin", "main", "dev")
			}},
			{"an absent named branch appears", func() { r.commit("absent", "absent 1", files{"deployments/f.yaml": "f\n"}) }},
			{"a named branch is deleted", func() { r.git("push", "-q", "origin", ":new") }},
			{"and made again", func() { r.git("push", "-q", "origin", "new") }},
			{"a force-push", func() {
				r.git("checkout", "-q", "main")
				r.git("commit", "-q", "--amend", "-m", "amended")
				r.git("push", "-qf", "origin", "main")
			}},
			{"a rewind", func() { r.git("push", "-qf", "origin", first+":main") }},
			{"an orphan", func() {
				r.git("checkout", "-q", "--orphan", "fresh")
				r.git("rm", "-rfq", ".")
				r.write(files{"endpoints/z.yaml": endpoint("dev")})
				r.git("add", "-A")
				r.git("commit", "-qm", "orphan")
				r.git("push", "-qf", "origin", "fresh:main")
			}},
			{"a merge", func() {
				r.git("merge", "-q", "--allow-unrelated-histories", "-m", "merge", "dev")
				r.git("push", "-qf", "origin", "fresh:main")
			}},
		}
		for i, step := range steps {
			step.change()
			live := f.mustSync()
			if n := f.offered(); n != i+2 {
				t.Fatalf("%s: %d revisions were offered, want %d", step.name, n, i+2)
			}
			r.compare(t, step.name, live)
		}
	})
}

// compare checks a revision against what git says of the bare repository.
func (r *repo) compare(t *testing.T, step string, live *gitsync.Revision) {
	t.Helper()
	tree := live.Heads["main"].Tree
	want := map[string]string{}
	for _, branch := range append(namedBranches(tree), "main") {
		if h := r.tip(branch); h != "" {
			want[branch] = h
		}
	}
	if diff := cmp.Diff(want, commits(live)); diff != "" {
		t.Fatalf("%s: commits: %s", step, diff)
	}
	for branch, head := range live.Heads {
		if diff := cmp.Diff(r.files(head.Commit), contents(t, head.Tree)); diff != "" {
			t.Fatalf("%s: files of %s: %s", step, branch, diff)
		}
	}
}

func (r *repo) tip(branch string) string {
	return r.gitIn(r.bare, "for-each-ref", "--format=%(objectname)", "refs/heads/"+branch)
}

// files are those that a head's tree must hold, by git's own account.
func (r *repo) files(commit string) files {
	out := files{}
	for line := range strings.Lines(r.gitIn(r.bare, "ls-tree", "-r", commit, "endpoints", "deployments")) {
		meta, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if fields := strings.Fields(meta); strings.Count(path, "/") == 1 && fields[1] == "blob" {
			out[path] = r.gitIn(r.bare, "cat-file", "blob", fields[2]) + "\n"
		}
	}
	return out
}

// What the repository lost is held: the last good revision serves on, Status
// says why, and the loss is noticed as repaired.
func TestLossesAreHeld(t *testing.T) {
	losses := []struct {
		name string
		lose func(r *repo)
		want error
	}{
		{"branch deleted", func(r *repo) {
			r.commit("other", "keeps the repository alive", files{"a": "b"})
			r.gitIn(r.bare, "update-ref", "-d", "refs/heads/main")
		}, gitsync.ErrNoBranch},
		{"repository emptied", func(r *repo) { r.gitIn(r.bare, "update-ref", "-d", "refs/heads/main") }, gitsync.ErrEmpty},
		{"folder gone", func(r *repo) {
			r.git("rm", "-rq", "endpoints")
			r.commit("main", "gone", files{"x": "y"})
		}, gitsync.ErrNoEndpoints},
		{"folder is a file", func(r *repo) {
			r.git("rm", "-rq", "endpoints")
			r.commit("main", "file", files{"endpoints": "y"})
		}, gitsync.ErrNoEndpoints},
	}
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
				first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
				f := follow(t, o, nil)
				live := f.mustSync()
				loss.lose(r)
				for range 2 {
					if err := f.sync(); !errors.Is(err, loss.want) {
						t.Fatalf("sync: %v", err)
					}
				}
				s := f.Status()
				if s.Live != live || !errors.Is(s.LastError, loss.want) || s.Failures != 2 || f.offered() != 1 {
					t.Errorf("status is %+v after %d offers", s, f.offered())
				}
				if n := strings.Count(f.log.String(), "sync failed; the last good revision serves on"); n != 1 {
					t.Errorf("the failure was logged %d times", n)
				}
				r.git("push", "-qf", "origin", first+":refs/heads/main")
				if f.mustSync() != live || f.offered() != 1 || f.Status().Failures != 0 {
					t.Error("the repaired repository was not taken for what it was")
				}
				r.git("checkout", "-qf", "-B", "main", first)
				r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
				r.compare(t, "afterwards", f.mustSync())
			})
		})
	}
}

func TestFreshRepositoryWithoutEndpointsSaysSo(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		f := follow(t, o, nil)
		if err := f.sync(); !errors.Is(err, gitsync.ErrEmpty) {
			t.Fatalf("sync: %v", err)
		}
		r.commit("main", "one", files{"README.md": "hello\n"})
		if err := f.sync(); !errors.Is(err, gitsync.ErrNoEndpoints) {
			t.Fatalf("sync: %v", err)
		}
		if f.Status().Live != nil || !strings.Contains(f.log.String(), "nothing serves yet") {
			t.Errorf("status is %+v", f.Status())
		}
		r.commit("main", "two", files{"endpoints/a.yaml": endpoint()})
		r.compare(t, "first endpoint", f.mustSync())
	})
}

// A random history of all that can be done to branches, each step compared
// with git.
func TestRandomHistory(t *testing.T) {
	steps := 75 // 300 over the four ways
	if testing.Short() {
		steps = 20
	}
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		w := &walk{repo: r, rnd: rand.New(rand.NewPCG(seed, 1)), branches: []string{"main", "dev", "exp", "x/y"}}
		w.commit("main", "first", files{"endpoints/a.yaml": endpoint("dev", "exp", "x/y")})
		f := follow(t, o, nil)
		for i := range steps {
			name := w.step()
			err := f.sync()
			if errors.Is(err, gitsync.ErrVanished) {
				err = f.accept(r.tip("main"))
			}
			if r.tip("main") == "" {
				if !errors.Is(err, gitsync.ErrNoBranch) && !errors.Is(err, gitsync.ErrEmpty) {
					t.Fatalf("step %d, %s: %v", i, name, err)
				}
				continue
			}
			if len(r.files("main")) == 0 || !slices.ContainsFunc(strings.Split(r.gitIn(r.bare, "ls-tree", "--name-only", "main"), "\n"),
				func(s string) bool { return s == "endpoints" }) {
				if !errors.Is(err, gitsync.ErrNoEndpoints) {
					t.Fatalf("step %d, %s: %v", i, name, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("step %d, %s: %v", i, name, err)
			}
			r.compare(t, fmt.Sprintf("step %d, %s", i, name), f.Status().Live)
		}
	})
}

// walk makes random changes.
type walk struct {
	*repo
	rnd      *rand.Rand
	branches []string
	n        int
}

func (w *walk) step() string {
	w.n++
	branch := w.branches[w.rnd.IntN(len(w.branches))]
	here := w.tip(branch) != ""
	switch k := w.rnd.IntN(12); {
	case k == 0 && here:
		w.gitIn(w.bare, "update-ref", "-d", "refs/heads/"+branch)
		return "delete " + branch
	case k == 1 && here && w.hasParent(branch):
		w.gitIn(w.bare, "update-ref", "refs/heads/"+branch, branch+"~1")
		return "rewind " + branch
	case k == 2 && here:
		w.gitIn(w.bare, "update-ref", "refs/heads/"+w.branches[w.rnd.IntN(len(w.branches))], branch)
		return "copy " + branch
	case k == 3:
		w.gitIn(w.bare, "gc", "-q", "--prune=now")
		return "gc"
	case k == 4:
		w.gitIn(w.bare, "pack-refs", "--all")
		return "pack-refs"
	default:
		w.edit(branch, here, k == 5)
		return "edit " + branch
	}
}

func (w *walk) hasParent(branch string) bool {
	return strings.Contains(w.gitIn(w.bare, "log", "--format=%P", "-1", branch), "0") || w.gitIn(w.bare, "rev-list", "--count", branch) != "1"
}

// edit commits a few random files on the tip of a branch, or on nothing.
func (w *walk) edit(branch string, here, orphan bool) {
	w.git("checkout", "-q", "--detach")
	if here && !orphan {
		w.git("fetch", "-q", "origin", branch)
		w.git("checkout", "-qf", "-B", "edit", "FETCH_HEAD")
	} else {
		if w.hasBranch("edit") {
			w.git("branch", "-qD", "edit")
		}
		w.git("checkout", "-q", "--orphan", "edit")
		w.git("rm", "-rfq", "--ignore-unmatch", ".")
	}
	for range 1 + w.rnd.IntN(4) {
		folder := []string{"endpoints", "deployments", "other", "deployments/deep"}[w.rnd.IntN(4)]
		name := fmt.Sprintf("%s/f%d.yaml", folder, w.rnd.IntN(12))
		w.write(files{name: fmt.Sprintf("# %d %d\n%s%s", w.n, w.rnd.IntN(4), strings.Repeat("the same line\n", w.rnd.IntN(100)),
			endpoint(w.branches[w.rnd.IntN(len(w.branches))]))})
	}
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", fmt.Sprint("step ", w.n))
	w.git("push", "-qf", "origin", "edit:refs/heads/"+branch)
}
