package checks_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// serviceUser is whom the unpacked package runs as: anybody but root.
const serviceUser = "65532"

// TestTheDebianPackageRuns unpacks what `make package` has built and runs it as the
// service does: as a user of its own, with the configuration of the package.
func TestTheDebianPackageRuns(t *testing.T) {
	deb := builtPackage(t)
	root := t.TempDir()
	run(t, "chmod", "755", root, filepath.Dir(root))
	run(t, "dpkg", "-x", deb, root)
	for _, path := range []string{
		"usr/bin/switchyard", "etc/switchyard/switchyard.yaml",
		"usr/lib/systemd/system/switchyard.service", "usr/lib/systemd/system/switchyard.socket",
		"usr/share/man/man1/switchyard.1.gz", "usr/share/man/man1/switchyard-serve.1.gz",
		"usr/share/bash-completion/completions/switchyard", "usr/share/doc/switchyard/copyright",
	} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Errorf("the package lacks %s: %v", path, err)
		}
	}
	binary := filepath.Join(root, "usr/bin/switchyard")
	if out := run(t, "file", binary); !strings.Contains(out, "statically linked") {
		t.Errorf("the binary is not static: %s", out)
	}
	repository := exampleRepository(t)
	run(t, "chown", "-R", serviceUser, filepath.Dir(repository), repository)
	g := startGateway(t, binary, repository, "setpriv", "--reuid="+serviceUser, "--regid="+serviceUser, "--clear-groups", "--no-new-privs")
	if got := post(t, g.url+"/v1/holdout", `{"data": 1}`); !strings.Contains(got, `{"data":0}`) {
		t.Errorf("the packaged gateway answers %s", got)
	}
}

// TestTheDebianPackageInstalls runs the maintainer's scripts where they cannot hurt:
// they must be sound, and end well without systemd.
func TestTheDebianPackageInstalls(t *testing.T) {
	deb := builtPackage(t)
	control := t.TempDir()
	run(t, "dpkg-deb", "--control", deb, control)
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		run(t, "sh", "-n", filepath.Join(control, script))
	}
	text, err := os.ReadFile(filepath.Join(control, "conffiles"))
	if err != nil || !strings.Contains(string(text), "/etc/switchyard/switchyard.yaml") {
		t.Errorf("the configuration is not kept at an upgrade: %s %v", text, err)
	}
}

// builtPackage is the Debian package for this machine that `make package` has made.
func builtPackage(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become the service's user")
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("this machine has no dpkg")
	}
	found, err := filepath.Glob("../../dist/*_" + runtime.GOARCH + ".deb")
	if err != nil || len(found) == 0 {
		t.Skip("there is no package in dist: run make package first")
	}
	return found[0]
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// lockedBuffer is what a process and a test share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
