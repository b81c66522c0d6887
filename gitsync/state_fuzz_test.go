package gitsync

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
)

// FuzzState: no state file, not even one with a right checksum, does more than
// be ignored or give a revision that can be read.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"from":{"repository":"r","branch":"main","folders":["endpoints"]},"heads":{"main":{"commit":"c","tree":[{"name":"endpoints","mode":2147484013,"entries":[{"name":"a","data":"YQ==","size":1}]}]}}}`), true)
	f.Add([]byte(`{"from":{"repository":"r","branch":"main","folders":["endpoints"]},"heads":{"main":{}}}`), true)
	f.Add([]byte("switchyard-revision 1 "), false)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		s := newState(t.TempDir(), "r", "main", []string{"endpoints"})
		if sign {
			data = fmt.Appendf(nil, "%s%x\n%s", stateMagic, sha256.Sum256(data), data)
		}
		if err := os.WriteFile(s.file(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, _, err := s.load()
		if (r == nil) == (err == nil) {
			t.Fatalf("revision %v, error %v", r, err)
		}
		if r != nil && r.Heads["main"].Tree == nil {
			t.Error("the endpoints branch has no tree")
		}
	})
}
