//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Rows that are measured again replace the old ones; the others stay.
func TestInsertKeepsOtherRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("# Title\n\n"+mark), 0o600); err != nil {
		t.Fatal(err)
	}
	insert := func(r results) {
		if err := r.insert(path, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	one := cost{Wall: time.Millisecond, CPU: time.Millisecond}
	insert(results{rows: []row{{"a: first", one, one}, {"b: first", one, one}}, memory: []string{"| old | 1 | 2 | 3 |"}})
	insert(results{rows: []row{{"a: first", cost{Wall: 7 * time.Millisecond, CPU: time.Millisecond}, one}}})
	insert(results{memory: []string{"| new | 1 | 2 | 3 |"}})
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, times := range map[string]int{"# Title": 1, mark: 1, "| a: first | 7.0 |": 1, "| b: first | 1.0 |": 1, "| new |": 1, "| old |": 0, memoryHead: 1, "| a: first | 1.0": 0} {
		if n := strings.Count(string(got), text); n != times {
			t.Errorf("%q is there %d times:\n%s", text, n, got)
		}
	}
}
