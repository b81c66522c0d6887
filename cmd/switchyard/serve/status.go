package serve

import (
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// syncStatus is how /status shows how syncing goes.
type syncStatus struct {
	Repository  string         `json:"repository"`
	Branch      string         `json:"branch"`
	LastAttempt *time.Time     `json:"lastAttempt"` // null before the first
	LastSuccess *time.Time     `json:"lastSuccess"` // null while the repository was never read
	Error       *string        `json:"error"`       // of the last sync; null if it read the repository
	Failures    int            `json:"failures"`    // in a row
	Source      gitsync.Source `json:"source"`      // of what serves: git or state
	Stale       bool           `json:"stale"`       // what serves was kept from an earlier run, and nothing newer could be read
}

func newSyncStatus(s gitsync.Status) syncStatus {
	shown := syncStatus{
		Repository:  s.Repository,
		Branch:      s.Branch,
		LastAttempt: unlessZero(s.LastAttempt),
		LastSuccess: unlessZero(s.LastSuccess),
		Failures:    s.Failures,
		Source:      s.Source,
		Stale:       s.Stale,
	}
	if s.LastError != nil {
		text := s.LastError.Error()
		shown.Error = &text
	}
	return shown
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
