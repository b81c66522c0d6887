//go:build linux

package peer //nolint:testpackage // what a peer is told decides what is compared

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

func site(t *testing.T) Site {
	t.Helper()
	return Site{
		Dir: t.TempDir(), Port: 40001, Admin: 40002, Workers: 1, Endpoints: 3, Changed: true,
		Ports: map[string]int{A: 41001, B: 41002, Fast: 41003, Slow: 41004, Hole: 41005, Dead: 41006},
	}
}

// accepted lets the program itself check what is written for it, where there is
// the program.
func accepted(t *testing.T, p Peer, s Site, program string, args ...string) {
	t.Helper()
	if err := p.SetUp(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	path, err := lookPath(program)
	if err != nil {
		if path, err = exec.LookPath(filepath.Join("..", "..", "bin", program)); err != nil {
			t.Skip(program + " is not here")
		}
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("%s refuses its configuration: %v\n%s", program, err, out)
	}
}

func TestNginxTakesItsConfiguration(t *testing.T) {
	s := site(t)
	accepted(t, nginx("nginx", ""), s, "nginx", "-t", "-e", s.Dir+"/error.log", "-c", s.Dir+"/nginx.conf")
}

func TestHAProxyTakesItsConfiguration(t *testing.T) {
	s := site(t)
	accepted(t, haproxy("haproxy", ""), s, "haproxy", "-c", "-f", s.Dir+"/haproxy.cfg")
}

func TestCaddyTakesItsConfiguration(t *testing.T) {
	s := site(t)
	accepted(t, caddy("caddy", ""), s, "caddy", "validate", "--adapter", "caddyfile", "--config", s.Dir+"/Caddyfile")
}

// Switchyard's files are read as the gateway reads them.
func TestSwitchyardTakesItsRepository(t *testing.T) {
	files := fstest.MapFS{}
	for path, text := range switchyardFiles(site(t)) {
		files[path] = &fstest.MapFile{Data: []byte(text)}
	}
	revision := schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {FS: files}}}
	set, problems := deployments.Load(revision, deployments.Secrets{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	all, problems := endpoints.Load(revision, set)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2+4+3 {
		t.Errorf("%d endpoints", len(all))
	}
}

// Every peer sends the same endpoints to the same deployments.
func TestPeersAgreeOnWhereRequestsGo(t *testing.T) {
	s := site(t)
	for name, text := range map[string]string{
		"nginx": nginxConfig(s, false), "HAProxy": haproxyConfig(s) + haproxyMap(s), "Caddy": caddyfile(s),
		"Switchyard": strings.Join(textsOf(switchyardFiles(s)), "\n"),
	} {
		for _, want := range []string{Plain, Split, "/e/r00000", "/e/r00001", "/e/r00002", s.address(A), s.address(B), "access.log"} {
			if want == "access.log" && (name == "HAProxy" || name == "Switchyard") {
				continue // theirs is given when they start
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s knows nothing of %s:\n%s", name, want, text)
			}
		}
		if strings.Contains(text, "%!") {
			t.Errorf("%s: a value is missing:\n%s", name, text)
		}
	}
}

func textsOf(files map[string]string) []string {
	var all []string
	for _, text := range files {
		all = append(all, text)
	}
	return all
}

func TestOnlyTheLastEndpointChanges(t *testing.T) {
	s := site(t)
	before := s
	before.Changed = false
	for name, texts := range map[string][2]string{
		"nginx":      {nginxConfig(before, true), nginxConfig(s, true)},
		"HAProxy":    {haproxyMap(before), haproxyMap(s)},
		"Caddy":      {caddyfile(before), caddyfile(s)},
		"Switchyard": {switchyardFiles(before)["endpoints/r00002.yaml"], switchyardFiles(s)["endpoints/r00002.yaml"]},
	} {
		old, changed := strings.Split(texts[0], "\n"), strings.Split(texts[1], "\n")
		differ := 0
		for i := range old {
			if old[i] != changed[i] {
				differ++
			}
		}
		if len(old) != len(changed) || differ != 1 {
			t.Errorf("%s: %d lines differ", name, differ)
		}
	}
}

func TestCommitNeedsNoSettingsOfTheUser(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	s := site(t)
	p := switchyard("Switchyard", "switchyard", "", "own")
	for _, do := range []func(context.Context, Site) error{p.SetUp, func(ctx context.Context, s Site) error {
		s.Changed = false
		return p.Rewrite(ctx, s)
	}} {
		if err := do(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", repository(s), "log", "--oneline").Output()
	if err != nil || strings.Count(string(out), "\n") != 2 {
		t.Errorf("%s%v", out, err)
	}
}

func TestVersions(t *testing.T) {
	for said, want := range map[string]string{
		"nginx version: nginx/1.22.1\n":                                        "1.22.1",
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n": "2.6.12-1+deb12u4",
		"nothing": "",
	} {
		if got := parseVersion(said); got != want {
			t.Errorf("%q is version %q", said, got)
		}
	}
	if builtVersion(filepath.Join(t.TempDir(), "none")) != "" || builtVersion("config_test.go") != "" {
		t.Error("what is no Go program has no version")
	}
}
