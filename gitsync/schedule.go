package gitsync

import (
	"errors"
	"time"
)

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
	// longestObeyed bounds what a server's Retry-After may ask for: above it is
	// more likely wrong than meant.
	longestObeyed = time.Hour
	// rebuildAfter is how many poll intervals without a success end all that was
	// made since the start: connections, objects, what was read from files.
	rebuildAfter = 10
)

// pause is the time until the next poll after failures in a row. asked is how
// long the server asked to be left alone, 0 if it did not. random gives a number
// in [0, 1).
//
// A poll moves by 20 % either way, so that many gateways spread. A failure backs
// off exponentially with full jitter, but for a tenth: never in a tight loop.
// What a server asks for is never cut short, and stretched by up to a tenth.
func pause(poll time.Duration, failures int, asked time.Duration, random func() float64) time.Duration {
	if asked > 0 {
		asked = min(asked, longestObeyed)
		return asked + time.Duration(float64(asked)*0.1*random())
	}
	if failures == 0 {
		return time.Duration(float64(poll) * (0.8 + 0.4*random()))
	}
	first := min(firstRetry, poll)
	most := lastRetry
	if failures < 20 {
		most = min(first<<(failures-1), lastRetry)
	}
	return time.Duration(float64(most) * (0.1 + 0.9*random()))
}

// outage tells whether a failed sync is one of the server or the way to it. The
// others are answers, such as that the branch was deleted: asking on at the
// usual pace costs nothing, and notices at once when it is corrected.
func outage(err error) bool {
	if _, rejected := errors.AsType[*RejectedError](err); rejected {
		return false
	}
	for _, answer := range []error{ErrEmpty, ErrNoBranch, ErrNoEndpoints, ErrVanished, ErrPinned} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return true
}
