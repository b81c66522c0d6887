package gitsync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// pushable lets everybody push over http, which git refuses without a login.
func pushable(r *repo) { r.git("config", "http.receivepack", "true") }

// published gives every file of main, after its mode.
func (r *repo) published() files {
	r.t.Helper()
	out := files{}
	for _, e := range r.tree(r.tip("main")) {
		out[e.name] = e.mode + " " + strings.TrimSpace(e.text)
	}
	return out
}

// hook makes the bare repository run a script.
func (r *repo) hook(name, script string) {
	r.t.Helper()
	dir := filepath.Join(r.bare, "hooks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func publication(base string, change map[string][]byte) gitsync.Publication {
	return gitsync.Publication{
		Base: base, Branch: "main", Files: change, Message: "pricing: half to experiment",
		Author: gitsync.Person{Name: "Grace", Email: "grace@example.com"},
	}
}

func one(path, text string) map[string][]byte { return map[string][]byte{path: []byte(text)} }

// A commit changes what it says and nothing else, whatever way leads to the
// repository, and git finds nothing wrong with it.
func TestPublishedCommitsChangeWhatTheySay(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		pushable(r)
		base := r.write(writing{branch: "main", message: "one", change: files{
			"run.sh": "#!/bin/sh\n", "link": "run.sh", "endpoints/a.yaml": "a\n",
			"endpoints/b.yaml": "b\n", "deployments/d.yaml": "d\n", "deployments/d/model.py": "m\n", "x/y/z/deep": "deep\n", "endpoints.txt": "t\n",
		}, modes: map[string]string{"run.sh": "100755", "link": "120000"}})
		p := publication(base, map[string][]byte{
			"endpoints/a.yaml": []byte("A\n"), "endpoints/new.yaml": []byte("new\n"), "endpoints/b.yaml": nil,
			"run.sh": []byte("#!/bin/sh -e\n"), "x/y/z/deep": nil, "empty": {}, "a/b/c": []byte("c\n"),
		})
		p.Committer = gitsync.Person{Name: "Console <x>\n", Email: "console@example.com"}
		p.Time = time.Date(2026, 11, 28, 12, 0, 0, 0, time.FixedZone("", 3600))
		got, err := gitsync.Publish(t.Context(), o, p)
		if err != nil {
			t.Fatal(err)
		}
		if tip := r.tip("main"); tip != got.Commit {
			t.Errorf("main stands at %q, not at %q", tip, got.Commit)
		}
		want := files{
			"endpoints/a.yaml": "100644 A", "endpoints/new.yaml": "100644 new", "run.sh": "100755 #!/bin/sh -e", "empty": "100644 ", "a/b/c": "100644 c",
			"deployments/d.yaml": "100644 d", "deployments/d/model.py": "100644 m", "endpoints.txt": "100644 t", "link": "120000 run.sh",
		}
		if diff := cmp.Diff(want, r.published()); diff != "" {
			t.Error(diff)
		}
		format := r.git("log", "-1", "--format=%P|%an|%ae|%cn|%ce|%cI|%B", "main")
		if want := base + "|Grace|grace@example.com|Console x|console@example.com|2026-11-28T12:00:00+01:00|pricing: half to experiment"; format != want {
			t.Errorf("the commit is\n%s, not\n%s", format, want)
		}
		r.git("fsck", "--strict", "--no-dangling")
	})
}

func TestPublishToANewBranch(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		pushable(r)
		r.hook("post-receive", "echo 'Create a merge request:'; printf '\\033[1m  https://git.example.com/new\\033[0m\\a\\n'")
		base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
		p := publication(base, one("endpoints/a.yaml", "A\n"))
		p.Branch, p.New = "console/a", true
		got, err := gitsync.Publish(t.Context(), o, p)
		if err != nil {
			t.Fatal(err)
		}
		if r.tip("console/a") != got.Commit || r.tip("main") != base {
			t.Errorf("console/a is at %s, main at %s", r.tip("console/a"), r.tip("main"))
		}
		if want := "Create a merge request:\n  https://git.example.com/new"; got.Said != want {
			t.Errorf("the server said %q, not %q", got.Said, want)
		}
		p.Message = "again"
		_, err = gitsync.Publish(t.Context(), o, p)
		moved, ok := errors.AsType[*gitsync.MovedError](err)
		if !ok || moved.Tip != got.Commit || !errors.Is(err, gitsync.ErrMoved) {
			t.Errorf("a branch that exists gave %v", err)
		}
	})
}

