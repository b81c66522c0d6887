package gitsync

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// Objects are the tree objects of a revision, each once: its length, as a
// varint, and its content. A commit names its top tree by a hash, that one those
// of its folders, and these their files, so that whoever has them can prove that
// documents are those of a commit.

func encodeObjects(r *Revision, branches []string) (out []byte) {
	seen := map[string]bool{}
	for _, branch := range branches {
		for _, data := range r.Heads[branch].trees {
			if !seen[string(data)] {
				seen[string(data)] = true
				out = append(binary.AppendUvarint(out, uint64(len(data))), data...)
			}
		}
	}
	return out
}

var errObjects = errors.New("it is damaged: what ties its trees to the commits cannot be read")

// decodeObjects gives objects that share data; nil if there are none.
func decodeObjects(data []byte) (out [][]byte, err error) {
	for len(data) > 0 {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			return nil, errObjects
		}
		if data = data[size:]; n > uint64(len(data)) {
			return nil, errObjects
		}
		out = append(out, data[:n:n])
		data = data[n:]
	}
	return out, nil
}

var (
	errUntied = errors.New("it was kept without what ties its documents to it, by an older version")
	errForged = errors.New("its documents are not those of the commits; somebody has changed the state file")
)

// tied proves that the documents of a revision that was kept are those of its
// commits, of which the content must have been proven: the trees are made again of
// nothing but what hashes name, and compared. A file that is missing counts as one
// that was too large to be held, of which there is nothing that could serve.
func (r *Revision) tied(folders []string) error {
	from := newStore(math.MaxInt64)
	var commits []plumbing.Hash
	for branch, h := range r.Heads {
		if len(h.trees) == 0 {
			return errUntied
		}
		if err := from.take(h, r.root(branch)); err != nil {
			return err
		}
		commits = append(commits, plumbing.NewHash(h.Commit))
	}
	if err := from.lacking(commits, folders); err != nil {
		return errForged
	}
	for branch, h := range r.Heads {
		made, err := from.head(plumbing.NewHash(h.Commit), folders)
		if err != nil || !made.Time.Equal(h.Time) || !slices.EqualFunc(made.Tree.(tree).root.entries, r.root(branch), (*node).same) {
			return errForged
		}
	}
	return nil
}

// take adds what was kept of a head, each object under the name that its content has.
func (s *store) take(h Head, nodes []*node) error {
	_, err := s.put(plumbing.CommitObject, h.object)
	for _, data := range h.trees {
		if err == nil {
			_, err = s.put(plumbing.TreeObject, data)
		}
	}
	if err == nil {
		err = s.files(nodes)
	}
	return err
}

// files adds files, and those in folders.
func (s *store) files(nodes []*node) error {
	for _, n := range nodes {
		if n.data != nil {
			if _, err := s.put(plumbing.BlobObject, n.data); err != nil {
				return err
			}
		}
		if err := s.files(n.entries); err != nil {
			return err
		}
	}
	return nil
}
