package seed_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync/seed"
)

// What is made is read back with git itself: people go on in it with git.
func TestRepositoryIsAnOrdinaryOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "models")
	r, err := seed.Create(dir, "main", seed.Author{Name: "A", Email: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, r, "first", map[string]string{"endpoints/a.yaml": "1\n", "deployments/d.yaml": "on main\n"})
	checkout(t, r, "dev")
	dev := commit(t, r, "on dev", map[string]string{"deployments/d.yaml": "on dev\n"})
	checkout(t, r, "main")
	main := commit(t, r, "second", map[string]string{"endpoints/a.yaml": "2\n"})

	names, err := r.Branches()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dev", "main"}, names); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "deployments/d.yaml"))
	if err != nil || string(text) != "on main\n" {
		t.Errorf("the work tree of main holds %q, %v", text, err)
	}

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git binary to read it with")
	}
	want := map[string]string{
		"rev-parse HEAD":              main,
		"rev-parse dev":               dev,
		"show dev:deployments/d.yaml": "on dev",
		"show main:endpoints/a.yaml":  "2",
		"status --porcelain":          "",
		"log --format=%s main":        "second\nfirst",
		"fsck --strict":               "",
		"config --local user.name":    "A",
		"config --local user.email":   "a@example.com",
	}
	for args, out := range want {
		if diff := cmp.Diff(out, git(t, dir, args)); diff != "" {
			t.Errorf("git %s (-want +got):\n%s", args, diff)
		}
	}
}

func TestCreateLeavesOthersFilesAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Create(dir, "main", seed.Author{Name: "A", Email: "a@example.com"}); err == nil {
		t.Error("a directory with files in it was taken")
	}
}

func TestCommitStaysInTheWorkTree(t *testing.T) {
	r, err := seed.Create(t.TempDir(), "main", seed.Author{Name: "A", Email: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit("out", map[string]string{"../out": "x"}); err == nil {
		t.Error("a file outside of the work tree was written")
	}
}

func commit(t *testing.T, r *seed.Repository, message string, files map[string]string) string {
	t.Helper()
	hash, err := r.Commit(message, files)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func checkout(t *testing.T, r *seed.Repository, branch string) {
	t.Helper()
	if err := r.Checkout(branch); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir, args string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, strings.Fields(args)...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
