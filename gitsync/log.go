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
	fieldReason     = "reason"
	fieldPinned     = "pinned"

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

// refused tells why where nobody else does: Take tells of its own refusals, and is not
// asked about commits that nobody trusted has signed.
func (j *journal) refused(commit string, took time.Duration, err error) {
	j.succeeded(commit)
	if untrusted(err) {
		j.log.Error().Err(err).Str(fieldCommit, commit).Int64(fieldDurationMs, took.Milliseconds()).Msg("new revision refused; what served goes on")
		return
	}
	j.log.Debug().Str(fieldCommit, commit).Int64(fieldDurationMs, took.Milliseconds()).Msg("new revision refused")
}

func (j *journal) restored(h Head, saved time.Time) {
	j.log.Info().Str(fieldCommit, h.Commit).Time("saved", saved).Msg("last good revision taken from the state folder")
}

func (j *journal) state(err error, file, what string) {
	j.log.Warn().Err(err).Str(fieldFile, file).Msg(what)
}

// held is an error: it ends only when somebody accepts or corrects it.
func (j *journal) held(h *Held) {
	j.log.Error().Err(h.asError()).Str(fieldReason, string(h.Reason)).Str(fieldCommit, h.Commit).
		Msg("the newest revision is held; the last good one serves on")
}

func (j *journal) pinned(p Pin) {
	j.log.Info().Str(fieldCommit, p.Commit).Int("number", p.Number).Msg("revision is pinned; newer ones do not serve until it is unpinned")
}

func (j *journal) stuck(p Pin) {
	j.log.Error().Str(fieldPinned, p.Commit).Msg("nothing serves: the pinned revision is refused; it is offered again at each poll, until it is taken or unpinned")
}

func (j *journal) unpinned(commit, why string) {
	j.log.Info().Str(fieldPinned, commit).Msg(why)
}

func (j *journal) pending(commit, pinned string) {
	j.succeeded(commit)
	j.log.Info().Str(fieldCommit, commit).Str(fieldPinned, pinned).Msg("new revision is good, but another one is pinned")
}

func (j *journal) panicked(commit string, value any, stack []byte) {
	j.log.Error().Str(fieldCommit, commit).Interface("panic", value).Bytes("stack", stack).Msg("a revision ran into a bug")
}

func (j *journal) rebuilt(err error) {
	j.log.Warn().Err(err).Msg("nothing was read for ten intervals; client and store are made anew")
}

func (j *journal) differed() {
	j.log.Error().Msg("what was held of the repository differed from what is in it; it was read anew")
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
