package serve_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

// fed runs git in a repository with some input.
func fed(t *testing.T, repo, input string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir, command.Stdin = repo, strings.NewReader(input)
	command.Env = append(os.Environ(), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b.c")
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return strings.TrimSpace(string(out))
}

// treeOf makes a tree of entries, in their order, whatever git thinks of it.
func treeOf(t *testing.T, repo string, entries ...[3]string) string {
	t.Helper()
	var tree bytes.Buffer
	for _, e := range entries {
		hash, err := hex.DecodeString(e[2])
		if err != nil {
			t.Fatal(err)
		}
		tree.WriteString(e[0] + " " + e[1] + "\x00" + string(hash))
	}
	return fed(t, repo, tree.String(), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
}

// No document goes missing without a word because of its name.
func TestDocumentsOfOddNamesAreReported(t *testing.T) {
	repo := filepath.Join(t.TempDir(), "models.git")
	fed(t, "", "", "init", "-q", "--bare", repo)
	text := fed(t, repo, "schemaVersion: 1\nbackends:\n  only: {static: {\"data\": 1}}\n", "hash-object", "-w", "--stdin")
	for name, c := range map[string]struct {
		entries []string
		want    string // of the only problem; empty: there is none
	}{
		"plain":        {[]string{"a.yaml"}, ""},
		"not UTF-8":    {[]string{"a.yaml", "caf\xe9.yaml"}, "endpoints/caf%EF%BF%BD.yaml: a file here cannot be named"},
		"twice":        {[]string{"a.yaml", "a.yaml"}, "endpoints/a (again).yaml: a file here cannot be named"},
		"three times":  {[]string{"a.yml", "a.yml", "a.yml"}, "endpoints/a (again) (again).yml: a file here cannot be named"},
		"leads up":     {[]string{"../a.yaml", "b.yaml"}, "endpoints/%2E%2E%2Fa.yaml: a file here cannot be named"},
		"no documents": {[]string{"..", "a.yaml", "caf\xe9.txt", "n\xe9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var entries [][3]string
			for _, e := range c.entries {
				entries = append(entries, [3]string{"100644", e, text})
			}
			top := treeOf(t, repo, [3]string{"40000", "endpoints", treeOf(t, repo, entries...)})
			commit := fed(t, repo, "", "commit-tree", "-m", name, top)
			fed(t, repo, "", "update-ref", "refs/heads/main", commit)
			rev, err := gitsync.Read(t.Context(), gitsync.Options{URL: repo, Branch: "main", Named: serve.Named("main")}, "")
			if err != nil {
				t.Fatal(err)
			}
			_, problems := gateway.Check(serve.Revision(rev), deployments.Secrets{})
			switch {
			case c.want == "" && len(problems) > 0:
				t.Errorf("problems are %v", problems)
			case c.want != "" && (len(problems) == 0 || !strings.HasPrefix(problems[0].String(), c.want)):
				t.Errorf("problems are %v", problems)
			}
		})
	}
}
