package gitsync

import "time"

// Mode is how a read of the repository came by its objects.
type Mode string

// The modes of a read.
const (
	ModeNone        Mode = ""            // the read failed before any object was asked for
	ModeUnchanged   Mode = "unchanged"   // no branch had moved
	ModeIncremental Mode = "incremental" // what differs from the revision that was held
	ModeFresh       Mode = "fresh"       // everything, as nothing was held
	ModeFallback    Mode = "fallback"    // everything, as what was held could not be brought up to date
)

// next is the mode of an attempt after one in mode m, with or without objects held.
func (m Mode) next(held bool) Mode {
	switch {
	case held:
		return ModeIncremental
	case m == ModeIncremental || m == ModeFallback:
		return ModeFallback
	default:
		return ModeFresh
	}
}

// Fetched is what one read of the repository did and cost, all its attempts together.
type Fetched struct {
	Mode  Mode
	List  time.Duration // connecting, and asking where the branches stand
	Fetch time.Duration // receiving objects and checking them; 0 when none were asked for
	Bytes int64         // received from the server; 0 for a repository on this machine
	// Differed is set when the same commits, read anew to check what is held, had
	// other content. What was read anew is what was given.
	Differed bool
}
