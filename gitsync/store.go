package gitsync

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// gitObject is one object, whole, or, of a blob that is too large to be a
// document, its size alone (data is nil).
type gitObject struct {
	kind  plumbing.ObjectType
	data  []byte
	size  int64
	mark  int     // see store.retain
	items []*item // of listings, that have this content
}

// objectCost is what an object costs beside its bytes, so that a pack of many
// tiny objects is bounded, too.
const objectCost = 128

// store holds objects in memory, at most max bytes of them.
type store struct {
	objects map[plumbing.Hash]*gitObject
	bytes   int64
	max     int64
	mark    int // of what the last revision uses
	// complete are the commits whose trees and files are all here: what may be
	// told to a server as "have".
	complete []plumbing.Hash
	listings map[plumbing.Hash]*listing // of folders, by their tree
	lastOf   map[string]*listing        // what was last parsed, by the folder's name
}

func newStore(maxBytes int64) *store {
	return &store{
		objects: map[plumbing.Hash]*gitObject{}, max: maxBytes, mark: 1,
		listings: map[plumbing.Hash]*listing{}, lastOf: map[string]*listing{},
	}
}

func (s *store) has(h plumbing.Hash) bool { return s.objects[h] != nil }

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
	return h, s.add(h, &gitObject{kind: kind, data: data, size: int64(len(data))})
}

// add keeps an object unless it is here: equal names have equal content.
func (s *store) add(h plumbing.Hash, o *gitObject) error {
	old := s.objects[h]
	if old != nil && (old.data != nil || o.data == nil) {
		return nil
	}
	if err := s.room(int64(len(o.data))); err != nil {
		return err
	}
	if old != nil {
		s.bytes -= objectCost
	}
	s.objects[h] = o
	s.bytes += int64(len(o.data)) + objectCost
	return nil
}

// large notes that a file is not here because it is too large to be sent; by
// how much is not known.
func (s *store) large(i *item) error {
	o := &gitObject{kind: plumbing.BlobObject, size: maxFile + 1}
	err := s.add(i.hash, o)
	s.meet(i, s.objects[i.hash])
	return err
}

// shrink drops the content of a file that is too large to be a document.
func (s *store) shrink(o *gitObject) {
	if o.size > maxFile {
		s.bytes -= int64(len(o.data))
		o.data = nil
	}
}

// retain drops everything but what has been marked with the store's mark, and
// takes the next.
func (s *store) retain() {
	for h, o := range s.objects {
		if o.mark != s.mark {
			s.bytes -= int64(len(o.data)) + objectCost
			delete(s.objects, h)
		}
	}
	for h, l := range s.listings {
		if l.mark != s.mark {
			delete(s.listings, h)
		}
	}
	for folder, l := range s.lastOf {
		if l.mark != s.mark {
			delete(s.lastOf, folder)
		}
	}
	s.mark++
}

func (s *store) get(kind plumbing.ObjectType, h plumbing.Hash) (*gitObject, error) {
	o := s.objects[h]
	if o == nil || o.kind != kind {
		return nil, fmt.Errorf("%w: %s %s is missing", errBroken, kind, h)
	}
	return o, nil
}

func (s *store) commit(h plumbing.Hash) (*object.Commit, error) {
	o, err := s.get(plumbing.CommitObject, h)
	if err != nil {
		return nil, err
	}
	m := &plumbing.MemoryObject{}
	m.SetType(o.kind)
	_, _ = m.Write(o.data) // into memory
	c := &object.Commit{}
	if err := c.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: commit %s: %w", errBroken, h, err)
	}
	return c, nil
}
