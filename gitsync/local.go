package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// local reads a repository on this machine in place. Others may write to it at
// the same time: it is opened afresh for each read, which sees new packs, and
// an object that vanishes with a pack that git gc removes is a broken read,
// which is repeated.
type local struct {
	path    string // a work tree, a linked work tree, or a bare repository
	folders []string
}

func (l *local) open(context.Context, []string) (session, error) {
	at, err := locate(l.path)
	if err != nil {
		return nil, err
	}
	return at.open(l.folders)
}

func (l *local) close()          {}
func (l *local) received() int64 { return 0 }

// open opens the repository for one read.
func (d gitDir) open(folders []string) (*localSession, error) {
	if err := d.supported(); err != nil {
		return nil, err
	}
	stores, err := objectDirs(filepath.Join(d.common, "objects"), 0)
	if err != nil {
		return nil, err
	}
	fs := dotgit.NewRepositoryFilesystem(osfs.New(d.dir), osfs.New(d.common))
	s := &localSession{folders: folders}
	s.repo = filesystem.NewStorageWithOptions(fs, cache.NewObjectLRU(cache.MiByte), filesystem.Options{LargeObjectThreshold: maxFile})
	for _, dir := range stores {
		one := filesystem.NewStorageWithOptions(alone{osfs.New(filepath.Dir(dir))}, cache.NewObjectLRU(8*cache.MiByte),
			filesystem.Options{KeepDescriptors: true, LargeObjectThreshold: maxFile})
		s.objects = append(s.objects, one)
	}
	return s, nil
}

// alone hides the list of alternates from go-git, which would open and index
// them anew for every object that it looks for there.
type alone struct{ billy.Filesystem }

func (a alone) Open(name string) (billy.File, error) {
	if filepath.Base(name) == "alternates" {
		return nil, os.ErrNotExist
	}
	return a.Filesystem.Open(name)
}

type localSession struct {
	folders []string
	repo    *filesystem.Storage   // for references
	objects []*filesystem.Storage // its own objects and those of its alternates
}

func (s *localSession) close() {
	for _, o := range s.objects {
		_ = o.Close() // read only: nothing can be lost
	}
}

// tips gives the commits that refs point at. It is ErrEmpty when there are no
// references at all.
func (s *localSession) tips(_ context.Context, refs []string) (references, error) {
	found := references{}
	for _, ref := range refs {
		h, ok, err := s.tip(ref)
		if err != nil {
			return nil, err
		}
		if ok {
			found[ref] = h
		}
	}
	return found, nil
}

func (s *localSession) tip(name string) (plumbing.Hash, bool, error) {
	ref := plumbing.ReferenceName(name)
	if !validRef(ref) {
		return plumbing.ZeroHash, false, nil
	}
	got, err := storer.ResolveReference(s.repo, ref)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound), errors.Is(err, os.ErrNotExist):
		return plumbing.ZeroHash, false, s.notEmpty()
	case err != nil:
		return plumbing.ZeroHash, false, fmt.Errorf("%w: %s: %w", errBroken, name, err)
	case got.Hash().IsZero():
		return plumbing.ZeroHash, false, fmt.Errorf("%w: %s is being written", errBroken, name)
	default:
		return got.Hash(), true, nil
	}
}

func validRef(ref plumbing.ReferenceName) bool { return ref.Validate() == nil }

// notEmpty is ErrEmpty when the repository has no reference at all.
func (s *localSession) notEmpty() error {
	refs, err := s.repo.IterReferences()
	if err != nil {
		return fmt.Errorf("%w: references: %w", errBroken, err)
	}
	defer refs.Close()
	for {
		ref, err := refs.Next()
		if errors.Is(err, io.EOF) {
			return ErrEmpty
		}
		if err != nil {
			return fmt.Errorf("%w: references: %w", errBroken, err)
		}
		if ref.Type() == plumbing.HashReference {
			return nil
		}
	}
}

func (s *localSession) resolve(_ context.Context, rev string) (plumbing.Hash, error) {
	if strings.Contains(rev, ":") || strings.Contains(rev, "@{") { // a path in a commit; a date, which go-git leaves out
		return plumbing.ZeroHash, &problem{kind: ErrNoRevision, detail: strconv.Quote(rev)}
	}
	repo, err := git.Open(s.repo, nil)
	if err != nil {
		return plumbing.ZeroHash, &problem{kind: ErrFormat, detail: err.Error()}
	}
	h, err := repo.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return plumbing.ZeroHash, &problem{kind: ErrNoRevision, detail: fmt.Sprintf("%q: %v", rev, err)}
	}
	return *h, nil
}

// fetch copies what a head needs from disk.
func (s *localSession) fetch(ctx context.Context, into *store, commits []plumbing.Hash) error {
	for _, h := range commits {
		if err := s.commit(ctx, into, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *localSession) commit(ctx context.Context, into *store, h plumbing.Hash) error {
	if err := s.tree(ctx, into, h, plumbing.ZeroHash); err != nil {
		return err
	}
	tops, err := into.tops(h, s.folders)
	if err != nil {
		return err
	}
	for _, top := range tops {
		if top.mode != filemode.Dir {
			continue
		}
		if err := s.folder(ctx, into, top); err != nil {
			return err
		}
	}
	return nil
}

// tree copies a commit and its top tree, or one tree.
func (s *localSession) tree(ctx context.Context, into *store, commit, tree plumbing.Hash) error {
	if !tree.IsZero() {
		return s.object(ctx, into, plumbing.TreeObject, tree)
	}
	if err := s.object(ctx, into, plumbing.CommitObject, commit); err != nil {
		return err
	}
	c, err := into.commit(commit)
	if err != nil {
		return err
	}
	return s.object(ctx, into, plumbing.TreeObject, c.TreeHash)
}

// folder copies what is missing of a folder.
func (s *localSession) folder(ctx context.Context, into *store, top item) error {
	if err := s.object(ctx, into, plumbing.TreeObject, top.hash); err != nil {
		return err
	}
	lacks, _, err := into.gap(top.name, top.hash)
	if err != nil {
		return err
	}
	for _, file := range lacks.missing {
		if err := s.object(ctx, into, plumbing.BlobObject, file.hash); err != nil {
			return err
		}
	}
	return nil
}

// object copies one object into the store, of a large blob the size alone.
func (s *localSession) object(ctx context.Context, into *store, kind plumbing.ObjectType, h plumbing.Hash) error {
	if into.has(h) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o, err := s.find(kind, h)
	if err != nil {
		return fmt.Errorf("%w: %s %s: %w", errBroken, kind, h, err)
	}
	if kind == plumbing.BlobObject && o.Size() > maxFile {
		return into.add(h, &gitObject{kind: kind, size: o.Size()})
	}
	if err := into.room(o.Size()); err != nil {
		return err
	}
	data, err := content(o)
	if err != nil {
		return fmt.Errorf("%w: %s %s: %w", errBroken, kind, h, err)
	}
	got, err := into.put(kind, data)
	if err == nil && got != h {
		return fmt.Errorf("%w: %s %s is damaged on disk", errBroken, kind, h)
	}
	return err
}

func (s *localSession) find(kind plumbing.ObjectType, h plumbing.Hash) (o plumbing.EncodedObject, err error) {
	for _, objects := range s.objects {
		if o, err = objects.EncodedObject(kind, h); err == nil {
			return o, nil
		}
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return nil, err
		}
	}
	return nil, err
}

func content(o plumbing.EncodedObject) ([]byte, error) {
	r, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, o.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}