// Whoever loses a race learns of the new tip, and has changed nothing.
func TestPublishNeverOverwritesOthers(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		pushable(r)
		base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
		tip := r.commit("main", "two", files{"endpoints/b.yaml": "b\n"})
		_, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
		moved, ok := errors.AsType[*gitsync.MovedError](err)
		if !ok || moved.Tip != tip || moved.Branch != "main" || r.tip("main") != tip {
			t.Errorf("a lost race gave %v", err)
		}
		p := publication(base, one("endpoints/a.yaml", "A\n"))
		p.Branch = "gone"
		_, err = gitsync.Publish(t.Context(), o, p)
		if moved, ok := errors.AsType[*gitsync.MovedError](err); !ok || moved.Tip != "" || r.tip("gone") != "" {
			t.Errorf("a branch that does not exist gave %v", err)
		}
	})
}

// The branch moves when the server has already told where it stands: the server
// itself must not let the push through.
func TestPublishLosesARaceAtTheServer(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "path", "ssh"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			pushable(r)
			base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
			other := r.commit("other", "other", files{"endpoints/a.yaml": "other\n"})
			// The hook runs between the greeting and the moving of the branch.
			r.hook("pre-receive", "unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main "+other)
			o := options(r.bare)
			switch way {
			case "http":
				o = options(r.serve(nil))
			case "ssh":
				o.URL, o.Auth = sshServer(t, r, nil)
			}
			_, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
			moved, ok := errors.AsType[*gitsync.MovedError](err)
			if !ok || moved.Tip != other || r.tip("main") != other {
				t.Errorf("a race at the server gave %v, and main at %s", err, r.tip("main"))
			}
		})
	}
}

// Of many who publish at once on one commit exactly one succeeds, and after
// each has begun anew on the new tip as often as needed, nothing is lost.
func TestPublishersInARaceLoseNothing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	pushable(r)
	first := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
	o := options(r.serve(nil))
	const publishers = 5
	var lost atomic.Int64
	var all sync.WaitGroup
	for n := range publishers {
		all.Go(func() {
			for base := first; ; lost.Add(1) {
				_, err := gitsync.Publish(t.Context(), o, publication(base, one(fmt.Sprintf("endpoints/p%d.yaml", n), "p\n")))
				if err == nil {
					return
				}
				moved, ok := errors.AsType[*gitsync.MovedError](err)
				if !ok {
					t.Error(err)
					return
				}
				base = moved.Tip
			}
		})
	}
	all.Wait()
	if got := len(r.published()); got != publishers+1 {
		t.Errorf("%d files, after %d lost races", got, lost.Load())
	}
	if n := r.git("rev-list", "--count", "main"); n != fmt.Sprint(publishers+1) {
		t.Errorf("%s commits", n)
	}
}

func TestPublishTellsWhatAHookSays(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		pushable(r)
		base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
		r.hook("pre-receive", "printf '\\nerror:\\n\\033[31mmain is protected:\\033[0m use a merge request\\r\\nerror:\\n' >&2; exit 1")
		_, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
		declined, ok := errors.AsType[*gitsync.DeclinedError](err)
		if !ok || !errors.Is(err, gitsync.ErrDeclined) {
			t.Fatalf("a hook that refuses gave %v", err)
		}
		want := &gitsync.DeclinedError{Branch: "main", Reason: "pre-receive hook declined", Said: "main is protected: use a merge request"}
		if diff := cmp.Diff(want, declined); diff != "" {
			t.Error(diff)
		}
		if r.tip("main") != base {
			t.Error("the branch has moved")
		}
	})
}

