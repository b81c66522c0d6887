package gitsync

import "time"

// Source is where the live revision was read.
type Source string

// The sources of a live revision.
const (
	SourceNone  Source = ""      // nothing is live
	SourceGit   Source = "git"   // read from the repository
	SourceState Source = "state" // kept from an earlier run
)

// Status is what a follower knows at one moment.
type Status struct {
	Repository  string    // URL or path without credentials
	Branch      string    // the endpoints branch
	LastAttempt time.Time // begin of the last finished sync; zero before the first
	LastSuccess time.Time // begin of the last sync that read the repository; zero if none did
	LastError   error     // of the last sync; nil if it read the repository
	Failures    int       // syncs that failed in a row
	Live        *Revision // what Take accepted last; nil if nothing
	LiveSince   time.Time // when Take accepted it
	Source      Source    // where Live was read
	// Stale is set while Live comes from the state folder and no sync has
	// succeeded since.
	Stale    bool
	Rejected *Rejected // the newest revision, if Take refused it; nil otherwise
}

// Rejected is a revision that Take refused.
type Rejected struct {
	Revision *Revision
	Err      error // what Take returned
	Time     time.Time
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
