package records_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/records"
)

// lines are records with these request IDs.
func lines(ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, `{"event":"inference","requestId":%q}`+"\n", id)
	}
	return b.String()
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// readIDs gives the request IDs of what is read.
func readIDs(t *testing.T, stdin string, paths ...string) (ids string, unread int64) {
	t.Helper()
	var all []string
	var r records.Reader
	err := r.ReadFiles(t.Context(), paths, strings.NewReader(stdin), func(line []byte, rec *records.Record) error {
		if !bytes.Contains(line, []byte(rec.RequestID)) {
			t.Errorf("the line of %s is %s", rec.RequestID, line)
		}
		all = append(all, rec.RequestID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " "), r.Unread
}

func TestFilesAreReadWithTheirRotatedOnesTheOldestFirst(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, map[string]string{
		"records.log": lines("5", "6"),
		"records-2026-11-28T07-00-02.000-size.log":    lines("3", "4"),
		"records-2026-11-28T07-00-01.000-size.log.gz": zipped(t, lines("1", "2")),
		"records-of-another.log":                      lines("no"),
		"records-2026-11-28T07-00-01.000-size.txt":    lines("no"),
		"other.log": lines("no"),
	})
	if ids, _ := readIDs(t, "", filepath.Join(folder, "records.log")); ids != "1 2 3 4 5 6" {
		t.Errorf("read %q", ids)
	}
	if ids, _ := readIDs(t, lines("0"), "-", filepath.Join(folder, "records-2026-11-28T07-00-01.000-size.log.gz")); ids != "0 1 2" {
		t.Errorf("of stdin and one file: %q", ids)
	}
	if ids, _ := readIDs(t, zipped(t, lines("7")), "-"); ids != "7" {
		t.Errorf("of compressed stdin: %q", ids)
	}
	whole := t.TempDir()
	write(t, whole, map[string]string{"a.ndjson": lines("1"), "b.json.gz": zipped(t, lines("2")), "c.txt": lines("no")})
	if ids, _ := readIDs(t, "", whole); ids != "1 2" {
		t.Errorf("of a folder: %q", ids)
	}
}

func TestWhatIsNoRecordIsCountedAndPassedOver(t *testing.T) {
	long := `{"requestId":"` + strings.Repeat("x", 300<<10) + `"}` + "\n"
	tooLong := strings.Repeat("y", 17<<20) + "\n"
	ids, unread := readIDs(t, lines("1")+"\n  \npanic: no record\n"+long+tooLong+lines("2")+`{"requestId":"3`, "-")
	if want := "1 " + strings.Repeat("x", 300<<10) + " 2"; ids != want || unread != 3 {
		t.Errorf("%d bytes of IDs, %d lines unread; want %d bytes, 3 lines", len(ids), unread, len(want))
	}
}

func TestReadingEndsWithItsError(t *testing.T) {
	var r records.Reader
	enough := errors.New("enough")
	n := 0
	err := r.Read(t.Context(), strings.NewReader(lines("1", "2", "3")), func([]byte, *records.Record) error {
		n++
		return enough
	})
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d records: %v", n, err)
	}
	for _, path := range []string{"missing.log", t.TempDir()} {
		if err := r.ReadFiles(t.Context(), []string{path}, nil, nil); err == nil {
			t.Errorf("%s is read", path)
		}
	}
	broken := filepath.Join(t.TempDir(), "broken.gz")
	write(t, filepath.Dir(broken), map[string]string{"broken.gz": zipped(t, lines("1"))[:20]})
	if err := r.ReadFiles(t.Context(), []string{broken}, nil, func([]byte, *records.Record) error { return nil }); err == nil {
		t.Error("half of a compressed file is read as if it was whole")
	}
}

// What is followed goes on where the writer does, over a line that comes in two parts and over a
// rotation.
func TestFilesAreFollowedOverTheirRotation(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "records.log")
	write(t, folder, map[string]string{"records.log": lines("1"), "records-2026-11-28T07-00-01.000-size.log": lines("0")})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	appendTo := func(text string) {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close()
		if _, err := file.WriteString(text); err != nil {
			t.Error(err)
		}
	}
	steps := map[string]func(){
		"1": func() { appendTo(`{"requestId"`); appendTo(`:"2"}` + "\n") },
		"2": func() {
			appendTo(lines("3"))
			if err := os.Rename(path, filepath.Join(folder, "records-2026-11-28T07-00-02.000-size.log")); err != nil {
				t.Error(err)
			}
			appendTo(lines("4"))
		},
		"4": stop,
	}
	var got []string
	var r records.Reader
	err := r.FollowFiles(ctx, []string{path}, nil, func(_ []byte, rec *records.Record) error {
		got = append(got, rec.RequestID)
		if step := steps[rec.RequestID]; step != nil {
			step()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("following ended with %v", err)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, got); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
}