func TestPublishIntoACheckedOutBranchIsDeclined(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
	work := r.clone()
	_, err := gitsync.Publish(t.Context(), options(work), publication(base, one("endpoints/a.yaml", "A\n")))
	if declined, ok := errors.AsType[*gitsync.DeclinedError](err); !ok || !strings.Contains(declined.Reason, "checked out") {
		t.Errorf("a work tree gave %v", err)
	}
	r.gitIn(work, "config", "receive.denyCurrentBranch", "updateInstead")
	got, err := gitsync.Publish(t.Context(), options(work), publication(base, one("endpoints/a.yaml", "A\n")))
	if err != nil || r.gitIn(work, "rev-parse", "HEAD") != got.Commit {
		t.Fatalf("a work tree that follows: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(work, "endpoints/a.yaml")); err != nil || string(text) != "A\n" {
		t.Errorf("the work tree holds %q, %v", text, err)
	}
}

// What is wrong with a publication is found before anything is pushed.
func TestPublishRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n", "endpoints/b/c.yaml": "c\n"})
	o := options(r.bare)
	for _, c := range []struct {
		name   string
		change map[string][]byte
		alter  func(*gitsync.Publication)
		want   error // nil: any
	}{
		{name: "no files", want: gitsync.ErrUnchanged},
		{name: "the same content", change: one("endpoints/a.yaml", "a\n"), want: gitsync.ErrUnchanged},
		{name: "a file that is not there", change: map[string][]byte{"endpoints/x.yaml": nil}, want: fs.ErrNotExist},
		{name: "a file in a folder that is not there", change: map[string][]byte{"x/y/z": nil}, want: fs.ErrNotExist},
		{name: "a file in place of a folder", change: one("endpoints/b", "b\n"), want: fs.ErrInvalid},
		{name: "a folder in place of a file", change: one("endpoints/a.yaml/x", "b\n"), want: fs.ErrInvalid},
		{name: "a folder that is removed as a file", change: map[string][]byte{"endpoints/b": nil}, want: fs.ErrInvalid},
		{name: "a file and a folder", change: map[string][]byte{"x": {}, "x/y": {}}, want: fs.ErrInvalid},
		{name: "git's own folder", change: one("a/.GIT/config", "x"), want: fs.ErrInvalid},
		{name: "a path that leads out", change: one("../x", "x"), want: fs.ErrInvalid},
		{name: "a path with a line end", change: one("endpoints/a\n.yaml", "x"), want: fs.ErrInvalid},
		{name: "no path", change: one("", "x"), want: fs.ErrInvalid},
		{name: "too much", change: one("x", strings.Repeat("x", 2<<20)), want: gitsync.ErrTooLarge},
		{name: "no message", change: one("x", "x"), alter: func(p *gitsync.Publication) { p.Message = " \n" }},
		{name: "no author", change: one("x", "x"), alter: func(p *gitsync.Publication) { p.Author.Name = "<>" }},
		{name: "no base", change: one("x", "x"), alter: func(p *gitsync.Publication) { p.Base = "main" }},
		{name: "no branch", change: one("x", "x"), alter: func(p *gitsync.Publication) { p.Branch = "a..b" }},
		{name: "a base that nobody knows", change: one("x", "x"), alter: func(p *gitsync.Publication) {
			p.Base, p.Branch, p.New = strings.Repeat("ab", 20), "new", true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			o.MaxBytes = 1 << 20
			p := publication(base, c.change)
			if c.alter != nil {
				c.alter(&p)
			}
			_, err := gitsync.Publish(t.Context(), o, p)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("the error is %v", err)
			}
			if r.tip("main") != base {
				t.Error("main has moved")
			}
		})
	}
}

// Credentials for pushing are those that are given, and are shown nowhere.
func TestPublishNeedsCredentials(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	pushable(r)
	base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
	r.hook("pre-receive", "echo your password is "+secret+"; exit 1")
	var password atomic.Value
	password.Store(secret)
	o := options(r.serve(r.guarded(&password)))
	p := publication(base, one("endpoints/a.yaml", "A\n"))
	if _, err := gitsync.Publish(t.Context(), o, p); !errors.Is(err, gitsync.ErrAuth) {
		t.Errorf("without credentials: %v", err)
	}
	o.Auth.Token = secret
	_, err := gitsync.Publish(t.Context(), o, p)
	if !errors.Is(err, gitsync.ErrDeclined) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "s3cr3t") {
		t.Errorf("with the password: %#v", err)
	}
	r.git("config", "http.receivepack", "false")
	if _, err := gitsync.Publish(t.Context(), o, p); !errors.Is(err, gitsync.ErrAuth) {
		t.Errorf("where nobody may push: %v", err)
	}
}

// A connection that is lost after the commit was sent says nothing about what
// became of it: Publish finds out.
func TestPublishFindsOutWhatBecameOfAPush(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		arrive bool
	}{{"it arrived", true}, {"it was lost", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			pushable(r)
			base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
			o := options(r.serve(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/git-receive-pack") {
						next.ServeHTTP(w, req)
						return
					}
					if c.arrive {
						next.ServeHTTP(discarded{w.Header()}, req)
					}
					panic(http.ErrAbortHandler)
				})
			}))
			got, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
			switch {
			case c.arrive && (err != nil || r.tip("main") != got.Commit):
				t.Errorf("a push that arrived gave %v", err)
			case !c.arrive && (!errors.Is(err, gitsync.ErrUnreachable) || r.tip("main") != base):
				t.Errorf("a push that was lost gave %v", err)
			}
		})
	}
}

