//go:build linux

package peer

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// CaddyVersion is the version of Caddy that is measured. It comes through the Go
// module proxy; nginx and HAProxy come as the system packages them.
const CaddyVersion = "v2.11.9"

const caddyPackage = "github.com/caddyserver/caddy/v2/cmd/caddy"

// Names are those of all peers that Find looks for.
func Names() []string { return []string{"nginx", "HAProxy", "Caddy", "Switchyard", "Switchyard std"} }

// Finder finds the peers.
type Finder struct {
	Root    string       // of this repository
	Install bool         // get what is missing
	Say     func(string) // told what is done and what is missing, in plain words
}

// Find returns the peers that could be had, Switchyard, built anew, among them.
// Only that Switchyard cannot be built is an error.
func (f Finder) Find(ctx context.Context) ([]Peer, error) {
	var peers []Peer
	for _, find := range []func(context.Context) (Peer, error){f.nginx, f.haproxy, f.caddy} {
		peer, err := find(ctx)
		if err != nil {
			f.Say("not measured: " + err.Error())
			continue
		}
		peers = append(peers, peer)
	}
	own, err := f.Switchyard(ctx)
	return append(peers, own...), err
}

// Switchyard builds it, with more flags of go build if need be, and returns both
// of its engines.
func (f Finder) Switchyard(ctx context.Context, flags ...string) ([]Peer, error) {
	path, version, err := f.build(ctx, flags)
	if err != nil {
		return nil, err
	}
	return []Peer{switchyard("Switchyard", path, version, "own"), switchyard("Switchyard std", path, version, "std")}, nil
}

func (f Finder) nginx(ctx context.Context) (Peer, error) {
	path, version, err := f.packaged(ctx, "nginx", "-v")
	return nginx(path, version), err
}

func (f Finder) haproxy(ctx context.Context) (Peer, error) {
	path, version, err := f.packaged(ctx, "haproxy", "-v")
	return haproxy(path, version), err
}

// packaged finds a program that the system's package of the same name brings.
func (f Finder) packaged(ctx context.Context, name, flag string) (path, version string, err error) {
	path, err = lookPath(name)
	if err != nil && f.Install {
		if err = f.aptGet(ctx, name); err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
		path, err = lookPath(name)
	}
	if err != nil {
		return "", "", fmt.Errorf("%s is not installed", name)
	}
	out, err := exec.CommandContext(ctx, path, flag).CombinedOutput()
	if err != nil {
		return "", "", fmt.Errorf("%s %s: %w", name, flag, err)
	}
	return path, parseVersion(string(out)), nil
}

// lookPath looks in the folders of the system's programs too, which the PATH of
// ordinary users lacks on Debian.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

var dotted = regexp.MustCompile(`\d+(\.\d+)+[^\s]*`)

// parseVersion is the first thing with dots and digits in what a program says of
// itself, as "nginx version: nginx/1.22.1".
func parseVersion(said string) string { return dotted.FindString(said) }

// aptGet installs a Debian package.
func (f Finder) aptGet(ctx context.Context, name string) error {
	switch _, err := exec.LookPath("apt-get"); {
	case err != nil:
		return errors.New("not installed, and there is no apt-get to install it with")
	case os.Geteuid() != 0:
		return fmt.Errorf("not installed, and only root may install it: apt-get install %s", name)
	}
	f.Say("installing " + name + " with apt-get")
	install := exec.CommandContext(ctx, "apt-get", "install", "-y", "--no-install-recommends", name)
	// RUNLEVEL=1 keeps Debian from starting it as a service.
	install.Env = append(install.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get install: %w: %s", err, lastLine(string(out)))
	}
	return nil
}

// caddy finds or builds Caddy in bin/.
func (f Finder) caddy(ctx context.Context) (Peer, error) {
	bin := filepath.Join(f.Root, "bin")
	path := filepath.Join(bin, "caddy")
	if builtVersion(path) == CaddyVersion {
		return caddy(path, CaddyVersion), nil
	}
	if !f.Install {
		return Peer{}, fmt.Errorf("caddy %s is not in bin/", CaddyVersion)
	}
	f.Say("building Caddy " + CaddyVersion + " with go install; the first time takes a few minutes")
	install := exec.CommandContext(ctx, "go", "install", "-trimpath", caddyPackage+"@"+CaddyVersion)
	install.Dir = f.Root
	install.Env = append(install.Environ(), "GOBIN="+bin)
	if out, err := install.CombinedOutput(); err != nil {
		return Peer{}, fmt.Errorf("caddy: go install: %w: %s", err, lastLine(string(out)))
	}
	return caddy(path, CaddyVersion), nil
}

// builtVersion is the version of the main module of a Go program; empty if there
// is no such program.
func builtVersion(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return ""
	}
	return info.Main.Version
}

// build builds Switchyard and tells the commit that it was built of.
func (f Finder) build(ctx context.Context, flags []string) (path, version string, err error) {
	path = filepath.Join(f.Root, "bin", "bench", "switchyard")
	args := append([]string{"build", "-trimpath", "-o", path}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/switchyard")...)
	build.Dir = f.Root
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build Switchyard: %w: %s", err, out)
	}
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--tags")
	git.Dir = f.Root
	out, err := git.Output()
	if err != nil {
		return path, "unknown", nil //nolint:nilerr // a source archive has no commit
	}
	return path, strings.TrimSpace(string(out)), nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
