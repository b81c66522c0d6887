package gitsync

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var testOrigin = origin{Repository: "https://git.example.com/models.git", Branch: "main", Folders: []string{"endpoints", "deployments"}}

// numbered is a revision with count endpoints; n is in its commit and its files.
func numbered(n, count int) *Revision {
	entries := make([]*node, count)
	for i := range entries {
		data := fmt.Appendf(nil, "schemaVersion: 1\nbackends:\n  control:\n    deployment: {branch: main, name: pricing_model_%d, version: latest}\n    weight: 95\n  experiment:\n    deployment: {branch: main, name: pricing_model_v2, version: %d}\n", i, n)
		entries[i] = &node{name: fmt.Sprintf("endpoint_%06d.yaml", i), mode: 0o444, size: int64(len(data)), data: data}
	}
	root := folder(".", []*node{folder("endpoints", entries)})
	return &Revision{Branch: "main", Heads: map[string]Head{"main": {
		Commit: fmt.Sprintf("%040x", n), Author: "Ada", Subject: fmt.Sprint("number ", n), Time: time.Unix(int64(n), 0).UTC(), Tree: tree{root: root},
	}}}
}

// writerEnv makes this test binary a process that writes state until it is killed.
const writerEnv = "GITSYNC_TEST_WRITER"

// write saves one revision after the other, pins each, and says so on stdout.
func write(dir string) {
	a := newArchive(dir, testOrigin, 5)
	files, err := a.open()
	next := 1
	if err == nil && len(files) > 0 {
		next = files[len(files)-1].number + 1
	}
	var last *Revision
	for n := next; ; n++ {
		r := numbered(n, 300)
		err := a.save(r, last, time.Unix(int64(n), 0))
		if err == nil {
			err = a.savePin(Pin{Number: n, Commit: r.Commit()})
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		last = r
		fmt.Println(n)
	}
}

// TestW04KilledWhileWriting kills a process that writes state, many times, at
// any moment: every file that is found is whole, and nothing that was confirmed
// is lost.
func TestW04KilledWhileWriting(t *testing.T) {
	if dir := os.Getenv(writerEnv); dir != "" {
		write(dir)
	}
	rounds := 20
	if testing.Short() {
		rounds = 10
	}
	dir := t.TempDir()
	confirmed := 0
	for range rounds {
		confirmed = max(confirmed, killed(t, dir, rand.IntN(30)))
		a := newArchive(dir, testOrigin, 5)
		files, err := a.open()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			r, kept, err := a.load(f)
			if err != nil {
				t.Fatalf("%s: %v", a.path(f), err)
			}
			if want := numbered(f.number, 300); r.key() != want.key() || changes(want, r).Changed != 0 || kept.Number != f.number {
				t.Fatalf("revision %d is %+v", f.number, r)
			}
		}
		if confirmed > 0 && files[len(files)-1].number < confirmed {
			t.Fatalf("revision %d was confirmed, the newest is %+v", confirmed, files)
		}
		pin, err := a.pin(nil)
		if err != nil || confirmed > 0 && (pin == nil || pin.Number < confirmed) {
			t.Fatalf("pinned is %+v, %v; confirmed was %d", pin, err, confirmed)
		}
		if pin != nil && !bytes.Contains(fmt.Append(nil, files), []byte(pin.Commit)) {
			t.Fatalf("what is pinned is not kept: %+v, %+v", pin, files)
		}
	}
	if confirmed < rounds {
		t.Errorf("only %d revisions were written in %d rounds", confirmed, rounds)
	}
}

// killed lets a process write until it has said so at least once and some
// milliseconds have passed, and gives the last number that it confirmed.
func killed(t *testing.T, dir string, milliseconds int) int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestW04KilledWhileWriting$")
	child.Env = append(os.Environ(), writerEnv+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := 0
	lines := bufio.NewScanner(out)
	var timer *time.Timer
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Errorf("the writer says %q", lines.Text())
			break
		}
		last = n
		if timer == nil {
			timer = time.AfterFunc(time.Duration(milliseconds)*time.Millisecond, func() { _ = child.Process.Kill() })
			defer timer.Stop()
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	return last
}

// TestW04EveryStepOfAWriteMayBeTheLast goes through what a folder looks like
// after each step of a write: the temporary file at every length, the file in
// its place while the old ones are still there.
func TestW04EveryStepOfAWriteMayBeTheLast(t *testing.T) {
	dir := t.TempDir()
	a := newArchive(dir, testOrigin, 2)
	for n := 1; n <= 2; n++ {
		if err := a.save(numbered(n, 3), nil, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	r := numbered(3, 3)
	data, err := encodeKept(r, newKeptHead(r, testOrigin, 3, Changes{}, time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	newest := func(want int) {
		t.Helper()
		a := newArchive(dir, testOrigin, 2)
		files, err := a.open()
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, f := range startOrder(files, nil) {
			if _, kept, err := a.load(f); err == nil {
				if kept.Number != want {
					t.Fatalf("%d would serve, not %d", kept.Number, want)
				}
				return
			}
		}
		t.Fatal("nothing would serve")
	}
	temp, place := filepath.Join(dir, ".kept-1.tmp"), a.path(keptFile{3, r.Commit()})
	for n := range len(data) + 1 {
		if err := os.WriteFile(temp, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		newest(2)
		// A file system that loses data but not names, after a power cut.
		if n < len(data) {
			if err := os.WriteFile(place, data[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			newest(2)
			if err := os.Remove(place); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Rename(temp, place); err != nil {
		t.Fatal(err)
	}
	newest(3)
	if err := newArchive(dir, testOrigin, 2).save(numbered(4, 3), nil, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if files, _ := a.files(); len(files) != 2 || files[0].number != 3 || files[1].number != 4 {
		t.Errorf("left are %+v", files)
	}
}

func TestLeftoversOfWritesAreSweptLater(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, ".kept-1.tmp"), filepath.Join(dir, ".kept-2.tmp")
	for _, file := range []string{old, fresh, filepath.Join(dir, "notes.txt")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if files, err := newArchive(dir, testOrigin, 2).open(); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
	entries, _ := os.ReadDir(dir)
	if got := fmt.Sprint(entries); strings.Contains(got, ".kept-1.tmp") || !strings.Contains(got, ".kept-2.tmp") || !strings.Contains(got, "notes.txt") {
		t.Errorf("left are %s", got)
	}
}

// Ten thousand files: what a start reads, and what follows each new revision.
func BenchmarkKept(b *testing.B) {
	r := numbered(1, 10_000)
	a := newArchive(b.TempDir(), testOrigin, 10)
	if err := a.save(r, nil, time.Now()); err != nil {
		b.Fatal(err)
	}
	files, err := a.files()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := a.load(files[0]); err != nil {
				b.Fatal(err)
			}
		}
		info, _ := os.Stat(a.path(files[0]))
		b.ReportMetric(float64(info.Size()), "file-bytes")
	})
	b.Run("save", func(b *testing.B) {
		b.ReportAllocs()
		for n := 2; b.Loop(); n++ {
			if err := a.save(numbered(n, 1), r, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		head := newKeptHead(r, testOrigin, 1, Changes{}, time.Now())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encodeKept(r, head); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("vanished", func(b *testing.B) {
		next := numbered(2, 9_990)
		for b.Loop() {
			if gone, of := vanished(r.endpoints("endpoints"), next.endpoints("endpoints")); len(gone) != 10 || of != 10_000 {
				b.Fatal(gone, of)
			}
		}
	})
}
