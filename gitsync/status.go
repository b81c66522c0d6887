package gitsync

import (
	"maps"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

// Source is where the live revision was read.
type Source string

// The sources of a live revision.
const (
	SourceNone  Source = ""      // nothing is live
	SourceGit   Source = "git"   // read from the repository
	SourceState Source = "state" // kept in the state folder
)

// Status is what a follower knows at one moment. It is a copy, and what it
// points at does not change.
type Status struct {
	Repository  string    // URL or path without credentials
	Branch      string    // the endpoints branch
	LastAttempt time.Time // begin of the last finished sync; zero before the first
	LastSuccess time.Time // begin of the last sync that read the repository; zero if none did
	LastError   error     // of the last sync; nil if it read the repository
	LastRead    Fetched   // what the last finished sync did and cost
	Failures    int       // syncs that failed in a row
	Newest      *Revision // what was read last, whatever became of it; nil before the first success
	Live        *Revision // what Take accepted last; nil if nothing
	LiveSince   time.Time // when Take accepted it
	// Signers are the keys that signed the commits of Live, by branch; nil
	// without Options.Verify.
	Signers map[string]signature.Signer
	Source  Source // where Live was read
	// Stale is set while Live is what the state folder held at the start and no
	// sync has succeeded since.
	Stale bool
	// Rejected is the newest revision, if Take or Check refused it, or it was refused for
	// its signatures; before the repository was read and while nothing serves, the
	// kept one that should. Nil otherwise.
	Rejected *Rejected
	Held     *Held     // the newest state of the repository, if it is held; nil otherwise
	Pin      *Pin      // what is pinned; nil if nothing
	Pending  *Revision // the newest revision, if it is good but not live because of the pin; nil otherwise
	Unkept   error     // why the live revision or the pin could not be written to the state folder; nil otherwise
	Totals   Totals
}

// Rejected is a revision that Take or Check refused.
type Rejected struct {
	Revision *Revision
	Err      error // what Take or Check returned
	Time     time.Time
	keys     *signature.Trusted // that none of its signatures is by; nil if it was not refused for that
	keyless  bool               // the keys could not be read
}

// Totals count since New. They only grow.
type Totals struct {
	Reads    map[Mode]int64   // that succeeded, by what they did
	Failed   int64            // reads that did not
	Bytes    int64            // received
	List     time.Duration    // of all reads
	Fetch    time.Duration    // of all reads that fetched
	Fetches  int64            // reads that fetched
	Taken    int64            // revisions that began to serve
	Refused  int64            // revisions that Take or Check refused
	Held     map[Reason]int64 // revisions, and losses, that were held
	Rebuilt  int64            // how often client and store were made anew after long failure
	Differed int64            // reads that found other content in the same commits; see Fetched
}

// add counts a read. Maps are not changed, as copies share them.
func (t Totals) add(got read) Totals {
	t.Bytes += got.fetched.Bytes
	t.List += got.fetched.List
	if got.fetched.Fetch > 0 {
		t.Fetch += got.fetched.Fetch
		t.Fetches++
	}
	if got.rebuilt {
		t.Rebuilt++
	}
	if got.fetched.Differed {
		t.Differed++
	}
	if got.err != nil {
		t.Failed++
		return t
	}
	t.Reads = counted(t.Reads, got.fetched.Mode)
	return t
}

func (t Totals) held(reason Reason) Totals {
	t.Held = counted(t.Held, reason)
	return t
}

func counted[K comparable](counts map[K]int64, key K) map[K]int64 {
	out := maps.Clone(counts)
	if out == nil {
		out = map[K]int64{}
	}
	out[key]++
	return out
}

// Status tells how things stand. It may be called at any time, from any goroutine.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *Follower) update(change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}
