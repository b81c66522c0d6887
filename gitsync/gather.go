package gitsync

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// choice is how finely a server is asked for what is needed, the finest first.
// What a server refuses is not asked for again.
type choice int

const (
	byFolder choice = iota // commits with their top tree, then the folders by name
	byObject               // commits, then their top trees, then the folders by name
	bySize                 // whole commits without large files
)

// The filters of requests, as in git rev-list --filter. A document may have
// 64 KiB; the limit says from where on files are left out.
const (
	filterCommit = "tree:0"
	filterTop    = "tree:1"
	filterLarge  = "blob:limit=65537"
	filterDeep   = "combine:tree:3+" + filterLarge // a folder's files are the third level of a commit
	filterFolder = "combine:tree:1+" + filterLarge // and the first of a folder
)

// settle keeps to what worked. After a day the finest is tried again: it may
// have been the network, or a server that has learned since.
func (r *remote) settle(now time.Time) {
	if r.choice+r.trial == byFolder {
		return
	}
	if r.trial > 0 || r.settled.IsZero() {
		r.choice, r.trial, r.settled = r.choice+r.trial, 0, now
	}
	if now.Sub(r.settled) > trustedTime {
		r.choice, r.settled = byFolder, time.Time{}
	}
}

// fetch brings commits. A server that refuses the filter is asked more coarsely
// at once. After any other error the next fetch tries so, lest a server that just
// hangs up be asked in vain for ever; when the coarsest fails, too, it was not that.
// First of all a server whose greeting was guessed is asked for it.
func (s *remoteSession) fetch(ctx context.Context, into *store, commits []plumbing.Hash) error {
	for {
		err := s.gather(ctx, into, commits)
		if err == nil {
			s.remote.settle(time.Now())
			return nil
		}
		s.broken = true
		if s.misguessed(ctx, err) {
			continue
		}
		if !s.coarser(err, len(into.complete) > 0) {
			return s.remote.wire.explain(ctx, errBroken, err)
		}
		if err := s.again(ctx); err != nil {
			return err
		}
	}
}

// misguessed tells whether the server can less than was guessed, which may be
// why it failed. It was asked then, and another conversation has begun.
func (s *remoteSession) misguessed(ctx context.Context, err error) bool {
	guessed := s.visit.greeting()
	if !guessed.guessed || !outdated(ctx, s.remote.wire.forget(), err) || s.again(ctx) != nil {
		return false
	}
	return !s.selects()
}

// coarser tells whether the server refused the filter, and notes what to ask it next.
func (s *remoteSession) coarser(err error, held bool) bool {
	r := s.remote
	said, refused := errors.AsType[refusalError](err)
	_, known := errors.AsType[*problem](err)
	switch {
	case !s.selects() || refused && said.notOurs():
		return false
	case refused && r.choice < bySize:
		r.choice++
		r.trial = 0
		return true
	case held || known && !errors.Is(err, ErrUnreachable) || r.choice+r.trial >= bySize:
		r.trial = 0
	default:
		r.trial++
	}
	return false
}

// again begins another conversation after one that the server ended.
func (s *remoteSession) again(ctx context.Context) error {
	s.close()
	v, err := s.remote.wire.visit(ctx)
	if err != nil {
		return err
	}
	s.visit, s.broken = v, false
	return nil
}

// selects tells whether the server gives out objects by their names, as all of
// version 2 do, and filters.
func (s *remoteSession) selects() bool {
	g := s.visit.greeting()
	return g.version == 2 && g.shallow() && g.filters()
}

// gather brings commits, and then, from a server that gives them out, what is
// missing of the folders. The first is one request where something is held: what
// differs from that is little, as a rule, and a second request dearer.
func (s *remoteSession) gather(ctx context.Context, into *store, commits []plumbing.Hash) error {
	g, how := s.visit.greeting(), s.remote.choice+s.remote.trial
	first := fetching{wants: commits, held: into.complete}
	switch {
	case !g.filters():
	case !s.selects() || how == bySize || len(into.complete) > 0 && how == byObject:
		first.filter = filterLarge
	case len(into.complete) > 0:
		first.filter = filterDeep
	case how == byFolder:
		first.filter = filterTop
	default:
		first.filter = filterCommit
	}
	if err := s.pack(ctx, into, first); err != nil {
		return err
	}
	if first.filter == filterCommit {
		if err := s.topTrees(ctx, into, commits); err != nil {
			return err
		}
	}
	if s.selects() {
		return s.fill(ctx, into, commits, how)
	}
	if len(first.held) == 0 && first.filter != "" {
		return into.lacking(commits, s.remote.folders)
	}
	return nil
}

