package gitsync

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// committed makes a revision out of objects, as a read does. Branches are given
// with the files of their folder deployments; all have the same endpoints.
func committed(t testing.TB, branches map[string][]string) *Revision {
	t.Helper()
	s := newStore(64 << 20)
	put := func(kind plumbing.ObjectType, text string) string {
		h, err := s.put(kind, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(h[:])
	}
	folder := func(files ...string) string {
		var b strings.Builder
		for i, text := range files {
			fmt.Fprintf(&b, "100644 f%d.yaml\x00%s", i, put(plumbing.BlobObject, text))
		}
		return put(plumbing.TreeObject, b.String())
	}
	r := &Revision{Branch: "main", Heads: map[string]Head{}}
	for branch, deployments := range branches {
		top := put(plumbing.TreeObject, "40000 deployments\x00"+folder(deployments...)+"40000 endpoints\x00"+folder("one\n", "", strings.Repeat("x", maxFile+1)))
		name := put(plumbing.CommitObject, fmt.Sprintf("tree %x\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\n%s\n", top, branch))
		head, err := s.head(plumbing.Hash([]byte(name)), testOrigin.Folders)
		if err != nil {
			t.Fatal(err)
		}
		r.Heads[branch] = head
	}
	return r
}

// FuzzTied: whatever becomes of the trees in a state file, and of what ties them
// to the commits, nothing passes for a file of the commits that is not. One of them
// may be said to be too large to be held, which is a diagnostic.
func FuzzTied(f *testing.F) {
	r := committed(f, map[string][]string{"main": {"d\n"}, "dev": {"d\n", "e\n"}})
	branches := []string{"dev", "main"}
	trees, objects := encodeTrees(r, branches), encodeObjects(r, branches)
	f.Add(trees, objects)
	f.Add(trees, []byte{})
	for i := range trees {
		flipped := slices.Clone(trees)
		flipped[i] ^= 1
		f.Add(flipped, objects)
	}
	for i := range objects {
		flipped := slices.Clone(objects)
		flipped[i] ^= 1
		f.Add(trees, flipped)
	}
	f.Fuzz(func(t *testing.T, trees, objects []byte) {
		roots, err := decodeTrees(trees, len(branches))
		if err != nil {
			return
		}
		ties, err := decodeObjects(objects)
		if err != nil {
			return
		}
		forged := &Revision{Branch: r.Branch, Heads: map[string]Head{}}
		for i, branch := range branches {
			h := r.Heads[branch]
			h.Tree, h.trees = tree{root: roots[i]}, ties
			forged.Heads[branch] = h
		}
		if forged.tied(testOrigin.Folders) != nil {
			return
		}
		for _, branch := range branches {
			if !slices.EqualFunc(r.root(branch), forged.root(branch), passes) {
				t.Errorf("branch %s: another tree passes for that of the commit", branch)
			}
		}
	})
}

// passes tells whether a node may be taken for another.
func passes(of, n *node) bool {
	return of.name == n.name && of.mode == n.mode && (n.data == nil || string(of.data) == string(n.data)) &&
		slices.EqualFunc(of.entries, n.entries, passes)
}

// What was read can be proven after it was kept and read again, and after it was
// kept once more; what was kept without proof cannot.
func TestWhatIsKeptIsTiedToItsCommits(t *testing.T) {
	r := committed(t, map[string][]string{"main": {"d\n"}, "dev": {"d\n", "e\n"}, "bare": {}})
	for range 2 {
		data, err := encodeKept(r, newKeptHead(r, testOrigin, 1, Changes{}, r.Heads["main"].Time))
		if err != nil {
			t.Fatal(err)
		}
		read, _, err := decodeKept(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := read.tied(testOrigin.Folders); err != nil || !same(r, read) {
			t.Fatalf("read again: %v", err)
		}
		r = read
	}
	r.Heads["dev"] = Head{Commit: r.Heads["dev"].Commit, Tree: r.Heads["dev"].Tree, object: r.Heads["dev"].object}
	if err := r.tied(testOrigin.Folders); err == nil {
		t.Error("a branch without proof is proven")
	}
}

// Ten thousand files: what a start with signatures proves, after it was read.
func BenchmarkTied(b *testing.B) {
	files := make([]string, 10_000)
	for i, n := range numbered(1, len(files)).root("main")[0].entries {
		files[i] = string(n.data)
	}
	r := committed(b, map[string][]string{"main": files})
	data, err := encodeKept(r, newKeptHead(r, testOrigin, 1, Changes{}, r.Heads["main"].Time))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.tied(testOrigin.Folders); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(data)), "file-bytes")
}
