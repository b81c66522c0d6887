package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// wire is a way to a git server. Its errors are the package's, without
// credentials.
type wire interface {
	// visit opens a conversation, which ends with ctx at the latest.
	visit(ctx context.Context) (visit, error)
	// forget makes the next visit begin anew. It gives the greeting that the last
	// one did without asking for, or nil: then no other one mends what went wrong.
	forget() *greeting
	// explain turns an error of a conversation into one of the package's, which
	// is kind if nothing better is known.
	explain(ctx context.Context, kind, err error) error
	// hidden is what no text may show that came from the server.
	hidden() secrets
	received() int64
	close()
}

// visit is one conversation with upload-pack or receive-pack.
type visit interface {
	greeting() *greeting
	// exchange sends a request and gives the answer, which is to be closed before
	// the next.
	exchange(ctx context.Context, request []byte) (io.ReadCloser, error)
	// close ends the conversation; whole says that every answer was read to its end.
	close(whole bool)
}

// remote reads a repository through a git server.
type remote struct {
	wire    wire
	folders []string
	max     int64
	choice  choice    // what the server does not refuse
	settled time.Time // when that was found, if it is not the finest
	trial   choice    // how much more coarsely the next fetch asks
}

func (r *remote) close()          { r.wire.close() }
func (r *remote) received() int64 { return r.wire.received() }

// open visits the server and asks for refs. A greeting that was guessed may not
// be true, or one that was kept no longer; then it is asked for.
func (r *remote) open(ctx context.Context, refs []string) (session, error) {
	for {
		s, err := r.visit(ctx, refs)
		if err == nil {
			return s, nil
		}
		if !outdated(ctx, r.wire.forget(), err) {
			return nil, err
		}
	}
}

// outdated tells whether an error may come from a server that is another than
// the one whose greeting was kept, or guessed. Of a guess any error is doubted,
// since servers differ in how they take what they do not know; so that what is
// reported is always what the server says to whoever asks it first.
func outdated(ctx context.Context, kept *greeting, err error) bool {
	_, pause := retryAfter(err)
	switch {
	case kept == nil || pause || ctx.Err() != nil:
		return false
	case kept.guessed:
		return true
	default:
		return errors.Is(err, errMisread) || errors.Is(err, ErrNotGit) || errors.Is(err, ErrNoRepository)
	}
}

func (r *remote) visit(ctx context.Context, refs []string) (*remoteSession, error) {
	v, err := r.wire.visit(ctx)
	if err != nil {
		return nil, err
	}
	s := &remoteSession{remote: r, visit: v, refs: references{}, asked: map[string]bool{}}
	if err := s.ask(ctx, refs); err != nil {
		s.broken = true
		s.close()
		return nil, err
	}
	return s, nil
}

// remoteSession is one conversation and what was learned in it.
type remoteSession struct {
	remote *remote
	visit  visit
	refs   references
	asked  map[string]bool // what refs was asked for, whether it is there or not
	others bool            // there are other references than those
	broken bool            // an answer was not read to its end
}

func (s *remoteSession) close() { s.visit.close(!s.broken) }

// ask learns where references stand. Versions 0 and 1 have told about all.
func (s *remoteSession) ask(ctx context.Context, refs []string) error {
	g := s.visit.greeting()
	if g.version < 2 {
		s.refs = g.refs
		return nil
	}
	var unknown []string
	for _, ref := range refs {
		if !s.asked[ref] {
			s.asked[ref] = true
			unknown = append(unknown, ref)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	got, err := s.list(ctx, unknown, maxRefs)
	maps.Copy(s.refs, got)
	return err
}

func (s *remoteSession) list(ctx context.Context, prefixes []string, most int) (references, error) {
	answer, err := s.visit.exchange(ctx, lsRefs(prefixes))
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	got, err := readRefs(answer, most)
	if err != nil {
		return nil, s.remote.wire.explain(ctx, errMisread, err)
	}
	return got, nil
}

// tips gives the commits that refs point at. It is ErrEmpty when there are no
// references at all.
func (s *remoteSession) tips(ctx context.Context, refs []string) (references, error) {
	if err := s.ask(ctx, refs); err != nil {
		return nil, err
	}
	found := references{}
	for _, ref := range refs {
		if h, ok := s.refs[ref]; ok {
			found[ref] = h
		}
	}
	if len(s.refs) == 0 && !s.others {
		return nil, s.empty(ctx)
	}
	return found, nil
}

// empty is ErrEmpty when the repository has no references. The answer may be
// long, of which one line is enough.
func (s *remoteSession) empty(ctx context.Context) error {
	if s.visit.greeting().version < 2 {
		return ErrEmpty
	}
	s.broken = true
	some, err := s.list(ctx, []string{"refs/"}, 1)
	if s.others = len(some) > 0; err == nil && !s.others {
		err = ErrEmpty
	}
	return err
}

// resolve knows HEAD, branches, tags, full reference names and full commit
// names. A commit that no reference points at may be refused by the server.
func (s *remoteSession) resolve(ctx context.Context, rev string) (plumbing.Hash, error) {
	if rev != "" && !strings.ContainsAny(rev, " \n\x00") && len(rev) < 1000 {
		names := []string{rev, "refs/heads/" + rev, "refs/tags/" + rev, "refs/" + rev}
		found, err := s.tips(ctx, names)
		if err != nil && !errors.Is(err, ErrEmpty) {
			return plumbing.ZeroHash, err
		}
		for _, name := range names {
			if h, ok := found[name]; ok {
				return h, nil
			}
		}
	}
	if plumbing.IsHash(rev) {
		return plumbing.NewHash(rev), nil
	}
	return plumbing.ZeroHash, &problem{kind: ErrNoRevision, detail: fmt.Sprintf("%q; a commit must be given with all 40 digits", rev)}
}

// explained turns an error of a conversation into one of the package's: kind,
// if nothing better is known.
func explained(ctx context.Context, hide secrets, kind, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return p.hidden(hide)
	}
	if said, ok := errors.AsType[refusalError](err); ok && said.notOurs() {
		return errNotOurs
	}
	return &problem{kind: kind, detail: hide.hide(strings.TrimPrefix(err.Error(), errBroken.Error()+": "))}
}
