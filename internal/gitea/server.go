package gitea

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Admin owns all repositories, and may do everything.
const (
	Admin    = "ada"
	password = "correct horse battery"
)

// leave is how long Gitea has to end by itself.
const leave = 10 * time.Second

// Server is a Gitea that runs until its test ends.
type Server struct {
	URL        string // of its pages, without a slash at the end
	KnownHosts string // a file with the host key of its ssh server

	ssh     string // the address of that
	program string
	config  string
	log     *testbed.Log
	client  *http.Client // keeps no connections, but cookies
}

// Start runs Gitea out of a folder that .ci/gitea made. settings, in the form of
// Gitea's app.ini, go behind those that it needs.
func Start(tb testing.TB, folder, settings string) *Server {
	tb.Helper()
	if folder == "" {
		tb.Skip("make test-gitea does this: it builds Gitea")
	}
	web, shell := freePorts(tb)
	work := tb.TempDir()
	s := &Server{
		URL: "http://127.0.0.1:" + web, ssh: "127.0.0.1:" + shell, KnownHosts: filepath.Join(work, "known_hosts"),
		program: filepath.Join(folder, "gitea"), config: filepath.Join(work, "app.ini"), log: &testbed.Log{},
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s.client = &http.Client{Jar: jar, Timeout: testbed.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	text := fmt.Sprintf(template, filepath.Join(folder, "static"), s.URL, web, shell, leave) + settings
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.run(tb, "migrate")
	s.run(tb, "admin", "user", "create", "--admin", "--username", Admin, "--password", password, "--email", "ada@example.com")
	s.serve(tb)
	testbed.Eventually(tb, "Gitea is well", s.well)
	s.know(tb, filepath.Join(work, "data", "ssh", "gitea.rsa.pub"))
	return s
}

// template is Gitea's app.ini. It takes nothing from the network, keeps out of the
// home folder, and calls webhooks on this machine, which it does not by default.
const template = `
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
STATIC_ROOT_PATH = %s
ROOT_URL = %s/
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %s
START_SSH_SERVER = true
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = %[4]s
SSH_PORT = %[4]s
SSH_ROOT_PATH = ssh
SSH_CREATE_AUTHORIZED_KEYS_FILE = false
BUILTIN_SSH_SERVER_USER = git
OFFLINE_MODE = true
GRACEFUL_HAMMER_TIME = %[5]s
[database]
DB_TYPE = sqlite3
[security]
INSTALL_LOCK = true
[webhook]
ALLOWED_HOST_LIST = loopback
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[actions]
ENABLED = false
[packages]
ENABLED = false
[cron]
ENABLED = false
[log]
LEVEL = Warn
`

// freePorts are two ports of which nobody makes use. Gitea must not be handed listeners:
// it takes itself for the successor of whoever started it then, and ends that.
func freePorts(tb testing.TB) (web, shell string) {
	tb.Helper()
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close()
		_, ports[i], err = net.SplitHostPort(l.Addr().String())
		if err != nil {
			tb.Fatal(err)
		}
	}
	return ports[0], ports[1]
}

// command is one of Gitea's.
func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.program, append(args, "--config", s.config, "--work-path", filepath.Dir(s.config))...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 2 * leave
	return c
}

// run runs a command to its end, which has to be a good one.
func (s *Server) run(tb testing.TB, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), testbed.Patience)
	defer cancel()
	if said, err := s.command(ctx, args...).CombinedOutput(); err != nil {
		tb.Fatalf("gitea %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// serve runs the server until the test ends.
func (s *Server) serve(tb testing.TB) {
	tb.Helper()
	c := s.command(tb.Context(), "web")
	c.Stdout, c.Stderr = s.log, s.log
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { // the test's context has ended by now, and so does Gitea
		_ = c.Wait() // by a signal
		if tb.Failed() {
			tb.Logf("Gitea's log:\n%s", s.log)
		}
	})
}

// well tells whether all parts of Gitea work.
func (s *Server) well() bool {
	response, err := s.client.Get(s.URL + "/api/healthz") //nolint:noctx // the client's own bound is enough
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// know notes a host key, out of the file where Gitea keeps it.
func (s *Server) know(tb testing.TB, file string) {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(bytes.TrimSpace(text))
	if err == nil {
		err = os.WriteFile(s.KnownHosts, []byte(knownhosts.Line([]string{s.ssh}, key)+"\n"), 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
