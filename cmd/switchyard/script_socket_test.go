package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sockets are what a script, as a service manager does, holds for the processes
// that it starts, and under which names.
type sockets struct {
	files []*os.File
	names []string
}

// socket NAME [VARIABLE [HOST]]: opens a socket that listens on HOST, 127.0.0.1 if it
// is not given, and hands it over under NAME to what `serve` starts from then on, as
// sd_listen_fds(3) has it. VARIABLE is set to its URL. `socket none` hands over
// nothing any more.
func cmdSocket(ts *testscript.TestScript, _ bool, args []string) {
	held := &worldOf(ts).sockets
	if len(args) == 1 && args[0] == "none" {
		held.close()
		return
	}
	if len(args) == 0 || len(args) > 3 {
		ts.Fatalf("usage: socket NAME [VARIABLE [HOST]] | socket none")
	}
	host := "127.0.0.1"
	if len(args) == 3 {
		host = args[2]
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	ts.Check(err)
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	ts.Check(err)
	held.files = append(held.files, file)
	held.names = append(held.names, args[0])
	if len(args) > 1 {
		ts.Setenv(args[1], "http://"+listener.Addr().String())
	}
}

// handOver has a command inherit the sockets. Whom they are for is told by the
// number of its process, which it knows itself only.
func (w *world) handOver(c *exec.Cmd) {
	if len(w.sockets.files) == 0 {
		return
	}
	c.ExtraFiles = w.sockets.files
	c.Env = append(c.Env, "LISTEN_FDS="+strconv.Itoa(len(w.sockets.files)), "LISTEN_FDNAMES="+strings.Join(w.sockets.names, ":"))
	c.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, c.Path}, c.Args[1:]...)
	c.Path = "/bin/sh"
}

func (s *sockets) close() {
	for _, f := range s.files {
		_ = f.Close()
	}
	*s = sockets{}
}

// manager VARIABLE: opens a socket to which services tell how they are, as
// sd_notify(3) has it, and sets VARIABLE to its path.
func cmdManager(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: manager VARIABLE")
	}
	dir, err := os.MkdirTemp("", "manager") // paths of sockets must be short
	ts.Check(err)
	w := worldOf(ts)
	w.closers = append(w.closers, func() { _ = os.RemoveAll(dir) })
	w.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	ts.Check(err)
	w.closers = append(w.closers, func() { _ = w.manager.Close() })
	ts.Setenv(args[0], filepath.Join(dir, "notify"))
}

// told PATTERN: waits for the next that a service tells the manager, which must match.
func cmdTold(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 || worldOf(ts).manager == nil {
		ts.Fatalf("usage: told PATTERN, once there is a manager")
	}
	manager := worldOf(ts).manager
	ts.Check(manager.SetReadDeadline(time.Now().Add(patience)))
	message := make([]byte, 4096)
	n, err := manager.Read(message)
	ts.Check(err)
	if !regexp.MustCompile(args[0]).Match(message[:n]) {
		ts.Fatalf("the manager is told %q, want %s", message[:n], args[0])
	}
}
