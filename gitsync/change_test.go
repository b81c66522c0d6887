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
		var created string
		steps := []struct {
			name   string
			change func()
		}{
			{"a file on the endpoints branch", func() { r.commit("main", "main 2", files{"deployments/d.yaml": "main 2\n"}) }},
			{"a named branch only", func() { r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"}) }},
			{"a commit with the same tree", func() { r.commit("main", "main 3", nil) }},
			{"files outside the folders", func() { r.commit("main", "main 4", files{"notes/x": "x\n"}) }},
			{"a file moved in from outside", func() { r.commit("main", "main 5", files{"notes/x": "", "endpoints/x": "x\n"}) }},
			{"a newly named branch", func() {
				r.commit("new", "new 1", files{"deployments/e.yaml": strings.Repeat("new 1\n", 50)})
				r.commit("main", "main 6", files{"endpoints/b.yaml": endpoint("new", "absent")})
			}},
			{"both branches at once", func() {
				r.commit("dev", "dev 3", files{"deployments/d.yaml": "dev 3\n"})
				r.commit("main", "main 7", files{"deployments/d.yaml": "main 7\n"})
			}},
			{"an absent named branch appears", func() { r.commit("absent", "absent 1", files{"deployments/f.yaml": "f\n"}) }},
			{"a named branch is deleted", func() { created = r.tip("new"); r.remove("new") }},
			{"and made again", func() { r.move("new", created) }},
			{"a force-push", func() {
				r.write(writing{branch: "main", message: "amended", parents: []string{"main~1"}, change: files{"endpoints/b.yaml": endpoint("new", "absent")}})
			}},
			{"a rewind", func() { r.move("main", first) }},
			{"an orphan", func() {
				r.write(writing{branch: "main", message: "orphan", change: files{"endpoints/z.yaml": endpoint("dev")}})
			}},
			{"a merge", func() {
				r.write(writing{branch: "main", message: "merge", parents: []string{"main", "dev"}, change: files{"deployments/d.yaml": "dev 3\n"}})
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
	tips, want := r.tips(), map[string]string{}
	for _, branch := range append(namedBranches(live.Heads["main"].Tree), "main") {
		if tips[branch] != "" {
			want[branch] = tips[branch]
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
			r.remove("main")
		}, gitsync.ErrNoBranch},
		{"repository emptied", func(r *repo) { r.remove("main") }, gitsync.ErrEmpty},
		{"folder gone", func(r *repo) {
			r.commit("main", "gone", files{"endpoints": "", "x": "y"})
		}, gitsync.ErrNoEndpoints},
		{"folder is a file", func(r *repo) {
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
				r.move("main", first)
				if f.mustSync() != live || f.offered() != 1 || f.Status().Failures != 0 {
					t.Error("the repaired repository was not taken for what it was")
				}
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
// with git. The long ones are walked by make soak.
func TestRandomHistory(t *testing.T) {
	steps := 50 // 300 over the six ways
	switch {
	case testing.Short():
		steps = 20
	case *soaking:
		steps = 200
	}
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		seed := uint64(1) // the same each time, or a rare find would be blamed on whatever is changed
		if *soaking {
			seed = uint64(time.Now().UnixNano())
		}
		t.Logf("seed %d", seed)
		w := &walk{repo: r, rnd: rand.New(rand.NewPCG(seed, 1)), branches: []string{"main", "dev", "exp", "x/y"}}
		w.commit("main", "first", files{"endpoints/a.yaml": endpoint("dev", "exp", "x/y")})
		f := follow(t, o, nil)
		for i := range steps {
			name := w.step()
			err := f.sync()
			main := r.tip("main")
			if errors.Is(err, gitsync.ErrVanished) {
				err = f.accept(main)
			}
			if main == "" {
				if !errors.Is(err, gitsync.ErrNoBranch) && !errors.Is(err, gitsync.ErrEmpty) {
					t.Fatalf("step %d, %s: %v", i, name, err)
				}
				continue
			}
			if !slices.ContainsFunc(r.tree(main), func(e entry) bool { return strings.HasPrefix(e.name, "endpoints/") }) {
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
	here := w.has(branch)
	switch k := w.rnd.IntN(12); {
	case k == 0 && here:
		w.remove(branch)
		return "delete " + branch
	case k == 1 && here && w.hasParent(branch):
		w.move(branch, branch+"~1")
		return "rewind " + branch
	case k == 2 && here:
		w.move(w.branches[w.rnd.IntN(len(w.branches))], branch)
		return "copy " + branch
	case k == 3:
		w.git("gc", "-q", "--prune=now")
		return "gc"
	case k == 4:
		w.git("pack-refs", "--all")
		return "pack-refs"
	default:
		w.edit(branch, here && k != 5)
		return "edit " + branch
	}
}

func (w *walk) hasParent(branch string) bool {
	return w.git("log", "--format=%P", "-1", branch) != ""
}

// edit commits a few random files on the tip of a branch, or on nothing.
func (w *walk) edit(branch string, onTip bool) {
	next := writing{branch: branch, message: fmt.Sprint("step ", w.n), change: files{}}
	if onTip {
		next.parents = []string{"refs/heads/" + branch}
	}
	for range 1 + w.rnd.IntN(4) {
		folder := []string{"endpoints", "deployments", "other", "deployments/deep"}[w.rnd.IntN(4)]
		next.change[fmt.Sprintf("%s/f%d.yaml", folder, w.rnd.IntN(12))] = fmt.Sprintf("# %d %d\n%s%s", w.n, w.rnd.IntN(4),
			strings.Repeat("the same line\n", w.rnd.IntN(100)), endpoint(w.branches[w.rnd.IntN(len(w.branches))]))
	}
	w.write(next)
}

// A file that comes from elsewhere in the repository is a blob that the server believes to be here: it is part of the commit
// that the fetch says is held, in a folder that was not read.
func TestAFileMovesIn(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		draft := endpoint() + "# a draft\n"
		r.commit("main", "drafts", files{"endpoints/a.yaml": endpoint(), "drafts/b.yaml": draft, "drafts/c.yaml": draft + "# c\n"})
		f := follow(t, o, nil)
		f.mustSync()
		r.commit("main", "one moves", files{"drafts/b.yaml": "", "endpoints/b.yaml": draft})
		r.compare(t, "moved", f.mustSync())
		r.commit("main", "one is copied, one is new", files{"endpoints/c.yaml": draft + "# c\n", "deployments/d.yaml": "new\n"})
		r.compare(t, "copied", f.mustSync())
	})
}

// Git's filters by depth leave out a file whose like stands in a folder below.
func TestTheSameFileStandsDeeperDown(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.commit("main", "first", files{"endpoints/a.yaml": endpoint(), "deployments/deep/f.yaml": "same\n", "deployments/g.yaml": "same\n"})
		f := follow(t, o, nil)
		r.compare(t, "first", f.mustSync())
		r.commit("main", "second", files{"deployments/deep/h.yaml": "other\n", "deployments/i.yaml": "other\n", "deployments/j.yaml": "j\n"})
		r.compare(t, "second", f.mustSync())
	})
}
