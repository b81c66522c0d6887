package serve_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// clients has published clients called, which are fetched for that.
var clients = flag.Bool("clients", false, "call the gateway with published clients, which npm installs")

// programs are those of a folder of testdata, with what they need from npm.
type programs struct {
	t         *testing.T
	dir       string
	variables []string // of their environment, besides the process's own
}

// published installs what the programs of a folder need.
func published(t *testing.T, folder string, variables ...string) *programs {
	t.Helper()
	if !*clients {
		t.Skip("make test-clients does this: it needs node and a package registry")
	}
	p := &programs{t: t, dir: t.TempDir(), variables: variables}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	p.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return p
}

// command is a command in the folder.
func (p *programs) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	p.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		p.t.Fatalf("%s is not installed: make test-clients needs node 20 or later, and npm (on Debian: apt-get install nodejs npm)", name)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Env = p.dir, append(os.Environ(), p.variables...)
	return c
}

// run runs a command to its end, which has to be a good one.
func (p *programs) run(name string, args ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*testbed.Patience)
	defer cancel()
	if said, err := p.command(ctx, name, args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
}
