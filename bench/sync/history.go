//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// history says what a repository holds.
type history struct {
	files   int // in endpoints/
	commits int // before the changes, each of one file
	changes int // commits that the branch moves through when it is measured
	other   int // MiB of other files, each smaller than what filters leave out
}

// repository is a bare one, whose branch main stands before the first change.
type repository struct {
	dir     string
	changes []string // commits, each of which changes the file of changed
}

func changed(step, files int) string { return fmt.Sprintf("endpoints/e%05d.yaml", step%files) }

func document(file, edition int) string {
	return fmt.Sprintf(`schemaVersion: 1
backends:
  control:
    deployment: {branch: main, name: pricing_model_%d, version: latest}
    weight: %d
  experiment:
    deployment: {branch: main, name: pricing_model_%d, version: %d}
    weight: 5
assignment: {key: header:x-user-%d}
`, file, 95, file*7+1, edition+1, file%13)
}

// build makes a repository as a server has it: packed.
func (h history) build(ctx context.Context, dir string) (repository, error) {
	r := repository{dir: dir}
	if _, err := git(ctx, "", "", "init", "-q", "--bare", "-b", "main", dir); err != nil {
		return r, err
	}
	for _, setting := range []string{"uploadpack.allowFilter=true", "http.receivepack=false", "core.fsync=none"} {
		key, value, _ := strings.Cut(setting, "=")
		if _, err := git(ctx, dir, "", "config", key, value); err != nil {
			return r, err
		}
	}
	in, out := io.Pipe()
	cmd := exec.CommandContext(ctx, "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = dir, in
	go func() {
		w := bufio.NewWriterSize(out, 1<<20)
		h.write(w)
		_ = out.CloseWithError(w.Flush())
	}()
	if text, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("git fast-import: %w: %s", err, text)
	}
	if _, err := git(ctx, dir, "", "repack", "-adq"); err != nil {
		return r, err
	}
	list, err := git(ctx, dir, "", "rev-list", "--reverse", fmt.Sprintf("--max-count=%d", h.changes), "main")
	if err != nil {
		return r, err
	}
	r.changes = strings.Fields(list)
	return r, r.rewind(ctx)
}

// rewind sets main to the commit before the changes.
func (r repository) rewind(ctx context.Context) error {
	base, err := git(ctx, r.dir, "", "rev-parse", r.changes[0]+"~1")
	if err != nil {
		return err
	}
	return r.move(strings.TrimSpace(base))
}

// move lets main stand at a commit, without the cost of a git process.
func (r repository) move(commit string) error {
	return os.WriteFile(filepath.Join(r.dir, "refs/heads/main"), []byte(commit+"\n"), 0o644)
}

// write tells git fast-import the history; errors come with the flush.
func (h history) write(w *bufio.Writer) {
	file := func(name, text string) { fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text) }
	begin := func(n int) {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", 1700000000+n)
	}
	begin(0)
	for i := range h.files {
		file(changed(i, h.files), document(i, 0))
	}
	noise := rand.NewChaCha8([32]byte{1})
	const size = 20 << 10
	for i := range h.other << 20 / size {
		data := make([]byte, size)
		_, _ = noise.Read(data) // never fails
		file(fmt.Sprintf("data/part%03d/f%05d.bin", i%100, i), string(data))
	}
	for n := 1; n < h.commits+h.changes; n++ {
		begin(n)
		step := n - h.commits
		if step < 0 {
			step += h.files
		}
		file(changed(step, h.files), document(step%h.files, n))
	}
}
