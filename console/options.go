package console

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Options is what a console is made of.
type Options struct {
	Version   string
	Loopback  bool            // the listener takes connections from this machine only
	Certified bool            // the listener takes connections only from who shows a certificate that it trusts
	URL       string          // at which browsers reach the console; empty: that is not known
	Proxies   forward.Proxies // in front of the listener, whose word is taken for who calls
	CallURL   string          // what callers call, such as http://:8080; an empty host is that of the console
	Logger    zerolog.Logger
	Snapshot  func() *gateway.Snapshot
	Health    func(endpoint string) (replicas []gateway.ReplicaHealth, openBreakers []string)
	Following func() Following
	Revisions func(context.Context) ([]Kept, error) // the newest first
	Kept      func(number int) (schema.Revision, error)
	Series    *series.Store
	Recent    *recent.Ring // the newest records; nil: none are kept
	Gateway   http.Handler // answers what is tried out; as the public listener does
	Watch     func(requestID string, f func(gateway.MirrorAnswer)) (stop func())
	Peers     Peers
	Pins      bool // somebody can go back to what Revisions tells of: it outlives the process

	// Who may look and who may change something.
	Tokens func() (string, error) // of the admin listener, one a line; nil: it asks for none
	Users  *login.Users           // nil: there are none
	Issuer *issuer.Issuer         // nil: there is none

	Check func(schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics)

	// Changes, for those who may. Without Write none of them is used.
	Write bool
	// Branches are those of the repository, MostBranches at most; Branch is the tip of
	// one with its deployments, or ErrNoBranch. Nil: only what is followed is offered.
	Branches func(context.Context) ([]string, error)
	Branch   func(ctx context.Context, name string) (schema.Tree, error)
	Publish  func(context.Context, Commit) (Published, error)
	Sync     func(context.Context) error
	Accept   func(ctx context.Context, commit string) error
	Pin      func(ctx context.Context, commit string) error
	Unpin    func(context.Context) error
}

// Peers are other gateways, and how they are asked.
type Peers struct {
	URLs      []string               // of their admin listeners
	Token     func() (string, error) // of these, read each time; nil: they ask for none
	Transport http.RoundTripper      // nil: http.DefaultTransport
	Within    time.Duration          // that they have to answer; 0: 2 s
}

// Tip is a commit at the end of a branch.
type Tip struct {
	Commit  string
	Author  string
	Subject string
	Time    time.Time // when it was committed
}

// Following is how following the repository goes.
type Following struct {
	Repository  string // URL or path without credentials
	Branch      string // the endpoints branch
	Live        *Tip   // what serves; nil before the first
	Since       time.Time
	LastSuccess time.Time // of reading the repository; zero: it was never read
	Error       string    // of the last sync; empty: it worked
	Stale       bool      // what serves was kept from an earlier run
	Pinned      string    // the commit that is pinned; empty: none
	Pending     *Tip      // the newest revision, good but held back by the pin
	Held        *Held     // the newest revision, if it waits for somebody to accept it
	Refused     *Refused  // the newest revision, if it was refused

	LiveRevision schema.Revision // what serves
	Newest       schema.Revision // what was read last, whatever became of it; no trees before the first
}

// Held is a revision that waits for somebody to accept it.
type Held struct {
	Reason string
	Commit string // empty: there is nothing that could be accepted
	Since  time.Time
	Gone   []string // endpoints that would go
}

// Refused is a revision that was refused.
type Refused struct {
	Tip
	At       time.Time
	Problems schema.Diagnostics
	Reason   string // where there are no problems of documents
}

// Kept is a revision that served and can be pinned.
type Kept struct {
	Tip
	Number  int
	Live    bool
	Pinned  bool
	Served  time.Time // when it began to serve
	Added   int       // files, since the one before
	Removed int
	Changed int
	Files   []File // some of them
	Error   string // why it cannot be used
}

// File is a file that changed with a revision.
type File struct{ Kind, Branch, Path string }

// Commit is what is to be published.
type Commit struct {
	Base      string            // the commit that it follows; if the branch has another tip, it is a *MovedError
	Branch    string            // the branch that gets the commit
	NewBranch bool              // the branch is made, from Base; if there is one already, it is a *TakenError
	Files     map[string][]byte // by path; nil: the file is removed
	Name      string            // of the author
	Email     string
	Message   string
}

// Published is a commit that the repository has.
type Published struct {
	Commit string
	Branch string
	Says   string // what the server said, such as where to ask for a merge
}

// MovedError says that somebody else was faster: the branch has another tip.
type MovedError struct{ Tip string }

// Error names the tip.
func (e *MovedError) Error() string { return "the branch has moved to " + e.Tip }

// TakenError says that there is a branch already that was to be made.
type TakenError struct{ Branch string }

// Error names the branch.
func (e *TakenError) Error() string { return "there is a branch " + e.Branch + " already" }

// ProtectedError says that the server does not take a commit on this branch from
// here.
type ProtectedError struct{ Says string }

// Error is what the server says.
func (e *ProtectedError) Error() string { return "the server refuses the push: " + e.Says }
