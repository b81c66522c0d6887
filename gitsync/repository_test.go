package gitsync_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// repo is a bare repository that the git binary writes, with as few processes
// as can be: they are what these tests take their time for.
type repo struct {
	t    testing.TB
	bare string
	// key is the ssh key that commits are signed with, if any.
	key string
	// instead is what ssh servers run, whatever they are asked to; empty: that.
	instead string
	// oldSSH makes ssh servers refuse to be told the protocol's version.
	oldSSH bool
	dialed atomic.Int64 // connections to ssh servers
	conns  []net.Conn   // those
	mu     sync.Mutex
	made   int                // commits
	trees  map[string][]entry // of what was looked at, by commit
}

// cutSSH closes all connections to ssh servers.
func (r *repo) cutSSH() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
}

// files maps a path to its content; "" removes it, a folder as well.
type files map[string]string

func newRepo(t testing.TB) *repo {
	t.Helper()
	dir := t.TempDir()
	r := &repo{t: t, bare: filepath.Join(dir, "models.git"), trees: map[string][]entry{}}
	r.gitIn(dir, "init", "-q", "--bare", "--template=", "-b", "main", r.bare)
	r.filters(true)
	return r
}

// filters makes git's server filter what is fetched, or not.
func (r *repo) filters(on bool) {
	r.t.Helper()
	config, err := os.OpenFile(filepath.Join(r.bare, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = fmt.Fprintf(config, "[uploadpack]\n\tallowFilter = %t\n", on) // the last one counts
	if err := errors.Join(err, config.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// gitIn runs git in a directory and gives what it writes.
func (r *repo) gitIn(dir string, args ...string) string {
	r.t.Helper()
	return strings.TrimSpace(r.run(dir, "", args...))
}

// git runs git in the bare repository.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.gitIn(r.bare, args...)
}

func (r *repo) run(dir, input string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, gitEnv(), strings.NewReader(input)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return out.String()
}

// gitEnv keeps the machine's git settings out of the tests.
func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=core.fsync", "GIT_CONFIG_VALUE_0=none", "GIT_CONFIG_KEY_1=gc.auto", "GIT_CONFIG_VALUE_1=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
}

// commit changes files of branch, which is made from nothing if it is new, and
// gives the commit.
func (r *repo) commit(branch, message string, change files) string {
	r.t.Helper()
	w := writing{branch: branch, message: message, change: change}
	if r.has(branch) {
		w.parents = []string{"refs/heads/" + branch}
	}
	return r.write(w)
}

// writing is a commit to be made.
type writing struct {
	branch, message string
	parents         []string // a merge has two; the first one's files are changed
	change          files
	modes           map[string]string // of what is no plain file; a submodule's content is its commit
}

// write makes a commit, moves its branch there, whatever it was, and gives it.
func (r *repo) write(w writing) string {
	r.t.Helper()
	r.made++
	reference := "refs/heads/" + w.branch
	if r.key != "" {
		reference = "refs/unsigned"
	}
	// Every fourth one is left as loose objects, the rest as packs.
	limit := "fastimport.unpackLimit=1"
	if r.made%4 == 1 {
		limit = "fastimport.unpackLimit=10000"
	}
	commit := strings.TrimSpace(r.run(r.bare, w.stream(reference), "-c", limit, "fast-import", "--quiet", "--force", "--date-format=now"))
	if r.key == "" {
		return commit
	}
	sign := []string{"-c", "gpg.format=ssh", "-c", "user.signingkey=" + r.key, "commit-tree", "-S", "-m", w.message}
	for _, parent := range w.parents {
		sign = append(sign, "-p", parent)
	}
	commit = r.git(append(sign, commit+"^{tree}")...)
	r.move(w.branch, commit)
	return commit
}

// stream is the commit as git fast-import reads it.
func (w writing) stream(reference string) string {
	var b strings.Builder
	data := func(text string) { fmt.Fprintf(&b, "data %d\n%s\n", len(text), text) }
	fmt.Fprintf(&b, "commit %s\nmark :1\ncommitter Ada <ada@example.com> now\n", reference)
	data(w.message + "\n")
	for i, parent := range w.parents {
		fmt.Fprintf(&b, "%s %s^0\n", []string{"from", "merge"}[min(i, 1)], parent)
	}
	for _, name := range slices.Sorted(maps.Keys(w.change)) {
		text, mode := w.change[name], w.modes[name]
		switch {
		case text == "":
			fmt.Fprintf(&b, "D %s\n", name)
		case mode == "160000":
			fmt.Fprintf(&b, "M %s %s %s\n", mode, text, name)
		case mode == "":
			mode = "100644"
			fallthrough
		default:
			fmt.Fprintf(&b, "M %s inline %s\n", mode, name)
			data(text)
		}
	}
	b.WriteString("get-mark :1\n")
	return b.String()
}

// has tells whether there is a branch, which stands in a file of its own or
// among the packed ones.
func (r *repo) has(branch string) bool {
	if info, err := os.Stat(filepath.Join(r.bare, "refs/heads", branch)); err == nil && info.Mode().IsRegular() {
		return true
	}
	packed, _ := os.ReadFile(filepath.Join(r.bare, "packed-refs"))
	return bytes.Contains(packed, []byte(" refs/heads/"+branch+"\n"))
}

// move lets a branch stand at a commit; remove takes it away.
func (r *repo) move(branch, commit string) {
	r.t.Helper()
	r.git("update-ref", "refs/heads/"+branch, commit)
}

func (r *repo) remove(branch string) {
	r.t.Helper()
	r.git("update-ref", "-d", "refs/heads/"+branch)
}

// tips are where the branches stand, by git's own account.
func (r *repo) tips() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(r.git("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")) {
		commit, branch, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[branch] = commit
	}
	return out
}

func (r *repo) tip(branch string) string {
	r.t.Helper()
	return r.tips()[branch]
}

// entry is a file of a commit, or a symbolic link whose text is its target.
type entry struct{ mode, name, text string }

// tree gives all entries of a commit, by git's own account.
func (r *repo) tree(commit string) []entry {
	r.t.Helper()
	if known := r.trees[commit]; known != nil {
		return known
	}
	var out []entry
	archive := tar.NewReader(strings.NewReader(r.run(r.bare, "", "archive", "--format=tar", commit)))
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			r.t.Fatal(err)
		}
		switch {
		case head.Typeflag == tar.TypeSymlink:
			out = append(out, entry{"120000", head.Name, head.Linkname})
		case head.Typeflag == tar.TypeReg && head.Mode&0o100 != 0:
			out = append(out, entry{"100755", head.Name, string(text)})
		case head.Typeflag == tar.TypeReg:
			out = append(out, entry{"100644", head.Name, string(text)})
		}
	}
	r.trees[commit] = out
	return out
}

