package checks_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
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
	if !isStatic(t, binary) {
		t.Error("the binary needs libraries")
	}
	repository, state := exampleRepository(t), t.TempDir()
	run(t, "chown", "-R", serviceUser+":"+serviceUser, filepath.Dir(repository), repository, filepath.Dir(state), state, filepath.Join(root, "etc"))
	g := startGateway(t, repository, "setpriv", "--reuid="+serviceUser, "--regid="+serviceUser, "--clear-groups", "--no-new-privs",
		binary, "serve", "--config", filepath.Join(root, "etc/switchyard/switchyard.yaml"), "--state", state, "--log", "stdout")
	if got := post(t, g.url+"/v1/holdout", `{"data": 1}`); !strings.Contains(got, `{"data":0}`) {
		t.Errorf("the packaged gateway answers %s", got)
	}
}

// isStatic tells whether a program runs without an interpreter for its libraries.
func isStatic(t *testing.T, path string) bool {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	return !slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// changeRoot gives a shell script a copy of this machine's files in $root, which it
// may change as it likes: what it writes goes to memory and is gone with it. $1 is
// the package.
const changeRoot = `
root=$2/root
mount -t tmpfs none "$2"
mkdir "$2/written" "$2/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$2/written,workdir=$2/work" "$root"
cp "$1" "$root/switchyard.deb"
chroot "$root" dpkg --force-depends --no-triggers --install /switchyard.deb >&2
`

// TestTheDebianPackageInstalls installs it, scripts and all, into a copy of this
// machine's files, and runs it as its user, as the unit does.
func TestTheDebianPackageInstalls(t *testing.T) {
	deb, repository := builtPackage(t), exampleRepository(t)
	run(t, "chmod", "-R", "a+rX", filepath.Dir(repository))
	g := startGateway(t, repository, inCopy(t, deb, `
chroot "$root" chown -R switchyard:switchyard "$3"
shift 3
exec chroot "$root" setpriv --reuid=switchyard --regid=switchyard --clear-groups --no-new-privs \
	/usr/bin/switchyard serve --config /etc/switchyard/switchyard.yaml --log stdout "$@"
`, repository)...)
	if got := post(t, g.url+"/v1/holdout", `{"data": 1}`); !strings.Contains(got, `{"data":0}`) {
		t.Errorf("the installed gateway answers %s", got)
	}
}

// TestTheDebianPackageIsUpgradedWithoutItsConfiguration installs it once more after the
// file was removed, which dpkg takes for the administrator's will.
func TestTheDebianPackageIsUpgradedWithoutItsConfiguration(t *testing.T) {
	command := inCopy(t, builtPackage(t), `
rm "$root/etc/switchyard/switchyard.yaml"
chroot "$root" dpkg --force-depends --no-triggers --install /switchyard.deb >&2
[ ! -e "$root/etc/switchyard/switchyard.yaml" ] || { echo "the file is back"; exit 1; }
[ "$(chroot "$root" dpkg-query --show --showformat='${Status}' switchyard)" = "install ok installed" ]
`)
	run(t, command[0], command[1:]...)
}

// TestTheDebianPackageLeavesNothing purges it after it was installed.
func TestTheDebianPackageLeavesNothing(t *testing.T) {
	command := inCopy(t, builtPackage(t), `
for path in /etc/switchyard/switchyard.yaml /var/lib/switchyard /var/log/switchyard; do
	[ -e "$root$path" ] || { echo "not installed: $path"; exit 1; }
done
chroot "$root" dpkg --no-triggers --purge switchyard >&2
for path in /etc/switchyard /var/lib/switchyard /var/log/switchyard /usr/bin/switchyard; do
	[ ! -e "$root$path" ] || { echo "left: $path"; exit 1; }
done
! chroot "$root" getent passwd switchyard
`)
	run(t, command[0], command[1:]...)
}

// inCopy is a command that runs a script after changeRoot.
func inCopy(t *testing.T, deb, script string, arguments ...string) []string {
	t.Helper()
	deb, err := filepath.Abs(deb)
	if err != nil {
		t.Fatal(err)
	}
	shell := func(script string) []string {
		return append([]string{"unshare", "--mount", "sh", "-euc", script, "sh", deb, t.TempDir()}, arguments...)
	}
	probe := shell(`mount -t tmpfs none "$2" && mkdir "$2/a" "$2/b" "$2/c" && mount -t overlay overlay -o "lowerdir=/,upperdir=$2/a,workdir=$2/b" "$2/c"`)
	if out, err := exec.CommandContext(t.Context(), probe[0], probe[1:]...).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: this machine lets nobody mount an overlay: %v %s", err, out)
	}
	return shell(changeRoot + script)
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
