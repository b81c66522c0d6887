package gitsync

import (
	"bytes"
	"testing"
	"time"
)

// FuzzKept: no state file, not even one with a right checksum, does more than
// be refused or give a revision that is written and read again unchanged.
func FuzzKept(f *testing.F) {
	entries := []*node{{name: "a.yaml", mode: 0o444, size: 1, data: []byte("a")}, {name: "large", mode: 0o444, size: 1 << 20}}
	t := tree{root: folder(".", []*node{folder("endpoints", entries)})}
	r := &Revision{Branch: "main", Heads: map[string]Head{"main": {Commit: "c", Tree: t}, "dev": {Commit: "d", Tree: t}}}
	good, err := encodeKept(r, newKeptHead(r, origin{Repository: "r", Branch: "main"}, 1, Changes{}, time.Unix(1, 0)))
	if err != nil {
		f.Fatal(err)
	}
	body, err := unseal(keptMagic, good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false)
	f.Add(body, true)
	f.Add([]byte(keptMagic), false)
	f.Add([]byte(`{"from":{"branch":"main"},"heads":{"main":{}},"size":1}`+"\n\x01\x01\x00\xfe\xff\x00"), true)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign {
			data = seal(keptMagic, data)
		}
		r, head, err := decodeKept(data)
		if (r == nil) == (err == nil) {
			t.Fatalf("revision %v, error %v", r, err)
		}
		if r == nil {
			return
		}
		first := encodeTrees(r, head.branches())
		roots, err := decodeTrees(first, len(head.Heads))
		if err != nil {
			t.Fatal(err)
		}
		for i, branch := range head.branches() {
			h := r.Heads[branch]
			h.Tree = tree{root: roots[i]}
			r.Heads[branch] = h
		}
		if again := encodeTrees(r, head.branches()); !bytes.Equal(first, again) {
			t.Error("what was read is written otherwise")
		}
	})
}

// FuzzTrees is FuzzKept without the checksum and the compression in the way.
func FuzzTrees(f *testing.F) {
	entries := []*node{{name: "a.yaml", mode: 0o444, size: 1, data: []byte("a")}, {name: "empty", mode: 0o444, data: []byte{}}}
	t := tree{root: folder(".", []*node{folder("endpoints", entries)})}
	f.Add(encodeTrees(&Revision{Heads: map[string]Head{"a": {Tree: t}, "b": {Tree: t}}}, []string{"a", "b"}), 2)
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		if count < 0 || count > 8 {
			return
		}
		roots, err := decodeTrees(data, count)
		if (roots == nil) == (err == nil) && count > 0 {
			t.Fatalf("roots %v, error %v", roots, err)
		}
	})
}
