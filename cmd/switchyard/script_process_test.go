package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// served is a running `switchyard serve`.
type served struct {
	cmd    *exec.Cmd
	stdout string        // the file
	ended  chan struct{} // closed when it has
}

// serve NAME [VARIABLE=VALUE]... [FLAG]...: starts `switchyard serve` in the
// background, with NAME.out and NAME.err as its outputs, and waits until it says
// that it listens. The ports are free ones: NAME_URL, NAME_ADMIN and, with --metrics, NAME_METRICS
// tell them.
// Its log may be a file: --log FILE. With ! it must end with exit code 2 instead.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: serve NAME [VARIABLE=VALUE]... [FLAG]...")
	}
	name := args[0]
	s := start(ts, name, args[1:])
	worldOf(ts).processes[name] = s
	if neg {
		poll(s.over)
		cmdEnd(ts, false, []string{name, "2"})
		return
	}
	log := s.stdout
	for i, a := range args {
		if a == "--log" {
			log = ts.MkAbs(args[i+1])
		}
	}
	var begun []map[string]any
	ok := poll(func() bool {
		begun = matching(log, []string{"event=start"})
		return len(begun) > 0 || s.over()
	})
	if !ok || len(begun) == 0 {
		ts.Fatalf("serve did not start:\n%s%s", read(s.stdout), read(ts.MkAbs(name+".err")))
	}
	prefix := strings.ToUpper(name)
	ts.Setenv(prefix+"_LISTEN", fmt.Sprint(begun[0]["listen"]))
	ts.Setenv(prefix+"_URL", fmt.Sprintf("http://%v", begun[0]["listen"]))
	ts.Setenv(prefix+"_ADMIN", fmt.Sprintf("http://%v", begun[0]["admin"]))
	ts.Setenv(prefix+"_METRICS", fmt.Sprintf("http://%v", begun[0]["metrics"]))
}

func start(ts *testscript.TestScript, name string, args []string) *served {
	path, err := exec.LookPath("switchyard")
	ts.Check(err)
	s := &served{stdout: ts.MkAbs(name + ".out"), ended: make(chan struct{})}
	s.cmd = exec.Command(path, "serve")
	s.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1",
		"SWITCHYARD_LISTEN=127.0.0.1:0", "SWITCHYARD_ADMIN=127.0.0.1:0")
	for _, a := range args {
		if variable, _, ok := strings.Cut(a, "="); ok && !strings.HasPrefix(variable, "-") {
			s.cmd.Env = append(s.cmd.Env, a)
		} else {
			s.cmd.Args = append(s.cmd.Args, a)
		}
	}
	s.cmd.Dir = ts.MkAbs(".")
	worldOf(ts).handOver(s.cmd)
	stdout, err := os.Create(s.stdout)
	ts.Check(err)
	stderr, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	s.cmd.Stdout, s.cmd.Stderr = stdout, stderr
	ts.Check(s.cmd.Start())
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
		_ = stdout.Close()
		_ = stderr.Close()
	}()
	return s
}

func (s *served) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *served) kill() {
	if !s.over() {
		_ = s.cmd.Process.Kill()
	}
	<-s.ended
}

// signal NAME TERM|INT|HUP: sends a signal.
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: signal NAME TERM|INT|HUP|KILL")
	}
	s := processOf(ts, args[0])
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	ts.Check(s.cmd.Process.Signal(signals[args[1]]))
}

// environment NAME VARIABLE=VALUE: the process runs with that variable.
func cmdEnvironment(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: environment NAME VARIABLE=VALUE")
	}
	given, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", processOf(ts, args[0]).cmd.Process.Pid))
	ts.Check(err)
	if !slices.Contains(strings.Split(string(given), "\x00"), args[1]) {
		ts.Fatalf("it runs without %s:\n%q", args[1], given)
	}
}

// end NAME [CODE]: sends SIGTERM, waits for the end, and compares the exit code (0).
func cmdEnd(ts *testscript.TestScript, _ bool, args []string) {
	s := processOf(ts, args[0])
	want := 0
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		want = n
	}
	if !s.over() {
		ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		ts.Fatalf("%s did not end:\n%s", args[0], read(s.stdout))
	}
	if code := s.cmd.ProcessState.ExitCode(); code != want {
		ts.Fatalf("%s ended with %d, want %d:\n%s%s", args[0], code, want, read(s.stdout), read(ts.MkAbs(args[0]+".err")))
	}
}

func processOf(ts *testscript.TestScript, name string) *served {
	s := worldOf(ts).processes[name]
	if s == nil {
		ts.Fatalf("no process %s was started", name)
	}
	return s
}

// record NAME[.FILE] COUNT FIELD=VALUE... [VARIABLE:=FIELD]: waits until exactly
// COUNT lines of the log of NAME (or of the file) have the values, and sets
// variables from the last of them. With ! there must be none by now.
func cmdRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		if found := matching(logFile(ts, args[0]), args[1:]); len(found) > 0 {
			ts.Fatalf("unexpected: %v", found)
		}
		return
	}
	if len(args) < 2 {
		ts.Fatalf("usage: record NAME COUNT FIELD=VALUE... [VARIABLE:=FIELD]...")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	var fields []string
	variables := map[string]string{}
	for _, a := range args[2:] {
		if variable, field, ok := strings.Cut(a, ":="); ok {
			variables[variable] = field
		} else {
			fields = append(fields, a)
		}
	}
	file := logFile(ts, args[0])
	var found []map[string]any
	if !poll(func() bool { found = matching(file, fields); return len(found) >= count }) || len(found) != count {
		ts.Fatalf("%d lines with %q, want %d, in:\n%s", len(found), fields, count, read(file))
	}
	for variable, field := range variables {
		ts.Setenv(variable, fmt.Sprint(found[count-1][field]))
	}
}

func logFile(ts *testscript.TestScript, name string) string {
	if s := worldOf(ts).processes[name]; s != nil {
		return s.stdout
	}
	return ts.MkAbs(name)
}

// matching are the lines of a log that have all of fields, given as NAME=VALUE;
// an empty VALUE means null or absent, and ~ instead of = that the value
// contains it.
func matching(file string, fields []string) []map[string]any {
	var found []map[string]any
	for line := range bytes.Lines([]byte(read(file))) {
		var record map[string]any
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if decoder.Decode(&record) == nil && has(record, fields) {
			found = append(found, record)
		}
	}
	return found
}

func has(record map[string]any, fields []string) bool {
	for _, f := range fields {
		i := strings.IndexAny(f, "=~")
		if i < 0 {
			return false
		}
		got := ""
		if v := record[f[:i]]; v != nil {
			got = fmt.Sprint(v)
		}
		if f[i] == '=' && got != f[i+1:] || f[i] == '~' && !strings.Contains(got, f[i+1:]) {
			return false
		}
	}
	return true
}

func read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}
