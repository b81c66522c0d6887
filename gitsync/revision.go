package gitsync

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Revision is the endpoints branch and every branch that its tree names, at
// the commits at which they were read together. It is immutable and holds no
// reference to a repository; any number of goroutines may read it.
type Revision struct {
	Branch string          // the endpoints branch, such as "main"
	Heads  map[string]Head // by branch, Branch among them; a named branch that is missing here does not exist
}

// Head is the tip of one branch.
type Head struct {
	Commit  string    // full object name, 40 hexadecimal digits
	Author  string    // the author's name, without the address and without control characters
	Subject string    // first line of the message, likewise
	Time    time.Time // when it was committed
	Tree    fs.FS     // the folders asked for; see Options.Folders
	object  []byte    // the commit's content, which its signature is over; nil if it was not kept
	trees   [][]byte  // the content of its top tree and of the folders', which tie Tree to the commit; likewise
}

// Commit is that of the endpoints branch.
func (r *Revision) Commit() string { return r.Heads[r.Branch].Commit }

// bare is the revision without what proves it, which is for those that somebody
// may go back to.
func (r *Revision) bare() *Revision {
	out := &Revision{Branch: r.Branch, Heads: maps.Clone(r.Heads)}
	for branch, h := range out.Heads {
		h.object, h.trees = nil, nil
		out.Heads[branch] = h
	}
	return out
}

// key is equal for two revisions exactly when they have the same branches at
// the same commits.
func (r *Revision) key() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Heads)) {
		b.WriteString(name + "\x00" + r.Heads[name].Commit + "\n")
	}
	return b.String()
}
