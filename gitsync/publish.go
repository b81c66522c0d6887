package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Publication is a commit that is to be made on top of another, and pushed.
type Publication struct {
	// Base is the commit, by its whole name, that Files change.
	Base string
	// Branch, such as "main", is to point at the new commit. It must stand at Base
	// or, with New, not exist: nothing that others have pushed is ever lost.
	Branch string
	New    bool
	// Files are the new contents by slash-separated path, nil for a file that is
	// removed. A file that is there keeps its mode.
	Files     map[string][]byte
	Author    Person
	Committer Person    // Author if it is zero
	Time      time.Time // of the commit; now if it is zero
	Message   string
}

// Person is somebody who makes commits. What git does not allow in names and
// addresses, such as angle brackets, is left out.
type Person struct {
	Name  string
	Email string
}

// Published is what became of a Publication.
type Published struct {
	Commit string // the new one
	// Said is what the server said to whoever pushes, such as where to open a merge
	// request: lines of text without control characters, at most 4 KiB, or nothing.
	Said string
}

// MovedError is the answer of Publish when the branch does not stand where the
// publication begins, as somebody else has pushed. Nothing was pushed. It is
// ErrMoved.
type MovedError struct {
	Branch string
	Tip    string // the commit at which it stands; empty if there is no such branch
}

// Error says where the branch stands.
func (e *MovedError) Error() string {
	if e.Tip == "" {
		return fmt.Sprintf("%v: there is no branch %s", ErrMoved, e.Branch)
	}
	return fmt.Sprintf("%v: branch %s stands at %s", ErrMoved, e.Branch, e.Tip)
}

// Unwrap gives ErrMoved.
func (e *MovedError) Unwrap() error { return ErrMoved }

// DeclinedError is the answer of Publish when the server takes no such push,
// because the branch is protected or a hook refuses it. Nothing was pushed. It is
// ErrDeclined.
type DeclinedError struct {
	Branch string
	Reason string // the server's, in a few words
	Said   string // what it said beside that; see Published.Said
}

// Error gives the server's words.
func (e *DeclinedError) Error() string {
	text := fmt.Sprintf("%v: branch %s: %s", ErrDeclined, e.Branch, e.Reason)
	if e.Said != "" {
		text += " (" + strings.Join(strings.Fields(e.Said), " ") + ")"
	}
	return text
}

// Unwrap gives ErrDeclined.
func (e *DeclinedError) Unwrap() error { return ErrDeclined }

// Publish makes a commit and pushes it to the repository at Options.URL with
// Options.Auth, which may be other credentials than those for following, signed with
// Options.SigningKey. Of the other options it uses Proxy, Timeout, for all of it, and MaxBytes. Of the
// repository only the folders on the way to the files are read. Into a repository
// on this machine the program git pushes, so that hooks are asked there as well.
//
// The server moves the branch only from where the publication says that it
// stands, all at once or not at all. The error is a *MovedError, a
// *DeclinedError, ErrUnchanged when the files are as they should be, ErrAuth, or
// an *fs.PathError for a file to remove that is not there (fs.ErrNotExist) or a
// path where no file can be written (fs.ErrInvalid). When the connection is lost,
// Publish looks whether the commit arrived; if it cannot find out, the error is
// ErrUnreachable, and the branch may still move.
func Publish(ctx context.Context, o Options, p Publication) (Published, error) {
	o = o.withDefaults()
	a, err := parseAddress(o.URL)
	if err == nil {
		err = o.check()
	}
	if err == nil {
		err = p.check(o.MaxBytes)
	}
	if err != nil {
		return Published{}, err
	}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	published, err := o.publish(limited, a, p)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = &problem{kind: context.DeadlineExceeded, detail: fmt.Sprintf("nothing was heard of the push within %s", o.Timeout)}
	}
	return published, err
}

// publish reads what the commit is made of, makes it, and pushes it.
func (o Options) publish(ctx context.Context, a address, p Publication) (published Published, err error) {
	defer recovered(&err)
	from, err := o.source(a)
	if err != nil {
		return Published{}, err
	}
	defer from.close()
	to, err := o.receiver(a)
	if err != nil {
		return Published{}, err
	}
	defer to.close()
	push := &push{wire: to, ref: branchRef(p.Branch), old: plumbing.NewHash(p.Base)}
	if p.New {
		push.old = plumbing.ZeroHash
	}
	if err := push.compose(ctx, from, p, o); err != nil {
		return Published{}, err
	}
	said, err := push.run(ctx)
	if err != nil {
		err = push.outcome(ctx, from, err)
	}
	if err != nil {
		return Published{}, err
	}
	return Published{Commit: push.made.commit.String(), Said: said}, nil
}

// check finds mistakes of the person who wrote the publication.
func (p Publication) check(most int64) error {
	switch {
	case !plumbing.IsHash(p.Base):
		return fmt.Errorf("%q is no whole name of a commit", p.Base)
	case !validRef(plumbing.ReferenceName(branchRef(p.Branch))):
		return fmt.Errorf("%q is no branch name", p.Branch)
	case len(p.Files) == 0:
		return ErrUnchanged
	case strings.TrimSpace(p.Message) == "" || strings.Contains(p.Message, "\x00"):
		return errors.New("the commit has no message, or one with a NUL in it")
	case plain(p.Author.Name) == "":
		return errors.New("the commit has no author")
	}
	for path, data := range p.Files {
		if !publishable(path) {
			return &fs.PathError{Op: "publish", Path: path, Err: fs.ErrInvalid}
		}
		if most -= int64(len(data)); most < 0 {
			return &problem{kind: ErrTooLarge, detail: "the files to publish"}
		}
	}
	return nil
}

// publishable tells whether a file may have such a path. Git refuses the rest,
// or some system on which somebody checks the repository out.
func publishable(path string) bool {
	if !fs.ValidPath(path) || path == "." || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// plain is a name or an address without what git leaves out of them.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '<' || r == '>' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
}
