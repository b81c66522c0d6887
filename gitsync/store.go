package gitsync

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// gitObject is one object, whole, or, of a blob that is too large to be a
// document, its size alone (data is nil).
type gitObject struct {
	kind plumbing.ObjectType
	data []byte
	size int64
}

// objectCost is what an object costs beside its bytes, so that a pack of many
// tiny objects is bounded, too.
const objectCost = 128

// store holds objects in memory, at most max bytes of them.
type store struct {
	objects map[plumbing.Hash]gitObject
	bytes   int64
	max     int64
	// complete are the commits whose trees and files are all here: what may be
	// told to a server as "have".
	complete []plumbing.Hash
	// omitted is set when all came with one request, in answer to which the
	// server was asked to leave out large blobs: what is missing then is large.
	omitted bool
}

func newStore(maxBytes int64) *store {
	return &store{objects: map[plumbing.Hash]gitObject{}, max: maxBytes}
}

func (s *store) has(h plumbing.Hash) bool {
	_, ok := s.objects[h]
	return ok
}

// room fails when n more bytes would exceed the limit.
func (s *store) room(n int64) error {
	if n < 0 || n+objectCost > s.max-s.bytes {
		return &problem{kind: ErrTooLarge, detail: fmt.Sprintf("limit %d bytes", s.max)}
	}
	return nil
}

// put adds an object and gives its name. The store keeps data.
func (s *store) put(kind plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	h := plumbing.ComputeHash(kind, data)
	return h, s.add(h, gitObject{kind: kind, data: data, size: int64(len(data))})
}

func (s *store) add(h plumbing.Hash, o gitObject) error {
	if old, ok := s.objects[h]; ok {
		s.bytes -= int64(len(old.data)) + objectCost
	}
	if err := s.room(int64(len(o.data))); err != nil {
		return err
	}
	s.objects[h] = o
	s.bytes += int64(len(o.data)) + objectCost
	return nil
}

// retain drops every object but those in keep.
func (s *store) retain(keep map[plumbing.Hash]bool) {
	for h, o := range s.objects {
		if !keep[h] {
			s.bytes -= int64(len(o.data)) + objectCost
			delete(s.objects, h)
		}
	}
}

func (s *store) get(kind plumbing.ObjectType, h plumbing.Hash) (gitObject, error) {
	o, ok := s.objects[h]
	if !ok || o.kind != kind {
		return gitObject{}, fmt.Errorf("%w: %s %s is missing", errBroken, kind, h)
	}
	return o, nil
}

// encoded is the object in the form that go-git decodes.
func (s *store) encoded(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o, err := s.get(kind, h)
	if err != nil {
		return nil, err
	}
	return encode(o)
}

func encode(o gitObject) (plumbing.EncodedObject, error) {
	m := &plumbing.MemoryObject{}
	m.SetType(o.kind)
	_, err := m.Write(o.data)
	return m, err
}

func (s *store) commit(h plumbing.Hash) (*object.Commit, error) {
	m, err := s.encoded(plumbing.CommitObject, h)
	if err != nil {
		return nil, err
	}
	c := &object.Commit{}
	if err := c.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: commit %s: %w", errBroken, h, err)
	}
	return c, nil
}

func (s *store) tree(h plumbing.Hash) (*object.Tree, error) {
	m, err := s.encoded(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	t := &object.Tree{}
	if err := t.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: tree %s: %w", errBroken, h, err)
	}
	return t, nil
}
