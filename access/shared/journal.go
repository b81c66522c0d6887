package shared

import (
	"time"

	"github.com/rs/zerolog"
)

// The fields with which the log tells how the server is.
const (
	fieldEvent = "event"
	fieldTimes = "times"

	eventLimits = "limits"
)

// journal tells the log that the server is away and that it is back, of which it says
// nothing more for a while: under load a server that is slow now and then is away and back
// many times a second.
type journal struct {
	log   zerolog.Logger
	quiet time.Duration

	known bool      // it was told how the server is
	gone  bool      // it was told that the server is away, and not that it is back
	last  time.Time // when it was told to be away
	times int       // that it went away since, of which nothing is told
}

// lost says that the server went away.
func (j *journal) lost(err error) {
	if !j.gone {
		j.times++
	}
	j.away(err)
}

// away says that the server is still away.
func (j *journal) away(err error) {
	if j.gone || !j.last.IsZero() && time.Since(j.last) < j.quiet {
		return
	}
	j.log.Warn().Str(fieldEvent, eventLimits).Err(err).Int(fieldTimes, max(1, j.times)).
		Msg("the server of shared limits is away; each gateway keeps the limits for itself")
	j.known, j.gone, j.last, j.times = true, true, time.Now(), 0
}

// back says that the server answers.
func (j *journal) back() {
	if j.gone || !j.known {
		j.log.Info().Str(fieldEvent, eventLimits).Msg("the server of shared limits answers")
	}
	j.known, j.gone = true, false
}