// files are those that a head's tree must hold.
func (r *repo) files(commit string) files {
	r.t.Helper()
	out := files{}
	for _, e := range r.tree(commit) {
		if folder := path.Dir(e.name); e.mode != "120000" && (folder == "endpoints" || folder == "deployments") {
			out[e.name] = e.text
		}
	}
	return out
}

// clone makes a clone with a work tree, and gives its directory.
func (r *repo) clone(options ...string) string {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "clone")
	r.git(append(append([]string{"clone", "-q"}, options...), "file://"+r.bare, dir)...)
	return dir
}

// put writes files into a directory.
func put(t testing.TB, dir string, change files) {
	t.Helper()
	for name, text := range change {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// backend is the path of git's own smart HTTP server.
var backend = sync.OnceValues(func() (string, error) {
	dir, err := exec.Command("git", "--exec-path").Output()
	return filepath.Join(strings.TrimSpace(string(dir)), "git-http-backend"), err
})

// httpHandler serves the repository by git's own smart HTTP server.
func (r *repo) httpHandler() http.Handler {
	program, err := backend()
	if err != nil {
		r.t.Fatal(err)
	}
	return &cgi.Handler{
		Path:   program,
		Env:    append(gitEnv(), "GIT_PROJECT_ROOT="+filepath.Dir(r.bare), "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: io.Discard,
	}
}

// serve starts an HTTP server that passes requests through wrap, and gives the
// repository's URL.
func (r *repo) serve(wrap func(http.Handler) http.Handler) string {
	r.t.Helper()
	h := r.httpHandler()
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	r.t.Cleanup(s.Close)
	return s.URL + "/models.git"
}

// endpoint is an endpoint's document that names branches.
func endpoint(branches ...string) string {
	var b strings.Builder
	b.WriteString("backends:\n")
	for _, name := range branches {
		b.WriteString("  branch: " + name + "\n")
	}
	return b.String()
}

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
