package gitsync

import (
	"errors"
	"time"

	"github.com/rs/zerolog"
)

// Fields of the log records.
const (
	fieldEvent      = "event"
	fieldRepository = "repository"
	fieldBranch     = "branch"
	fieldCommit     = "commit"
	fieldAuthor     = "author"
	fieldSubject    = "subject"
	fieldDurationMs = "durationMs"
	fieldFailures   = "failures"
	fieldFile       = "file"

	eventSync = "sync"
)

// repeatWarning is how long the same failure stays unsaid after it was logged.
const repeatWarning = 10 * time.Minute

// journal writes the records event=sync. A failure is told when it begins, when
// its kind changes, and now and then while it lasts.
type journal struct {
	log  zerolog.Logger
	told string // the failure that lasts
	at   time.Time
}

func newJournal(log zerolog.Logger, repository, branch string) *journal {
	return &journal{log: log.With().Str(fieldEvent, eventSync).Str(fieldRepository, repository).Str(fieldBranch, branch).Logger()}
}

func (j *journal) unchanged(commit string, took time.Duration) {
	j.succeeded(commit)
	j.log.Debug().Str(fieldCommit, commit).Int64(fieldDurationMs, took.Milliseconds()).Msg("unchanged")
}

func (j *journal) taken(h Head, took time.Duration) {
	j.succeeded(h.Commit)
	j.log.Info().Str(fieldCommit, h.Commit).Str(fieldAuthor, h.Author).Str(fieldSubject, h.Subject).
		Int64(fieldDurationMs, took.Milliseconds()).Msg("new revision taken")
}

func (j *journal) refused(commit string, took time.Duration) {
	j.succeeded(commit)
	j.log.Debug().Str(fieldCommit, commit).Int64(fieldDurationMs, took.Milliseconds()).Msg("new revision refused")
}

func (j *journal) restored(h Head, saved time.Time) {
	j.log.Info().Str(fieldCommit, h.Commit).Time("saved", saved).Msg("last good revision taken from the state folder")
}

func (j *journal) state(err error, file, what string) {
	j.log.Warn().Err(err).Str(fieldFile, file).Msg(what)
}

func (j *journal) succeeded(commit string) {
	if j.told != "" {
		j.log.Info().Str(fieldCommit, commit).Msg("the repository is readable again")
	}
	j.told = ""
}

func (j *journal) failed(err error, failures int, live bool) {
	what := err.Error()
	if p, ok := errors.AsType[*problem](err); ok {
		what = p.kind.Error() // details such as a port differ each time
	}
	if what == j.told && time.Since(j.at) < repeatWarning {
		return
	}
	j.told, j.at = what, time.Now()
	message := "sync failed; nothing serves yet"
	if live {
		message = "sync failed; the last good revision serves on"
	}
	j.log.Warn().Err(err).Int(fieldFailures, failures).Msg(message)
}
