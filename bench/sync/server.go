//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
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

// served is what a server has done.
type served struct {
	Wire int64         // bytes that went over its connections
	Busy time.Duration // how long requests took it, added up
}

// served tells what the server has done since it was asked last, without asking.
func (s *server) served(ctx context.Context) (served, error) {
	var did served
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/-/served", nil)
	if err != nil {
		return did, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return did, err
	}
	defer resp.Body.Close()
	return did, json.NewDecoder(resp.Body).Decode(&did)
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
	var busy atomic.Int64
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		start := time.Now()
		backend.ServeHTTP(w, req)
		busy.Add(int64(time.Since(start)))
	})
	mux.HandleFunc("/-/served", func(w http.ResponseWriter, req *http.Request) {
		asking, _ := req.Context().Value(connKey{}).(*countedConn)
		did := served{Wire: counted.bytes.Swap(0) - asking.own.Load(), Busy: time.Duration(busy.Swap(0))}
		_ = json.NewEncoder(w).Encode(did) // one that has left asks no more
		asking.quiet.Store(true)           // the answer is not counted
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
