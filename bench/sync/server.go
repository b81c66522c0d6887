//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// server is a process that serves repositories.
type server struct {
	url string
	cmd *exec.Cmd
}

// startServer starts this program as a server of the repositories in dir.
func startServer(ctx context.Context, dir string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not start: %w", err), cmd.Wait())
	}
	return &server{url: strings.TrimSpace(line), cmd: cmd}, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait() // it was told to end
}

// wire gives the bytes that went over the server's connections since it was
// asked last, without those of asking.
func (s *server) wire(ctx context.Context) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/-/bytes", nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// serveFolder is the server's process.
func serveFolder(ctx context.Context, dir string) error {
	path, err := git(ctx, "", "", "--exec-path")
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	counted := &countedListener{Listener: l}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(path), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	mux := http.NewServeMux()
	mux.Handle("/", backend)
	mux.HandleFunc("/-/bytes", func(w http.ResponseWriter, req *http.Request) {
		asking, _ := req.Context().Value(connKey{}).(*countedConn)
		sum := counted.bytes.Swap(0) - asking.own.Load()
		_, _ = fmt.Fprint(w, sum)
		asking.quiet.Store(true) // the answer is not counted
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	_, _ = fmt.Fprintln(os.Stdout, "http://"+l.Addr().String())
	if err := s.Serve(counted); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type connKey struct{}

type countedListener struct {
	net.Listener
	bytes atomic.Int64
}

func (l *countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: c, all: &l.bytes}, nil
}

type countedConn struct {
	net.Conn
	all   *atomic.Int64
	own   atomic.Int64
	quiet atomic.Bool
}

func (c *countedConn) count(n int) {
	if !c.quiet.Load() {
		c.own.Add(int64(n))
		c.all.Add(int64(n))
	}
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.count(n)
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.count(len(p))
	return c.Conn.Write(p)
}
