package record_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// rotate writes to a file of 1 MiB until it is rotated.
func rotate(t *testing.T, f *record.File, dir string) (rotated string) {
	t.Helper()
	before := rotatedFiles(t, dir)
	for range 3 {
		write(t, f, strings.Repeat("x", 600<<10)+"\n")
		for _, name := range rotatedFiles(t, dir) {
			if !slices.Contains(before, name) {
				return name
			}
		}
	}
	t.Fatal("the file is not rotated")
	return ""
}

func rotatedFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "log-*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRotatedFilesOlderThanAgeAreRemoved(t *testing.T) {
	dir := t.TempDir()
	f, err := record.OpenFile(record.FileOptions{Path: filepath.Join(dir, "log.jsonl"), Size: 1 << 20, Age: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	// Their names say when they were rotated.
	aged := func(name string, age time.Duration) string {
		day := regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)
		old := day.ReplaceAllString(name, time.Now().Add(-age).UTC().Format(time.DateOnly))
		if err := os.Rename(name, old); err != nil || old == name {
			t.Fatalf("%s is to become %s: %v", name, old, err)
		}
		return old
	}
	old := aged(rotate(t, f, dir), 96*time.Hour)
	kept := aged(rotate(t, f, dir), 24*time.Hour)
	last := rotate(t, f, dir)
	testbed.Eventually(t, "the old file is removed", func() bool { return !slices.Contains(rotatedFiles(t, dir), old) })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if left := rotatedFiles(t, dir); !slices.Equal(left, []string{kept, last}) {
		t.Errorf("left are %v, want %s and %s", left, kept, last)
	}
}

func TestSoManyRotatedFilesAreKept(t *testing.T) {
	dir := t.TempDir()
	f, err := record.OpenFile(record.FileOptions{Path: filepath.Join(dir, "log.jsonl"), Size: 1 << 20, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for range 5 {
		all = append(all, rotate(t, f, dir))
	}
	testbed.Eventually(t, "the others are removed", func() bool { return len(rotatedFiles(t, dir)) <= 2 })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if left := rotatedFiles(t, dir); !slices.Equal(left, all[3:]) {
		t.Errorf("left are %v, want the newest of %v", left, all)
	}
}
