package serve_test

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hookingForge is a git server, git's own, that delivers a push hook after each
// push, and a clone to push from.
type hookingForge struct {
	tb      testing.TB
	url     string
	clone   string
	gateway atomic.Value   // of string: the address of the gateway, once there is one
	hooked  chan time.Time // when a hook was sent; room for that of each push of a test
}

func newHookingForge(tb testing.TB) *hookingForge {
	tb.Helper()
	dir := tb.TempDir()
	f := &hookingForge{tb: tb, clone: filepath.Join(dir, "clone"), hooked: make(chan time.Time, 1000)}
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		tb.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: append(gitEnv(), "GIT_PROJECT_ROOT="+dir, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*"),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			f.hook()
		}
	}))
	tb.Cleanup(server.Close)
	f.url = server.URL + "/models.git"
	f.git(dir, "init", "-q", "--bare", "-b", "main", "models.git")
	f.git(dir, "init", "-q", "-b", "main", "clone")
	f.git(f.clone, "remote", "add", "origin", f.url)
	return f
}

// hook is what a forge does when a push is done.
func (f *hookingForge) hook() {
	url, ok := f.gateway.Load().(string)
	if !ok {
		return
	}
	f.hooked <- time.Now()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if status, answer, _ := deliver(f.tb, client, url, "main", hookSecret); status != http.StatusAccepted {
		f.tb.Errorf("the hook: %d %v", status, answer)
	}
}

func (f *hookingForge) deliverTo(gateway string) { f.gateway.Store(gateway) }

func (f *hookingForge) commit(files map[string]string) {
	f.tb.Helper()
	for path, text := range files {
		path = filepath.Join(f.clone, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			f.tb.Fatal(err)
		}
	}
	f.git(f.clone, "add", "--all")
	f.git(f.clone, "-c", "gc.auto=0", "commit", "-q", "-m", "Change")
}

func (f *hookingForge) push() { f.git(f.clone, "push", "-q", "origin", "main") }

func (f *hookingForge) git(dir string, args ...string) {
	f.tb.Helper()
	command := exec.Command("git", args...)
	command.Dir, command.Env = dir, gitEnv()
	if out, err := command.CombinedOutput(); err != nil {
		f.tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// gitEnv keeps what is set on this machine out of tests.
func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com")
}
