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
	*clone
	url     string
	gateway atomic.Value   // of string: the address of the gateway, once there is one
	hooked  chan time.Time // when a hook was sent; room for that of each push of a test
}

func newHookingForge(tb testing.TB) *hookingForge {
	tb.Helper()
	dir := tb.TempDir()
	f := &hookingForge{hooked: make(chan time.Time, 1000)}
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
	f.clone = newClone(tb, f.url)
	f.git("init", "-q", "--bare", "-b", "main", filepath.Join(dir, "models.git"))
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

// clone is a repository with a work tree, to push from.
type clone struct {
	tb  testing.TB
	dir string
}

// newClone makes one without commits.
func newClone(tb testing.TB, url string) *clone {
	tb.Helper()
	c := &clone{tb: tb, dir: tb.TempDir()}
	c.git("init", "-q", "-b", "main")
	c.git("remote", "add", "origin", url)
	return c
}

// commit commits files, and gives the commit.
func (c *clone) commit(files map[string]string) string {
	c.tb.Helper()
	for path, text := range files {
		path = filepath.Join(c.dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			c.tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			c.tb.Fatal(err)
		}
	}
	c.git("add", "--all")
	c.git("-c", "gc.auto=0", "commit", "-q", "-m", "Change")
	return c.git("rev-parse", "HEAD")
}

func (c *clone) push() { c.git("push", "-q", "origin", "main") }

// git runs git in the clone, and gives what it says.
func (c *clone) git(args ...string) string {
	c.tb.Helper()
	command := exec.Command("git", args...)
	command.Dir, command.Env = c.dir, gitEnv()
	out, err := command.CombinedOutput()
	if err != nil {
		c.tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// gitEnv keeps what is set on this machine out of tests.
func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com")
}
