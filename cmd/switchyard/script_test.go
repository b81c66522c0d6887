package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. It is generous: what is waited for
// takes milliseconds on a quiet machine.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"switchyard": main})
}

// The scripts run the binary as people run it: real processes, real git, real
// listeners. Besides testscript's own commands they have those of commands.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the scripts commit with git, which this machine lacks")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               setUpScript,
		Cmds:                commands(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func setUpScript(env *testscript.Env) error {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME":                env.WorkDir,
		"EXAMPLES":            examples,
		"GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME":     "Script", "GIT_AUTHOR_EMAIL": "script@example.com",
		"GIT_COMMITTER_NAME": "Script", "GIT_COMMITTER_EMAIL": "script@example.com",
	} {
		env.Setenv(name, value)
	}
	w := &world{processes: map[string]*served{}}
	env.Values[worldKey{}] = w
	env.Defer(w.end)
	return nil
}

// world is what the commands of one script have started.
type world struct {
	processes map[string]*served
	closers   []func()
	git       *gitServer
	load      *load
	sockets   sockets
	manager   *net.UnixConn // nil: services have nobody to tell how they are
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func (w *world) end() {
	for _, s := range w.processes {
		s.kill()
	}
	for _, c := range w.closers {
		c()
	}
	w.sockets.close()
}

func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"await":       cmdAwait,
		"balance":     cmdBalance,
		"call":        cmdCall,
		"commit":      cmdCommit,
		"environment": cmdEnvironment,
		"end":         cmdEnd,
		"exits":       cmdExits,
		"expand":      cmdExpand,
		"gitserver":   cmdGitServer,
		"load":        cmdLoad,
		"manager":     cmdManager,
		"model":       cmdModel,
		"receiver":    cmdReceiver,
		"push":        cmdPush,
		"record":      cmdRecord,
		"repeat":      cmdRepeat,
		"serve":       cmdServe,
		"signal":      cmdSignal,
		"socket":      cmdSocket,
		"subjects":    cmdSubjects,
		"told":        cmdTold,
	}
}

// exits CODE COMMAND [ARGUMENT]...: runs a command and compares its exit code.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT]...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// expand FILE...: puts the values of $NAME and ${NAME} into files. ${env:...} stays.
func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	variable := regexp.MustCompile(`\$[A-Z][A-Z0-9_]*|\$\{[A-Z][A-Z0-9_]*\}`)
	for _, name := range args {
		text := variable.ReplaceAllStringFunc(ts.ReadFile(name), func(v string) string {
			return ts.Getenv(strings.Trim(v, "${}"))
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// repeat N FILE INTO: writes what a file holds N times into another one.
func cmdRepeat(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: repeat N FILE INTO")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Repeat(ts.ReadFile(args[1]), n)), 0o600))
}

// commit DIR MESSAGE [VARIABLE]: commits all that DIR holds, as a repository
// that is made if it is none yet, and sets VARIABLE to the commit.
func cmdCommit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: commit DIR MESSAGE [VARIABLE]")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		ts.Check(ts.Exec("git", "init", "-q", "-b", "main", dir))
	}
	ts.Check(ts.Exec("git", "-C", dir, "add", "--all"))
	ts.Check(ts.Exec("git", "-C", dir, "commit", "-q", "--allow-empty", "-m", args[1]))
	if len(args) > 2 {
		hash, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output()
		ts.Check(err)
		ts.Setenv(args[2], strings.TrimSpace(string(hash)))
	}
}

// call STATUS METHOD URL [-d BODY] [-H 'NAME: VALUE']...: makes one request, with
// curl's own Content-Type if there is a body. The answer's body becomes stdout,
// its header stderr.
func cmdCall(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: call STATUS METHOD URL [-d BODY] [-H 'NAME: VALUE']")
	}
	request := newRequest(ts, args[1], args[2], args[3:])
	client := &http.Client{
		Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // its status is what is asked for
	}
	response, err := client.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s", body)
	ts.Check(response.Header.Write(ts.Stderr()))
	if strconv.Itoa(response.StatusCode) != args[0] {
		ts.Fatalf("status %d, want %s: %s", response.StatusCode, args[0], body)
	}
}

func newRequest(ts *testscript.TestScript, method, url string, options []string) *http.Request {
	request, err := http.NewRequest(method, url, http.NoBody)
	ts.Check(err)
	for len(options) >= 2 {
		switch options[0] {
		case "-d":
			body := options[1]
			if name, ok := strings.CutPrefix(body, "@"); ok {
				body = ts.ReadFile(name)
			}
			request.Body = io.NopCloser(strings.NewReader(body))
			request.ContentLength = int64(len(body))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		case "-H":
			name, value, _ := strings.Cut(options[1], ": ")
			request.Header.Set(name, value)
		default:
			ts.Fatalf("unknown option %s", options[0])
		}
		options = options[2:]
	}
	return request
}

// await URL PATTERN [-H FIELD]...: gets the URL until its answer, with the status in
// front, matches.
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await URL PATTERN [-H FIELD]...")
	}
	pattern := regexp.MustCompile("(?ms)" + args[1])
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	var got string
	ok := poll(func() bool {
		response, err := client.Do(newRequest(ts, http.MethodGet, args[0], args[2:]))
		if err != nil {
			got = err.Error()
			return false
		}
		defer response.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(response.Body)
		got = fmt.Sprintf("%d %s", response.StatusCode, b.String())
		return pattern.MatchString(got)
	})
	if !ok {
		ts.Fatalf("%s never answered %q; last: %s", args[0], args[1], got)
	}
}

// poll waits until done, at most for patience.
func poll(done func() bool) bool {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
	return true
}
