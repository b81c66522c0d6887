package commitstatus

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// result is what became of one try or one status.
type result string

const (
	resultSent    result = "sent"
	resultRetried result = "retried" // a try that failed and is repeated
	resultFailed  result = "failed"  // given up
	resultDropped result = "dropped" // too many waited
)

func newCounts() *prometheus.CounterVec {
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchyard_commit_statuses_total",
		Help: "Commit statuses by what became of them; retried counts tries that are repeated.",
	}, []string{"result"})
	for _, r := range []result{resultSent, resultRetried, resultFailed, resultDropped} {
		counts.WithLabelValues(string(r))
	}
	return counts
}

func (r *Reporter) count(what result) { r.counts.WithLabelValues(string(what)).Inc() }

// quiet is how long nothing is said after a failure was told.
const quiet = time.Minute

// Fields of the lines with event=commit_status.
const (
	fieldEvent  = "event"
	fieldCommit = "commit"
	fieldState  = "state"
	fieldFailed = "failed"

	eventStatus = "commit_status"
)

// journal logs failures, at most one a minute.
type journal struct {
	log zerolog.Logger

	mu     sync.Mutex
	at     time.Time // of the last line
	untold int       // failures since
}

func (j *journal) sent(s Status) {
	j.log.Debug().Str(fieldEvent, eventStatus).Str(fieldCommit, s.Commit).Str(fieldState, string(s.State)).Msg("commit status reported")
}

func (j *journal) failed(s Status, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.untold++
	if !j.at.IsZero() && time.Since(j.at) < quiet {
		return
	}
	j.log.Warn().Str(fieldEvent, eventStatus).Str(fieldCommit, s.Commit).Str(fieldState, string(s.State)).
		Int(fieldFailed, j.untold).Err(err).Msg("a commit status could not be reported; what serves is not affected")
	j.at, j.untold = time.Now(), 0
}
