package checks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const unitsDir = "../systemd"

// exposed is the most that systemd may find the service exposed to, of 100: it
// takes connections and calls models, and has next to nothing else.
const exposed = "15"

// othersUnits are the units of the system that every service and socket has to do with.
var othersUnits = []string{"sysinit.target", "basic.target", "sockets.target", "network-online.target", "multi-user.target", "shutdown.target", "umount.target"}

// TestUnitsAreSound has systemd read the units, in a root that has what they name.
func TestUnitsAreSound(t *testing.T) {
	if said := verify(t, nil); said != "" {
		t.Error(said)
	}
	broken := strings.NewReplacer("NoNewPrivileges=yes", "NoNewPrivilege=yes", "/usr/bin/switchyard", "/usr/sbin/switchyard")
	said := verify(t, broken)
	for _, want := range []string{"NoNewPrivilege", "/usr/sbin/switchyard"} {
		if !strings.Contains(said, want) {
			t.Errorf("systemd reads a broken unit and says nothing of %s: %s", want, said)
		}
	}
}

// verify is what systemd has to say of the units, changed before.
func verify(t *testing.T, change *strings.Replacer) string {
	t.Helper()
	analyze, root := systemdAnalyze(t), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("usr/bin/switchyard", "#!/bin/sh\n", 0o755)
	write("bin/kill", "#!/bin/sh\n", 0o755)
	for _, name := range othersUnits {
		write("usr/lib/systemd/system/"+name, "[Unit]\n", 0o644)
	}
	units := []string{"switchyard.service", "switchyard.socket"}
	for _, name := range units {
		text, err := os.ReadFile(filepath.Join(unitsDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			text = []byte(change.Replace(string(text)))
		}
		write("usr/lib/systemd/system/"+name, string(text), 0o644)
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--root=" + root, "--man=no"}, units...)...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return string(out)
}

// TestTheServiceIsHardened has systemd judge what the service may do.
func TestTheServiceIsHardened(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), systemdAnalyze(t), "security", "--offline=true", "--no-pager", "--threshold="+exposed,
		filepath.Join(unitsDir, "switchyard.service")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func systemdAnalyze(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT TESTED: this machine has no systemd-analyze")
	}
	return path
}