// discarded is an answer that nobody gets.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header         { return d.header }
func (d discarded) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (d discarded) WriteHeader(int)             {}

// A server, or a hook, that hangs ends with the deadline.
func TestPublishEndsInTime(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "path", "ssh"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			pushable(r)
			base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
			release := filepath.Join(t.TempDir(), "release")
			r.hook("pre-receive", "for i in $(seq 600); do test -e "+release+" && break; sleep 0.05; done; exit 1")
			o := options(r.bare)
			switch way {
			case "http":
				o = options(r.serve(nil))
			case "ssh":
				o.URL, o.Auth = sshServer(t, r, nil)
			}
			o.Timeout = 2 * time.Second
			_, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a hook that hangs gave %v", err)
			}
			if err := os.WriteFile(release, nil, 0o600); err != nil {
				t.Error(err)
			}
		})
	}
}

// Of a large repository only what is on the way to the files is read.
func TestPublishReadsLittle(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	pushable(r)
	all := many(500)
	for i := range 50 {
		all[fmt.Sprintf("data/part%d/f.bin", i)] = strings.Repeat(fmt.Sprint(i), 20<<10)
	}
	base := r.commit("main", "one", all)
	var c counted
	o := options(r.serve(c.wrap))
	if _, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/new.yaml", "new\n"))); err != nil {
		t.Fatal(err)
	}
	if lists, fetches, bytes := c.take(); bytes > 64<<10 || lists > 4 || fetches > 3 {
		t.Errorf("%d and %d requests, %d bytes", lists, fetches, bytes)
	}
	if got := len(r.published()); got != len(all)+1 {
		t.Errorf("%d files", got)
	}
}

// A commit that is made with a key is one that git and a follower take for signed.
func TestPublishedCommitsAreSigned(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		pushable(r)
		key := signer(t)
		r.key = key
		base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
		o.SigningKey = &gitsync.SSHKey{File: key}
		o = verified(t, o, key)
		got, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "A\n")))
		if err != nil {
			t.Fatal(err)
		}
		f := follow(t, o, nil)
		f.mustSync()
		if live := f.Status().Live; live == nil || live.Heads["main"].Commit != got.Commit {
			t.Errorf("live is %+v", live)
		}
		r.git("-c", "gpg.ssh.allowedSignersFile="+o.Verify.Keys.AllowedSigners, "verify-commit", got.Commit)
		r.git("fsck", "--strict", "--no-dangling")
	})
}

// Nothing is pushed unsigned because the key is not there or locked.
func TestWhatCannotBeSignedIsNotPublished(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	pushable(r)
	base := r.commit("main", "one", files{"endpoints/a.yaml": "a\n"})
	locked := filepath.Join(t.TempDir(), "locked")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "open sesame", "-C", "", "-f", locked).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v %s", err, out)
	}
	says := func(text string) func() (string, error) { return func() (string, error) { return text, nil } }
	for name, tt := range map[string]struct {
		key  gitsync.SSHKey
		want string // of the error; empty: there is none
	}{
		"no file":            {gitsync.SSHKey{File: locked + "-not"}, "sign the commit: open "},
		"locked":             {gitsync.SSHKey{File: locked}, "it has a passphrase, and none was given"},
		"another passphrase": {gitsync.SSHKey{File: locked, Passphrase: says("open")}, "the passphrase is another one"},
		"a public key":       {gitsync.SSHKey{File: locked + ".pub"}, "no key found"},
		"unlocked":           {gitsync.SSHKey{File: locked, Passphrase: says("open sesame\n")}, ""},
	} {
		p := publication(base, one("endpoints/a.yaml", name+"\n"))
		p.Branch, p.New = "own/"+strings.ReplaceAll(name, " ", "-"), true
		_, err := gitsync.Publish(t.Context(), gitsync.Options{URL: r.bare, SigningKey: &tt.key}, p)
		if text := fmt.Sprint(err); (err != nil) != (tt.want != "") || !strings.Contains(text, tt.want) || strings.Contains(text, "sesame") {
			t.Errorf("%s: %v", name, err)
		}
		if checked := tt.key.Check(); (checked != nil) != (err != nil) {
			t.Errorf("%s: the check says %v", name, checked)
		}
		if pushed := r.tip(p.Branch) != ""; pushed != (err == nil) {
			t.Errorf("%s: pushed %v", name, pushed)
		}
	}
}
