package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/rs/zerolog"
)

// Defaults of Options.
const (
	DefaultBranch   = "main"
	DefaultPoll     = 30 * time.Second
	DefaultTimeout  = time.Minute
	DefaultMaxBytes = 64 << 20
	DefaultKeep     = 10
)

// Options say which repository is followed, and how. Only URL and, for New,
// Take are needed.
type Options struct {
	// URL is a http, https, ssh or file URL, HOST:PATH, or a path. User
	// information in it is used, and shown nowhere.
	URL string
	// Branch is the endpoints branch, DefaultBranch if empty.
	Branch string
	// Folders are the folders at the top of the tree that are read; endpoints,
	// deployments and keys if empty. The first one must exist on Branch. Only files
	// directly in them are read: folders in them are listed, and empty.
	Folders []string
	// Named lists the further branches that the endpoints branch's tree names.
	// They are read within the same sync. It is called from Run's goroutine and
	// must give the same answer for the same tree. Nil names none.
	Named func(endpoints fs.FS) []string
	// Take is called with each new revision, from Run's goroutine, never
	// concurrently. An error refuses the revision: the last good one stays live,
	// and this one is not offered again until a commit changes or Sync is called; see
	// also Outside.
	Take func(ctx context.Context, revision *Revision) error
	// Outside, if set, tells of an error of Take or Check whether the revision may be
	// taken without another commit, such as when a secret comes late: then it is offered
	// again at each poll. While nothing serves, every refused revision is.
	Outside func(err error) bool
	// Check, if set, is called instead of Take with each new revision that a pin
	// holds back, to tell whether it would be taken.
	Check func(ctx context.Context, revision *Revision) error
	// Concluded, if set, is called with what came of each sync, from Run's
	// goroutine. It must not block.
	Concluded func(Status)
	// Poll is the mean time between two polls, DefaultPoll if 0; each is moved
	// by up to 20 % at random. After failures it backs off, up to 5 minutes.
	Poll time.Duration
	// Timeout bounds one sync without Take, DefaultTimeout if 0.
	Timeout time.Duration
	// MaxBytes bounds what one read may send, and hold in memory; DefaultMaxBytes if 0.
	MaxBytes int64
	// StateDir is where the last revisions that served are kept, and which is
	// pinned. It is made if it is missing, and belongs to one gateway. It holds no
	// credentials. If it is empty, they are kept in memory, to be looked at only.
	StateDir string
	// Keep is how many revisions are kept, DefaultKeep if 0. A pinned one is kept
	// beside them.
	Keep int
	// Verify says whose commits may serve; nil: everybody's.
	Verify *Verify
	// Auth holds the credentials.
	Auth Auth
	// SigningKey signs the commits that Publish makes; nil: they are not signed.
	SigningKey *SSHKey
	// Proxy chooses a proxy for http and https, as in http.Transport; nil means none.
	Proxy func(*http.Request) (*url.URL, error)
	// Logger gets the records event=sync.
	Logger zerolog.Logger
}

// Auth are credentials and what servers are trusted by. Files are read when
// they are needed, so that what they hold can be exchanged.
type Auth struct {
	Username  string // for http; that of the URL, or "git", if empty
	Token     string // for http; a token or password. What follows wins over it
	TokenFile string // for http; read again when the server refuses access
	// CredentialsFile holds user names and passwords by server, in the form of
	// git-credential-store(1); for http. It is read again when the server refuses access.
	CredentialsFile string
	App             *GitHubApp // for https; nil: none
	CAFile          string     // for https; PEM certificates trusted in place of those of the system
	// ClientCertFile and ClientKeyFile hold a certificate, in PEM, that is shown to
	// servers that ask for one, and its key; for https, beside whatever else is
	// given. They are read anew for each connection.
	ClientCertFile, ClientKeyFile string
	KeyFile                       string // for ssh; a private key
	// Passphrase gives that of the private key, when it is needed; nil: it has none.
	Passphrase     func() (string, error)
	AgentSocket    string // for ssh; path of the agent's socket, used when KeyFile is empty
	KnownHostsFile string // for ssh; ~/.ssh/known_hosts if empty. Hosts not in it are refused.
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	if o.Branch == "" {
		o.Branch = DefaultBranch
	}
	if len(o.Folders) == 0 {
		o.Folders = []string{"endpoints", "deployments", "keys"}
	}
	o.Folders = slices.Clone(o.Folders)
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	return o
}

// check finds mistakes of the person who wrote the options.
func (o Options) check() error {
	if !validRef(plumbing.ReferenceName(branchRef(o.Branch))) {
		return fmt.Errorf("%q is no branch name", o.Branch)
	}
	for _, name := range o.Folders {
		if name == "." || strings.Contains(name, "/") || !fs.ValidPath(name) {
			return fmt.Errorf("%q is no name of a folder at the top of the tree", name)
		}
	}
	if o.Poll < 0 || o.Timeout < 0 || o.MaxBytes < 0 || o.Keep < 0 {
		return errors.New("poll interval, timeout, size limit and number of kept revisions must be positive")
	}
	return nil
}

// repository makes what reads Options.URL, and the address for logs.
func (o Options) repository() (*repository, address, error) {
	a, err := parseAddress(o.URL)
	if err != nil {
		return nil, a, err
	}
	if err := o.check(); err != nil {
		return nil, a, err
	}
	r := &repository{
		branch: o.Branch, folders: o.Folders, named: o.Named, max: o.MaxBytes, timeout: o.Timeout,
		renew: func() (source, error) { return o.source(a) },
		again: []time.Duration{0}, checks: a.scheme != "file",
	}
	if a.scheme == "file" {
		r.again = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond}
	}
	r.source, err = r.renew()
	return r, a, err
}

// source makes what reads the repository at an address.
func (o Options) source(a address) (source, error) {
	switch a.scheme {
	case "file":
		return &local{path: a.path, folders: o.Folders}, nil
	case "ssh":
		w, err := newSSHWire(a, o, uploadPack)
		return &remote{wire: w, folders: o.Folders, max: o.MaxBytes}, err
	default:
		w, err := newHTTPWire(a, o, uploadPack)
		return &remote{wire: w, folders: o.Folders, max: o.MaxBytes}, err
	}
}
