//go:build linux

package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Peer is a proxy that can be started.
type Peer struct {
	Name    string
	Version string
	Mirrors bool // it has mirrors built in

	argv    func(s Site) []string
	setUp   func(ctx context.Context, s Site) error             // writes all files
	rewrite func(ctx context.Context, s Site) error             // writes those that Site.Changed changes
	reload  func(ctx context.Context, s Site, p *Process) error // makes it serve what was rewritten
}

// SetUp writes the files that serve the site.
func (p Peer) SetUp(ctx context.Context, s Site) error {
	if err := p.setUp(ctx, s); err != nil {
		return fmt.Errorf("set up %s: %w", p.Name, err)
	}
	return nil
}

// Rewrite writes, and where there is a repository commits, what Site.Changed
// has changed since SetUp. Nothing serves it before Reload.
func (p Peer) Rewrite(ctx context.Context, s Site) error {
	if err := p.rewrite(ctx, s); err != nil {
		return fmt.Errorf("change the set-up of %s: %w", p.Name, err)
	}
	return nil
}

// Reload tells a running peer what Rewrite has written. When it returns, the
// peer may still be busy with that.
func (p Peer) Reload(ctx context.Context, s Site, process *Process) error {
	if err := p.reload(ctx, s, process); err != nil {
		return fmt.Errorf("reload %s: %w", p.Name, err)
	}
	return nil
}

func nginx(path, version string) Peer {
	write := func(_ context.Context, s Site) error {
		return write(s.Dir, "nginx.conf", nginxConfig(s, os.Geteuid() == 0))
	}
	return Peer{
		Name: "nginx", Version: version, Mirrors: true, setUp: write, rewrite: write, reload: bySignal(syscall.SIGHUP),
		argv: func(s Site) []string { return []string{path, "-e", s.Dir + "/error.log", "-c", s.Dir + "/nginx.conf"} },
	}
}

func haproxy(path, version string) Peer {
	rewrite := func(_ context.Context, s Site) error { return write(s.Dir, "endpoints.map", haproxyMap(s)) }
	return Peer{
		Name: "HAProxy", Version: version, rewrite: rewrite, reload: bySignal(syscall.SIGUSR2),
		argv: func(s Site) []string { return []string{path, "-W", "-f", s.Dir + "/haproxy.cfg"} },
		setUp: func(ctx context.Context, s Site) error {
			if err := write(s.Dir, "haproxy.cfg", haproxyConfig(s)); err != nil {
				return err
			}
			return rewrite(ctx, s)
		},
	}
}

func caddy(path, version string) Peer {
	write := func(_ context.Context, s Site) error { return write(s.Dir, "Caddyfile", caddyfile(s)) }
	return Peer{
		Name: "Caddy", Version: version, setUp: write, rewrite: write,
		argv: func(s Site) []string {
			return []string{path, "run", "--adapter", "caddyfile", "--config", s.Dir + "/Caddyfile"}
		},
		reload: func(ctx context.Context, s Site, _ *Process) error {
			return post(ctx, s.Admin, "/load", "text/caddyfile", caddyfile(s))
		},
	}
}

// switchyard is one of Switchyard's engines: own or std.
func switchyard(name, path, version, engine string) Peer {
	return Peer{
		Name: name, Version: version, Mirrors: true,
		argv: func(s Site) []string {
			return []string{
				path, "serve", "--front", engine, "--upstream", engine, "--repo", repository(s), "--poll", "24h",
				"--mirror-workers", "64", // a copy at a time for each caller, where other peers know no bound
				"--listen", "127.0.0.1:" + strconv.Itoa(s.Port), "--admin", "127.0.0.1:" + strconv.Itoa(s.Admin),
				"--log", s.Log(), "--log-max-size", "128MiB", "--log-max-files", "1", "--grace-period", "500ms",
			}
		},
		setUp: func(ctx context.Context, s Site) error {
			for name, text := range switchyardFiles(s) {
				if err := write(repository(s), name, text); err != nil {
					return err
				}
			}
			return commit(ctx, s)
		},
		rewrite: func(ctx context.Context, s Site) error {
			name := "endpoints/" + filepath.Base(s.Last()) + ".yaml"
			if err := write(repository(s), name, switchyardFiles(s)[name]); err != nil {
				return err
			}
			return commit(ctx, s)
		},
		reload: func(ctx context.Context, s Site, _ *Process) error { return post(ctx, s.Admin, "/sync", "", "") },
	}
}

func repository(s Site) string { return s.Dir + "/repository" }

// commit commits all files, after making the repository if there is none.
func commit(ctx context.Context, s Site) error {
	var steps [][]string
	if _, err := os.Stat(repository(s) + "/.git"); err != nil {
		steps = append(steps, []string{"init", "-q", "-b", "main"})
	}
	steps = append(steps, []string{"add", "-A"}, []string{"commit", "-q", "-m", "bench"})
	settings := []string{
		"-C", repository(s), "-c", "user.name=bench", "-c", "user.email=bench@localhost",
		"-c", "gc.auto=0", "-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null",
	}
	for _, step := range steps {
		git := exec.CommandContext(ctx, "git", append(slices.Clone(settings), step...)...)
		if out, err := git.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", step[0], err, bytes.TrimSpace(out))
		}
	}
	return nil
}

func bySignal(signal syscall.Signal) func(context.Context, Site, *Process) error {
	return func(_ context.Context, _ Site, p *Process) error { return p.command.Process.Signal(signal) }
}

// write replaces a file, as a whole for whoever watches it.
func write(dir, name, text string) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// post calls a peer's own port for its administration.
func post(ctx context.Context, port int, path, contentType, body string) error {
	url := "http://127.0.0.1:" + strconv.Itoa(port) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", path, response.Status, bytes.TrimSpace(text))
	}
	return nil
}
