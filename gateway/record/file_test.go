package record_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestFileRotatesAndKeepsEveryLine(t *testing.T) {
	dir := t.TempDir()
	f, err := record.OpenFile(record.FileOptions{Path: filepath.Join(dir, "log.jsonl"), Size: 1 << 20, Age: time.Hour, Files: 10})
	if err != nil {
		t.Fatal(err)
	}
	l, stop := start(record.Options{Writer: f})
	const n = 4000 // some 2.6 MB
	for i := range n {
		l.Append(numbered(i, record.Live))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v; want three", files, err)
	}
	seen := map[any]bool{}
	for _, name := range files {
		text := read(t, name)
		if len(text) > 1<<20 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		for _, line := range decodeLines(t, text) {
			seen[line["requestId"]] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d records in the files, want %d", len(seen), n)
	}
}

func TestFileRotatesByTime(t *testing.T) {
	dir := t.TempDir()
	f, err := record.OpenFile(record.FileOptions{Path: filepath.Join(dir, "log.jsonl"), Every: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	var files []string
	testbed.Eventually(t, "there are three files", func() bool {
		write(t, f, "line\n")
		lines++
		files, err = filepath.Glob(filepath.Join(dir, "*"))
		return err == nil && len(files) >= 3
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, name := range files {
		text += read(t, name)
	}
	if text != strings.Repeat("line\n", lines) {
		t.Errorf("the files have %q, %d lines were written", text, lines)
	}
}

func TestReopenFollowsAFileThatWasMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	f, err := record.OpenFile(record.FileOptions{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "first\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "second\n")
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, f, "third\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if old, now := read(t, path+".1"), read(t, path); old != "first\nsecond\n" || now != "third\n" {
		t.Errorf("moved file %q, new file %q", old, now)
	}
}

func TestALineCutOffByACrashIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	if err := os.WriteFile(path, []byte("whole\n{\"cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := record.OpenFile(record.FileOptions{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "next\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "whole\n{\"cut\nnext\n" {
		t.Errorf("file %q", got)
	}
}

func TestAFileThatCannotBeOpenedIsAnErrorAtOnce(t *testing.T) {
	_, err := record.OpenFile(record.FileOptions{Path: filepath.Join(t.TempDir(), "none", "log.jsonl")})
	if err == nil || !strings.Contains(err.Error(), "open log: ") {
		t.Errorf("error %v", err)
	}
}

func write(t *testing.T, f *record.File, s string) {
	t.Helper()
	if n, err := f.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsNoRegularFileIsNeverRotated(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := record.OpenFile(record.FileOptions{Path: path, Size: 1 << 20, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	const size = 3 << 20
	read := make(chan error, 1) // one result
	go func() {
		_, err := io.CopyN(io.Discard, reader, size)
		read <- err
	}()
	for range size >> 10 {
		write(t, f, strings.Repeat("x", 1<<10))
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	if err := errors.Join(f.Reopen(), f.Close()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Type() != os.ModeNamedPipe {
		t.Errorf("the folder holds %v, %v; want the pipe alone", left, err)
	}
}
