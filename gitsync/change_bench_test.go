package gitsync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// folderOf puts a folder of so many files into a store, and what leads to it. The
// first file has the given content.
func folderOf(b *testing.B, into *store, files int, first string) (commit plumbing.Hash) {
	b.Helper()
	put := func(kind plumbing.ObjectType, data string) plumbing.Hash {
		h, err := into.put(kind, []byte(data))
		if err != nil {
			b.Fatal(err)
		}
		return h
	}
	var entries strings.Builder
	for i := range files {
		text := fmt.Sprint("file ", i)
		if i == 0 {
			text = first
		}
		h := put(plumbing.BlobObject, text)
		fmt.Fprintf(&entries, "100644 e%05d.yaml\x00%s", i, h[:])
	}
	folder := put(plumbing.TreeObject, entries.String())
	top := put(plumbing.TreeObject, "40000 endpoints\x00"+string(folder[:]))
	return put(plumbing.CommitObject, fmt.Sprintf("tree %s\nauthor A <a@b.c> 0 +0000\ncommitter A <a@b.c> 0 +0000\n\nx\n", top))
}

// BenchmarkCopyOfOneChange is what a head costs once its objects are here: one
// changed file among 10,000.
func BenchmarkCopyOfOneChange(b *testing.B) {
	s := newStore(DefaultMaxBytes)
	folders := []string{"endpoints", "deployments"}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		commit := folderOf(b, s, 10_000, fmt.Sprint("change ", i))
		b.StartTimer()
		if _, err := s.gaps([]plumbing.Hash{commit}, folders); err != nil {
			b.Fatal(err)
		}
		if _, err := s.head(commit, folders); err != nil {
			b.Fatal(err)
		}
		s.retain()
	}
}
