package gitsync_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// repo is a bare repository that the git binary writes, through a work tree
// that pushes to it.
type repo struct {
	t    testing.TB
	bare string
	work string
	// oldSSH makes ssh servers refuse to be told the protocol's version.
	oldSSH bool
	dialed atomic.Int64 // connections to ssh servers
	conns  []net.Conn   // those
	mu     sync.Mutex
}

// cutSSH closes all connections to ssh servers.
func (r *repo) cutSSH() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
}

// files maps a path to its content; "" removes it.
type files map[string]string

func newRepo(t testing.TB) *repo {
	t.Helper()
	dir := t.TempDir()
	r := &repo{t: t, bare: filepath.Join(dir, "models.git"), work: filepath.Join(dir, "work")}
	r.gitIn(dir, "init", "-q", "--bare", "-b", "main", r.bare)
	r.gitIn(r.bare, "config", "uploadpack.allowFilter", "true")
	r.gitIn(dir, "init", "-q", "-b", "main", r.work)
	r.git("remote", "add", "origin", r.bare)
	return r
}

func (r *repo) gitIn(dir string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = gitEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// gitEnv keeps the machine's git settings out of the tests.
func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=core.fsync", "GIT_CONFIG_VALUE_0=none", "GIT_CONFIG_KEY_1=gc.auto", "GIT_CONFIG_VALUE_1=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.gitIn(r.work, args...)
}

// commit writes files on branch, made from nothing if it is new, pushes it, and
// gives the commit.
func (r *repo) commit(branch, message string, change files) string {
	r.t.Helper()
	if r.hasBranch(branch) {
		r.git("checkout", "-q", branch)
	} else {
		r.git("checkout", "-q", "--orphan", branch)
		r.git("rm", "-rfq", "--ignore-unmatch", ".")
	}
	r.write(change)
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	r.git("push", "-q", "--force", "origin", branch)
	return r.git("rev-parse", "HEAD")
}

func (r *repo) hasBranch(branch string) bool {
	cmd := exec.CommandContext(r.t.Context(), "git", "rev-parse", "-q", "--verify", "refs/heads/"+branch)
	cmd.Dir = r.work
	return cmd.Run() == nil
}

func (r *repo) write(change files) {
	r.t.Helper()
	for name, text := range change {
		file := filepath.Join(r.work, name)
		if text == "" {
			if err := os.Remove(file); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// httpHandler serves the repository by git's own smart HTTP server.
func (r *repo) httpHandler() http.Handler {
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	return &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
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