// tree brings a commit with its top tree, or one tree, without files; from
// servers that do not give out single objects, the whole commit.
func (s *remoteSession) tree(ctx context.Context, into *store, commit, tree plumbing.Hash) error {
	if s.broken { // of a list of references no more was read than was needed
		if err := s.again(ctx); err != nil {
			return err
		}
	}
	whole := fetching{wants: []plumbing.Hash{commit}}
	if s.visit.greeting().filters() {
		whole.filter = filterLarge
	}
	f := whole
	if s.selects() && s.remote.choice < bySize {
		f.filter = filterTop
		if !tree.IsZero() {
			f = fetching{wants: []plumbing.Hash{tree}, plain: true, filter: filterCommit}
		}
	}
	err := s.pack(ctx, into, f)
	if err != nil && s.misguessed(ctx, err) {
		return s.tree(ctx, into, commit, tree)
	}
	if said, refused := errors.AsType[refusalError](err); refused && !said.notOurs() && f.filter != whole.filter {
		s.broken, s.remote.choice = true, bySize
		if err = s.again(ctx); err == nil {
			err = s.pack(ctx, into, whole)
		}
	}
	if err != nil {
		s.broken = true
		return s.remote.wire.explain(ctx, errBroken, err)
	}
	return nil
}

// topTrees brings the top trees of commits.
func (s *remoteSession) topTrees(ctx context.Context, into *store, commits []plumbing.Hash) error {
	var wants []plumbing.Hash
	for _, h := range commits {
		c, err := into.commit(h)
		if err != nil {
			return err
		}
		if !into.has(c.TreeHash) {
			wants = append(wants, c.TreeHash)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	return s.pack(ctx, into, fetching{wants: wants, plain: true, filter: filterCommit})
}

// fill brings what the folders of commits lack. What is then still missing was
// left out for its size. A folder that lacks files after a filter by depth is
// asked for again without: it is not clear from the documentation whether one that
// is wanted by its name counts as a level, and git leaves out a file that stands
// in a folder below as well, when it comes to that one first.
func (s *remoteSession) fill(ctx context.Context, into *store, commits []plumbing.Hash, how choice) error {
	filters := []string{filterFolder, filterLarge}
	if how != byFolder {
		filters = filters[1:]
	}
	for _, filter := range filters {
		lacks, err := into.gaps(commits, s.remote.folders)
		if err != nil {
			return err
		}
		var wants []plumbing.Hash
		for _, l := range lacks {
			wants = append(wants, l.tree)
		}
		if len(wants) == 0 {
			break
		}
		if err := s.pack(ctx, into, fetching{wants: wants, plain: true, filter: filter}); err != nil {
			return err
		}
	}
	return into.lacking(commits, s.remote.folders)
}

// lacking takes the files that are missing for too large. A tree that is missing
// is found when it is needed.
func (s *store) lacking(commits []plumbing.Hash, folders []string) error {
	lacks, err := s.gaps(commits, folders)
	if err != nil {
		return err
	}
	for _, l := range lacks {
		for _, file := range l.missing {
			if err := s.large(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// pack makes one request and reads the objects that it brings.
func (s *remoteSession) pack(ctx context.Context, into *store, f fetching) error {
	g := s.visit.greeting()
	answer, err := s.visit.exchange(ctx, f.encode(g))
	if err != nil {
		return err
	}
	defer answer.Close()
	from, err := f.answer(g, answer)
	if err != nil {
		return err
	}
	limit := &limited{r: from, left: s.remote.max, err: errPackTooLarge}
	if s.selects() && len(f.held) > 0 {
		limit.left, limit.err = min(limit.left, max(leastChange, 2*into.bytes)), errOutgrown
	}
	err = readPack(into, limit)
	if err == nil {
		_, err = io.Copy(io.Discard, limit) // up to the mark of the end
	}
	if limit.left < 0 {
		return limit.err
	}
	return err
}

// leastChange is how much a change may always bring.
const leastChange = 1 << 20

var (
	errPackTooLarge = &problem{kind: ErrTooLarge, detail: "the server sends more"}
	// errOutgrown is a change that brings more than what is needed of the whole:
	// other files of the repository, that is.
	errOutgrown = &problem{kind: errBroken, detail: "the change is larger than what is needed of the whole"}
)

// limited ends a pack that is longer than the limit; left is negative then.
type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.err
	}
	return n, err
}
