package gitsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors that callers branch on. They are wrapped with what was attempted and
// never hold credentials.
var (
	// ErrAuth means that the server refused the credentials, or wants some.
	ErrAuth = errors.New("the git server refused access; check the user name and token, or the ssh key")
	// ErrHostKey means that the ssh server's key is not the one in known_hosts, or not listed there.
	ErrHostKey = errors.New("the ssh server's host key is not the known one; compare its fingerprint and correct known_hosts")
	// ErrNoRepository means that there is no repository at the URL or path, or none that these credentials may see.
	ErrNoRepository = errors.New("no git repository found there; check the URL and the access rights")
	// ErrNotGit means that something answered, but not a git server that speaks the smart protocol.
	ErrNotGit = errors.New("the answer is not that of a git server; check that the URL is the one used for git clone")
	// ErrUnreachable means that the git server did not answer, or with an error of its own.
	ErrUnreachable = errors.New("the git server cannot be reached")
	// ErrFormat means that the repository uses a format that cannot be read, such as SHA-256 object names.
	ErrFormat = errors.New("the repository's format is not supported; only SHA-1 object names and ref files are")
	// ErrEmpty means that the repository has no commits.
	ErrEmpty = errors.New("the repository is empty; push a branch with an endpoints folder")
	// ErrNoBranch means that the branch does not exist.
	ErrNoBranch = errors.New("no such branch")
	// ErrNoRevision means that the branch, tag or commit given to Read does not exist.
	ErrNoRevision = errors.New("no such branch, tag or commit")
	// ErrNoEndpoints means that the endpoints branch has no endpoints folder.
	ErrNoEndpoints = errors.New("the folder is missing; commit at least one endpoint file to it")
	// ErrTooLarge means that Options.MaxBytes would be exceeded.
	ErrTooLarge = errors.New("the repository is larger than the limit; raise it with --git-max-bytes, or let the server filter (uploadpack.allowFilter)")
	// ErrFileTooLarge is what reading a file above 64 KiB gives: such files are listed, with their size, but not held.
	ErrFileTooLarge = errors.New("file is larger than 64 KiB")
	// ErrUnverified means that a commit is not signed by a trusted key; see Options.Verify.
	ErrUnverified = errors.New("the revision is not verified")
	// ErrRewound means that a branch went back to an older commit; see Verify.AllowRewind.
	ErrRewound = errors.New("a branch went back to an older commit")
	// ErrVanished means that more than half of the endpoints, and more than five, are gone at once.
	ErrVanished = errors.New("most endpoints are gone at once")
	// ErrPinned means that a kept revision is pinned and newer ones do not serve.
	ErrPinned = errors.New("another revision is pinned")
	// ErrNotNewest means that a revision was accepted that is not the newest one.
	ErrNotNewest = errors.New("the newest revision is another one")
	// ErrCommitName means that something is no name of a commit.
	ErrCommitName = errors.New("give a commit by its name, at least the first 7 hexadecimal digits")
	// ErrNotKept means that a revision is not, or not any more, in the state folder.
	ErrNotKept = errors.New("no such revision is kept")
	// ErrAmbiguous means that several kept revisions may be meant.
	ErrAmbiguous = errors.New("several kept revisions may be meant; give more digits")
	// ErrNoState means that nobody can go back to a revision, as there is no state folder.
	ErrNoState = errors.New("nothing would outlive the process; to go back to a revision, give the gateway a folder with --state")
	// ErrUnrecorded means that a change would not outlive the process, as the state folder could not be written.
	ErrUnrecorded = errors.New("but this could not be recorded for the next start")
	// ErrMoved means that a branch to push to is not where the commit begins.
	ErrMoved = errors.New("somebody else has pushed")
	// ErrDeclined means that the server does not take a push, such as to a protected branch.
	ErrDeclined = errors.New("the git server declined the push")
	// ErrUnchanged means that a commit would change nothing.
	ErrUnchanged = errors.New("there is nothing to commit; the files are like that already")
	// ErrStopped means that the follower has ended.
	ErrStopped = errors.New("following the repository has ended")
)

// RejectedError is the answer of Follower.Sync when the newest revision was
// read, but refused by Options.Take.
type RejectedError struct {
	Commit string // of the endpoints branch
	Err    error  // what Take returned
}

// Error names the commit and the reason.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("revision %s was rejected: %v", e.Commit, e.Err)
}

// Unwrap gives what Take returned.
func (e *RejectedError) Unwrap() error { return e.Err }

// errBroken marks what a fresh fetch may repair: an object that is missing or
// unreadable, a connection cut in the middle of a pack.
var errBroken = errors.New("the repository could not be read whole")

// errMisread is an answer that cannot be understood, or a refusal without a
// known reason.
var errMisread = fmt.Errorf("%w or understood", ErrUnreachable)

// errBug is a panic of Take or Check.
var errBug = errors.New("this revision runs into a bug of the gateway; please report it")

// errNotOurs is a server's refusal to give out a commit: its branch has moved
// since the references were read, or nothing points at it.
var errNotOurs = fmt.Errorf("%w: the server does not give out the commit", errBroken)

// problem is one of the errors above together with the detail that the world
// gave. The detail is text only: an error of go-git kept in the chain could
// carry a URL with credentials out to a log.
type problem struct {
	kind   error
	detail string
	commit string        // of the endpoints branch, where it is known and matters
	after  time.Duration // how long the server asks to be left alone; 0 if it does not say
}

func (p *problem) Error() string {
	if p.detail == "" {
		return p.kind.Error()
	}
	return p.kind.Error() + " (" + p.detail + ")"
}

func (p *problem) Unwrap() error { return p.kind }

// retryAfter is how long the server asked to be left alone, in the Retry-After
// of a 429 or 503 (RFC 9110, section 10.2.3). It is more than 0 and not bounded:
// how far a server is obeyed is for who waits.
func retryAfter(err error) (time.Duration, bool) {
	p, ok := errors.AsType[*problem](err)
	if !ok || p.after <= 0 {
		return 0, false
	}
	return p.after, true
}

// secrets are the strings that no text may show.
type secrets []string

// redact replaces every secret in text, which a server may have echoed.
func (s secrets) redact(text string) string {
	for _, secret := range s {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "REDACTED")
		}
	}
	return text
}

// hide redacts a text and shortens it to what fits a log line.
func (s secrets) hide(text string) string {
	text = strings.Join(strings.Fields(s.redact(text)), " ")
	const longest = 300
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// hidden is the same problem without secrets in its detail.
func (p *problem) hidden(hide secrets) *problem {
	return &problem{kind: p.kind, detail: hide.hide(p.detail), commit: p.commit, after: p.after}
}

// timeoutError says which limit was exceeded; it is context.DeadlineExceeded.
func timeoutError(limit time.Duration) error {
	return &problem{kind: context.DeadlineExceeded, detail: fmt.Sprintf("the repository was not read within %s", limit)}
}
