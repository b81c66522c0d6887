package serve

import (
	"context"
	"embed"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

// ConsoleOptions is how the console of a process is.
type ConsoleOptions struct {
	Write  bool           // editors may change endpoints
	URL    string         // at which browsers reach it; empty: that is not known
	Users  *login.Users   // nil: there are none
	Issuer *issuer.Issuer // nil: there is none
	Peers  console.Peers
	Auth   gitsync.Auth // for pushing
	// SigningKey signs the commits; nil: they are not signed.
	SigningKey *gitsync.SSHKey
}

// consoleHandler is the console, or nil.
func (p *process) consoleHandler() http.Handler {
	o := p.options.Console
	if o == nil {
		return nil
	}
	scheme := "http://"
	if p.certificates != nil {
		scheme = "https://"
	}
	p.console = console.New(console.Options{
		Version: p.options.Version, Logger: p.logger, Loopback: loopback(p.admin.Addr()), CallURL: scheme + p.listen.Addr().String(),
		Snapshot: p.gateway.Current, Health: p.gateway.Health, Series: p.series, Recent: p.recent, Gateway: p.gateway, Watch: p.gateway.WatchCopies,
		URL: o.URL, Proxies: p.options.Forward.TrustedProxies, Peers: o.Peers,
		Following: p.following, Revisions: p.keptRevisions, Kept: p.keptRevision,
		Certified: p.certified(), Tokens: p.options.AdminTokens, Users: o.Users, Issuer: o.Issuer,
		Pins: p.options.Repository.StateDir != "", Branches: p.branches, Branch: p.branch,
		Write: o.Write, Check: gateway.NewChecker(p.options.Secrets).Check, Publish: p.publish,
		Sync: p.follower.Sync, Accept: p.follower.Accept, Pin: p.follower.Pin, Unpin: p.follower.Unpin,
	})
	return p.console
}

// certified reports whether the admin listener asks for certificates.
func (p *process) certified() bool {
	return p.options.AdminTLS != nil && p.options.AdminTLS.ClientCAFile != ""
}

// runConsole keeps the console up to date, if there is one.
func (p *process) runConsole(ctx context.Context) error {
	if p.console == nil {
		return nil
	}
	return p.console.Run(ctx)
}

// newSeries is what the console draws, if there is one.
func newSeries(o *ConsoleOptions) *series.Store {
	if o == nil {
		return nil
	}
	return series.New(series.Options{})
}

// loopback reports whether a listener takes connections from this machine only.
func loopback(at net.Addr) bool {
	address, err := netip.ParseAddrPort(at.String())
	return err == nil && address.Addr().Unmap().IsLoopback()
}

// following is how following goes, in the console's words.
func (p *process) following() console.Following {
	s := p.follower.Status()
	f := console.Following{
		Repository: s.Repository, Branch: s.Branch, Since: s.LiveSince, LastSuccess: s.LastSuccess, Stale: s.Stale,
		Live: tip(s.Live), Pending: tip(s.Pending),
	}
	if s.LastError != nil {
		f.Error = s.LastError.Error()
	}
	if s.Pin != nil {
		f.Pinned = s.Pin.Commit
	}
	if s.Live != nil {
		f.LiveRevision, f.Newest = Revision(s.Live), Revision(s.Live)
	}
	if s.Newest != nil {
		f.Newest = Revision(s.Newest)
	}
	if h := s.Held; h != nil {
		f.Held = &console.Held{Reason: heldReason(h.Reason), Commit: h.Commit, Since: h.Since, Gone: h.Vanished}
	}
	if r := s.Rejected; r != nil {
		refused := console.Refused{At: r.Time}
		if t := tip(r.Revision); t != nil {
			refused.Tip = *t
		}
		if problems, ok := errors.AsType[schema.Diagnostics](r.Err); ok {
			refused.Problems = problems
		} else {
			refused.Reason = r.Err.Error()
		}
		f.Refused = &refused
	}
	return f
}

func heldReason(r gitsync.Reason) string {
	switch r {
	case gitsync.HeldVanished:
		return "Most endpoints are gone from it"
	case gitsync.HeldNoEndpoints:
		return "The folder of endpoints is gone from it"
	case gitsync.HeldNoBranch:
		return "The branch is gone from the repository"
	case gitsync.HeldEmpty:
		return "The repository has no commits any more"
	}
	return string(r)
}

func tip(r *gitsync.Revision) *console.Tip {
	if r == nil {
		return nil
	}
	h := r.Heads[r.Branch]
	return &console.Tip{Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time}
}

// keptRevisions are those that can be pinned, in the console's words.
func (p *process) keptRevisions(ctx context.Context) ([]console.Kept, error) {
	list, err := p.follower.Revisions(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]console.Kept, len(list))
	for i, k := range list {
		h := k.Heads[k.Branch]
		all[i] = console.Kept{
			Tip:    console.Tip{Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time},
			Number: k.Number, Live: k.Live, Pinned: k.Pinned, Served: k.Saved,
			Added: k.Changes.Added, Removed: k.Changes.Removed, Changed: k.Changes.Changed,
		}
		if k.Err != nil {
			all[i].Error = k.Err.Error()
		}
		for _, f := range k.Changes.Files {
			all[i].Files = append(all[i].Files, console.File{Kind: f.Kind, Branch: f.Branch, Path: f.Path})
		}
	}
	return all, nil
}

// keptRevision is one of them, as it is compiled.
func (p *process) keptRevision(number int) (schema.Revision, error) {
	kept, err := p.follower.Kept(number)
	if err != nil {
		return schema.Revision{}, err
	}
	return Revision(kept), nil
}

// publish pushes a commit of the console.
func (p *process) publish(ctx context.Context, c console.Commit) (console.Published, error) {
	o := p.options.Repository
	o.Auth, o.SigningKey = p.options.Console.Auth, p.options.Console.SigningKey
	done, err := gitsync.Publish(ctx, o, gitsync.Publication{
		Base: c.Base, Branch: c.Branch, New: c.NewBranch, Files: c.Files, Message: c.Message,
		Author: gitsync.Person{Name: c.Name, Email: c.Email},
	})
	if moved, ok := errors.AsType[*gitsync.MovedError](err); ok {
		if c.NewBranch {
			return console.Published{}, &console.TakenError{Branch: c.Branch}
		}
		return console.Published{}, &console.MovedError{Tip: moved.Tip}
	}
	if declined, ok := errors.AsType[*gitsync.DeclinedError](err); ok {
		return console.Published{}, &console.ProtectedError{Says: strings.TrimSpace(declined.Reason + "\n" + declined.Said)}
	}
	return console.Published{Commit: done.Commit, Branch: c.Branch, Says: done.Said}, err
}

// branches are those of the repository, for forms.
func (p *process) branches(ctx context.Context) ([]string, error) {
	return gitsync.Branches(ctx, p.options.Repository, console.MostBranches)
}

// branch is the tip of a branch that no endpoint names yet, for somebody who is
// about to: read as a revision is, within the same bounds.
func (p *process) branch(ctx context.Context, name string) (schema.Tree, error) {
	o := p.options.Repository
	o.Branch, o.Folders = name, []string{schema.DeploymentsFolder}
	read, err := gitsync.Read(ctx, o, "")
	switch {
	case errors.Is(err, gitsync.ErrNoBranch):
		return schema.Tree{}, console.ErrNoBranch
	case errors.Is(err, gitsync.ErrNoEndpoints): // it has no deployments
		return schema.Tree{FS: embed.FS{}}, nil
	case err != nil:
		return schema.Tree{}, err
	}
	return Revision(read).Trees[name], nil
}
