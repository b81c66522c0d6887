package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// wire is a way to a git server.
type wire interface {
	// connect opens an upload-pack session and reads the references. Its error
	// is one of the package's, without credentials.
	connect(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error)
	// explain turns an error of a later step of the session into one of the
	// package's, errBroken where another try may help.
	explain(err error) error
	close()
}

// remote reads a repository through a git server.
type remote struct {
	wire wire
	max  int64
	once bool // each connection serves one fetch
}

func (r *remote) open(ctx context.Context) (session, error) {
	up, refs, err := r.wire.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &remoteSession{remote: r, up: up, refs: refs}, nil
}

func (r *remote) close() { r.wire.close() }

// remoteSession holds one connection, or opens another for each further
// request where the transport allows only one (ssh).
type remoteSession struct {
	remote *remote
	up     transport.UploadPackSession // nil once used up
	refs   *packp.AdvRefs
}

func (s *remoteSession) close() {
	if s.up != nil {
		_ = s.up.Close() // all that was wanted has been read
		s.up = nil
	}
}

func (s *remoteSession) tip(ref string) (plumbing.Hash, bool, error) {
	h, found := s.refs.References[ref]
	return h, found, nil
}

// resolve knows HEAD, branches, tags, full reference names and full commit
// names. A commit that no reference points at may be refused by the server.
func (s *remoteSession) resolve(rev string) (plumbing.Hash, error) {
	if rev == "HEAD" && s.refs.Head != nil {
		return *s.refs.Head, nil
	}
	for _, ref := range []string{rev, "refs/heads/" + rev, "refs/tags/" + rev, "refs/" + rev} {
		if h, ok := s.refs.Peeled[ref]; ok {
			return h, nil
		}
		if h, ok := s.refs.References[ref]; ok {
			return h, nil
		}
	}
	if plumbing.IsHash(rev) {
		return plumbing.NewHash(rev), nil
	}
	return plumbing.ZeroHash, &problem{kind: ErrNoRevision, detail: fmt.Sprintf("%q; a commit must be given with all 40 digits", rev)}
}

func (s *remoteSession) fetch(ctx context.Context, into *store, commits []plumbing.Hash) (err error) {
	if s.up == nil {
		if s.up, _, err = s.remote.wire.connect(ctx); err != nil {
			return err
		}
	}
	up := s.up
	if s.remote.once {
		s.up = nil
		defer up.Close()
	}
	req := s.request(into, commits)
	into.omitted = req.Filter != "" && len(into.complete) == 0
	resp, err := up.UploadPack(ctx, req)
	if err != nil {
		return s.remote.broken(ctx, err)
	}
	defer resp.Close()
	pack := &limited{r: demux(req.Capabilities, resp), left: s.remote.max}
	err = readPack(into, pack)
	if err != nil && pack.left < 0 {
		return errPackTooLarge
	}
	if err != nil {
		return s.remote.broken(ctx, err)
	}
	return nil
}

// request asks for commits without history. Haves and shallows are the tips
// held already, so that the server sends what differs from them.
func (s *remoteSession) request(into *store, commits []plumbing.Hash) *packp.UploadPackRequest {
	offered := s.refs.Capabilities
	req := packp.NewUploadPackRequestFromCapabilities(offered)
	wish := []capability.Capability{capability.NoProgress, capability.Shallow}
	if offered.Supports(capability.Filter) {
		wish = append(wish, capability.Filter)
		// The limit excludes: a file of exactly 64 KiB must still come.
		req.Filter = packp.FilterBlobLimit(maxFile/1024+1, packp.BlobLimitPrefixKibi)
	}
	for _, c := range wish {
		if offered.Supports(c) {
			_ = req.Capabilities.Set(c) // fails only for capabilities with arguments
		}
	}
	// go-git drops this from what the server offers, as its own fetch cannot use it.
	_ = req.Capabilities.Set(capability.ThinPack)
	req.Depth = packp.DepthCommits(1)
	req.Wants = commits
	req.Haves = append(req.Haves, into.complete...)
	req.Shallows = append(req.Shallows, into.complete...)
	return req
}

func demux(used *capability.List, r io.Reader) io.Reader {
	switch {
	case used.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case used.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	default:
		return r
	}
}

// broken keeps the errors that are final and marks the others as worth a fresh fetch.
func (r *remote) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	if strings.Contains(err.Error(), "not our ref") { // the protocol has no code for it
		return errNotOurs
	}
	return r.wire.explain(err)
}

var errPackTooLarge = &problem{kind: ErrTooLarge, detail: "the server sends more"}

// limited ends a pack that is longer than the limit; left is negative then.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errPackTooLarge
	}
	return n, err
}
