package gitsync

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// maxBase is the size above which a blob is counted but not kept: it is no
// document, and nothing that is one has plausibly been packed as a change of it.
const maxBase = 1 << 20

// offsetCost is about what it costs to remember where in the pack an object was, so
// that one that comes a million times is bounded, too.
const offsetCost = 64

// packReader adds the objects of one pack to a store. go-git's own parser
// takes each length in the pack at its word; here nothing is inflated that the
// store has no room for.
type packReader struct {
	into     *store
	scan     *packfile.Scanner
	held     int64                     // bytes of deltas that wait, and of what is noted of objects
	byOffset map[int64]plumbing.Hash   // objects of this pack, bases of later ones
	ofs      map[int64][]delta         // waiting for the object at an offset
	ref      map[plumbing.Hash][]delta // waiting for an object by name
	ready    []base                    // whose dependants are not yet looked at
}

// base is an object that deltas may wait for; at is -1 when it is not of this pack.
type base struct {
	at   int64
	name plumbing.Hash
}

type delta struct {
	at   int64
	data []byte
}

// readPack reads a whole pack. Deltas whose base is neither in the pack nor in
// the store are left out: they belong to files outside the folders that are
// held, or else the check of the trees finds the gap. An error other than
// ErrTooLarge is errBroken; the store must be thrown away then.
func readPack(into *store, r io.Reader) error {
	p := &packReader{
		into:     into,
		scan:     packfile.NewScanner(r),
		byOffset: map[int64]plumbing.Hash{},
		ofs:      map[int64][]delta{},
		ref:      map[plumbing.Hash][]delta{},
	}
	_, count, err := p.scan.Header()
	if err != nil {
		return fmt.Errorf("%w: pack header: %w", errBroken, err)
	}
	for range count {
		if err := p.next(); err != nil {
			return err
		}
	}
	return p.resolve()
}

func (p *packReader) next() error {
	h, err := p.scan.NextObjectHeader()
	if err != nil {
		return fmt.Errorf("%w: pack entry: %w", errBroken, err)
	}
	switch h.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return p.whole(h)
	case plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
		return p.delta(h)
	default:
		return fmt.Errorf("%w: pack entry of unknown type %d", errBroken, h.Type)
	}
}

func (p *packReader) whole(h *packfile.ObjectHeader) error {
	if h.Type == plumbing.BlobObject && h.Length > maxBase {
		return p.skip(h)
	}
	data, err := p.inflate(h)
	if err != nil {
		return err
	}
	name, err := p.into.put(h.Type, data)
	p.byOffset[h.Offset] = name
	p.held += offsetCost
	return err
}

// skip hashes a blob without keeping it.
func (p *packReader) skip(h *packfile.ObjectHeader) error {
	hasher := plumbing.NewHasher(h.Type, h.Length)
	if n, _, err := p.scan.NextObject(hasher); err != nil || n != h.Length {
		return fmt.Errorf("%w: pack entry of %d bytes: %w", errBroken, h.Length, orShort(err))
	}
	return p.into.add(hasher.Sum(), &gitObject{kind: h.Type, size: h.Length})
}

func (p *packReader) delta(h *packfile.ObjectHeader) error {
	data, err := p.inflate(h)
	if err != nil {
		return err
	}
	p.held += int64(len(data)) + objectCost
	d := delta{at: h.Offset, data: data}
	if h.Type == plumbing.REFDeltaObject {
		p.ref[h.Reference] = append(p.ref[h.Reference], d)
		return nil
	}
	p.ofs[h.OffsetReference] = append(p.ofs[h.OffsetReference], d)
	return nil
}

func (p *packReader) inflate(h *packfile.ObjectHeader) ([]byte, error) {
	if err := p.into.room(h.Length + p.held); err != nil {
		return nil, err
	}
	// The length is only claimed: the buffer grows with what really comes.
	buf := bytes.NewBuffer(make([]byte, 0, min(h.Length, maxFile)+bytes.MinRead))
	if n, _, err := p.scan.NextObject(buf); err != nil || n != h.Length {
		return nil, fmt.Errorf("%w: pack entry of %d bytes: %w", errBroken, h.Length, orShort(err))
	}
	return bytes.Clone(buf.Bytes()), nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// resolve applies the deltas, each as soon as its base is known.
func (p *packReader) resolve() error {
	for at, name := range p.byOffset {
		if len(p.ofs[at]) > 0 {
			p.ready = append(p.ready, base{at, name})
		}
	}
	for name := range p.ref {
		if p.into.has(name) {
			p.ready = append(p.ready, base{-1, name})
		}
	}
	for len(p.ready) > 0 {
		b := p.ready[len(p.ready)-1]
		p.ready = p.ready[:len(p.ready)-1]
		waiting := slices.Concat(p.ofs[b.at], p.ref[b.name])
		delete(p.ofs, b.at)
		delete(p.ref, b.name)
		for _, d := range waiting {
			if err := p.apply(b.name, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *packReader) apply(onto plumbing.Hash, d delta) error {
	o := p.into.objects[onto]
	if o.data == nil {
		return nil // the base is a large blob that was not kept
	}
	size, err := resultSize(d.data)
	if err != nil {
		return err
	}
	if err := p.into.room(size + p.held); err != nil {
		return err
	}
	data, err := packfile.PatchDelta(o.data, d.data)
	if err != nil {
		return fmt.Errorf("%w: delta of %s: %w", errBroken, onto, err)
	}
	p.held -= int64(len(d.data)) + objectCost
	h, err := p.into.put(o.kind, data)
	p.ready = append(p.ready, base{d.at, h})
	return err
}

// resultSize reads the length of the result from a delta's header.
func resultSize(d []byte) (int64, error) {
	_, n := binary.Uvarint(d)
	if n > 0 {
		if size, m := binary.Uvarint(d[n:]); m > 0 && size < 1<<40 {
			return int64(size), nil
		}
	}
	return 0, fmt.Errorf("%w: malformed delta header", errBroken)
}
