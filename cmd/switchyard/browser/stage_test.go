package browser_test

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/console/login/issuer/issuertest"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var (
	browser     = flag.String("browser", "", "path of Chromium; without it nothing is tested")
	axe         = flag.String("axe", "", "path of axe.min.js, to check what the pages are like for those who cannot see them")
	screenshots = flag.String("screenshots", "", "folder for the screenshots; without it none are kept")
)

const password = "correct horse battery"

// elsewhere is another name of this machine for the browser.
const elsewhere = "gateway.example.com"

// stage is a process that serves, its repository behind git's own server, and a
// browser.
type stage struct {
	t      *testing.T
	repo   string // the bare repository
	work   string // a clone of it
	admin  string
	public string
	log    *testbed.Log

	provider *issuertest.Provider // at which people may log in as well
	tab      context.Context
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if *browser == "" {
		t.Skip("no -browser; make test-console runs it")
	}
	dir := t.TempDir()
	s := &stage{t: t, repo: filepath.Join(dir, "models.git"), work: filepath.Join(dir, "work"), log: &testbed.Log{}}
	s.git(dir, "init", "-q", "--bare", "-b", "main", s.repo)
	s.git(s.repo, "config", "http.receivepack", "true")
	s.git(dir, "clone", "-q", s.repo, s.work)
	s.push("Serve the pricing models", map[string]string{
		"deployments/pricing_v1.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + testbed.HTTP(t, model) + "}\n",
		"deployments/pricing_v2.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + testbed.HTTP(t, model) + "}\n  2: {url: " + testbed.HTTP(t, candidate) + "}\naliases: {stable: 1}\n",
		"endpoints/quotes.yaml":       "schemaVersion: 1\n# answers while there is no model\nbackends:\n  fixed: {static: {\"data\": 0}}   # for now\n",
	})
	s.serve(dir)
	s.open()
	return s
}

// model answers as a deployment does.
func model(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"data": 20, "currency": "EUR", "tiers": [{"from": 0, "price": 20}, {"from": 100, "price": 18}]}`)
}

// candidate answers as model, but for some callers.
func candidate(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.Header.Get("X-User-Id"), "7") {
		model(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"data": 20, "currency": "EUR", "tiers": [{"from": 0, "price": 20}, {"from": 100, "price": 17.5}, {"from": 500, "price": 16}]}`)
}

func (s *stage) serve(dir string) {
	s.t.Helper()
	users, err := login.Open(s.users(dir))
	if err != nil {
		s.t.Fatal(err)
	}
	backend := s.httpBackend()
	server := testbed.HTTP(s.t, backend)
	private, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.provider = issuertest.New(s.t)
	provider := issuer.New(issuer.Options{
		URL: s.provider.URL, ClientID: issuertest.ID, Secret: func() (string, error) { return issuertest.Secret, nil },
		Back: "http://" + private.Addr().String() + console.IssuedPath, Editors: []issuer.Claim{{Name: "groups", Value: "models"}},
	})
	started, ended := make(chan serve.Addresses, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		ended <- serve.Run(ctx, serve.Options{
			Version: "test", Listen: "127.0.0.1:0", Private: private, Stdout: s.log, OwnFront: true, OwnUpstream: true,
			Repository: gitsync.Options{URL: server + "/models.git", Branch: "main", Poll: time.Second, StateDir: filepath.Join(dir, "state"), Keep: 10, Timeout: time.Minute},
			Recent:     &recent.Options{}, Console: &serve.ConsoleOptions{Write: true, Users: users, Issuer: provider},
			Started: func(at serve.Addresses) { started <- at },
		})
	}()
	at := testbed.Receive(s.t, "the start", started)
	s.admin, s.public = "http://"+at.Admin, "http://"+at.Listen
	s.t.Cleanup(func() {
		stop()
		<-ended
	})
	testbed.Eventually(s.t, "the first revision serves", func() bool { return strings.Contains(s.log.String(), `"swap"`) })
}

// httpBackend is git's own server.
func (s *stage) httpBackend() http.HandlerFunc {
	core, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	h := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(s.repo), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=console"},
	}
	return func(w http.ResponseWriter, r *http.Request) {
		cgi := *h
		cgi.Env = slices.Concat(h.Env, []string{"GIT_PROTOCOL=" + r.Header.Get("Git-Protocol")})
		cgi.ServeHTTP(w, r)
	}
}

func (s *stage) users(dir string) string {
	var lines []string
	for name, role := range map[string]login.Role{"editor": login.Editor, "viewer": login.Viewer} {
		line, err := login.Line(name, role, "The "+strings.ToUpper(name[:1])+name[1:]+" <"+name+"@example.com>", password)
		if err != nil {
			s.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	path := filepath.Join(dir, "users")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// git runs git, by a name of its own.
func (s *stage) git(dir string, args ...string) string {
	s.t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=Somebody Else", "-c", "user.email=else@example.com"}, args...)...)
	c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// push commits as somebody else does, upon what is there.
func (s *stage) push(subject string, files map[string]string) {
	s.t.Helper()
	if s.git(s.repo, "for-each-ref") != "" {
		s.git(s.work, "pull", "-q", "--rebase", "origin", "main")
	}
	s.pushTo("main", subject, files)
}

// pushTo commits what is checked out with files, and pushes it to a branch.
func (s *stage) pushTo(branch, subject string, files map[string]string) {
	s.t.Helper()
	for path, text := range files {
		at := filepath.Join(s.work, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	s.git(s.work, "add", "--all")
	s.git(s.work, "commit", "-qm", subject)
	s.git(s.work, "push", "-q", "origin", "HEAD:"+branch)
}

// file is a file of the branch, as it is on the server.
func (s *stage) file(path string) string { return s.git(s.repo, "show", "main:"+path) }

// open opens the browser.
func (s *stage) open() {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "switchyard-browser-") // it writes there when the test is over
	if err != nil {
		s.t.Fatal(err)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(*browser), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.WindowSize(1280, 860),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("host-resolver-rules", "MAP "+elsewhere+" 127.0.0.1"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
	}
	allocated, free := chromedp.NewExecAllocator(context.Background(), options...)
	tab, closeTab := chromedp.NewContext(allocated)
	s.tab = tab
	s.t.Cleanup(func() {
		closeTab()
		free()
		_ = os.RemoveAll(dir)
	})
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil { // the browser lives as long as this context
		s.t.Fatal(err)
	}
}

// stepTime bounds one thing that is done in the browser.
const stepTime = time.Minute

// do does something in the browser.
func (s *stage) do(actions ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.tab, stepTime)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		s.t.Fatalf("%v; the page says:\n%s", err, s.text())
	}
}

// get does something in the browser that gives a value.
func get[T any](s *stage, a chromedp.Action[T]) T {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.tab, stepTime)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		s.t.Fatalf("%v; the page says:\n%s", err, s.text())
	}
	return v
}

// text is what the page says. While one page follows another there may be none.
func (s *stage) text() string {
	ctx, cancel := context.WithTimeout(s.tab, stepTime)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.pathname + '\\n' + (document.body?.innerText ?? '')"))
	return text
}
