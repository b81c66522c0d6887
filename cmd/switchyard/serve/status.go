package serve

import (
	"errors"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/signature"
	"github.com/switchyard-gateway/switchyard/schema"
)

// syncStatus is how /status shows how syncing goes.
type syncStatus struct {
	Repository  string         `json:"repository"`
	Branch      string         `json:"branch"`
	LastAttempt *time.Time     `json:"lastAttempt"`     // null before the first
	LastSuccess *time.Time     `json:"lastSuccess"`     // null while the repository was never read
	Error       *string        `json:"error"`           // of the last sync; null if it read the repository
	Failures    int            `json:"failures"`        // in a row
	Source      gitsync.Source `json:"source"`          // of what serves: git or state
	Stale       bool           `json:"stale"`           // what serves was kept from an earlier run, and nothing newer could be read
	StaleFor    *float64       `json:"staleForSeconds"` // since the last success; null while the repository was never read

	Branches map[string]branchStatus     `json:"branches"`   // of what serves
	Signers  map[string]signature.Signer `json:"signers"`    // of what serves, by branch; null unless commits are verified
	Pinned   *gitsync.Pin                `json:"pinned"`     // null if nothing is
	Pending  *pendingStatus              `json:"pending"`    // the newest revision, good but held back by the pin; null if there is none
	Held     *heldStatus                 `json:"held"`       // null if nothing is
	Distrust *string                     `json:"untrusted"`  // why the newest revision is refused for its signatures; null if it is not
	Unkept   *string                     `json:"stateError"` // why what serves could not be kept for the next start; null if it is

	LastSync syncFigures      `json:"lastSync"`
	Totals   totalFigures     `json:"totals"`  // since the start
	Webhook  map[string]int64 `json:"webhook"` // deliveries since the start by what became of them; null without a webhook
}

type branchStatus struct {
	branchTip
	AgeSeconds float64 `json:"ageSeconds"` // since it was committed
}

type pendingStatus struct {
	Commit   string               `json:"commit"`
	Branches map[string]branchTip `json:"branches"`
}

type heldStatus struct {
	Reason   gitsync.Reason `json:"reason"`
	Commit   string         `json:"commit,omitempty"` // what POST /sync?accept= takes; absent when there is nothing that could be accepted
	Since    time.Time      `json:"since"`
	Vanished []string       `json:"vanished,omitempty"`
	Of       int            `json:"of,omitempty"`
}

// syncFigures are what the last sync, and the last revision that served, took.
type syncFigures struct {
	Mode      gitsync.Mode `json:"mode"` // unchanged, incremental, fresh or fallback; empty if it failed before
	ListMs    float64      `json:"listMs"`
	FetchMs   float64      `json:"fetchMs"`
	Bytes     int64        `json:"bytes"`
	ParseMs   float64      `json:"parseMs"` // this and the next are of the last revision that began to serve
	CompileMs float64      `json:"compileMs"`
	SwapMs    float64      `json:"swapMs"`
}

type totalFigures struct {
	Reads    map[gitsync.Mode]int64   `json:"reads"`
	Failed   int64                    `json:"failed"`
	Bytes    int64                    `json:"bytes"`
	Taken    int64                    `json:"taken"`
	Refused  int64                    `json:"refused"`
	Held     map[gitsync.Reason]int64 `json:"held"`
	Rebuilt  int64                    `json:"rebuilt"`
	Differed int64                    `json:"differed"` // times that what was held was found to be another than what is in the repository
}

func newSyncStatus(s gitsync.Status, applied gateway.Applied, deliveries map[string]int64) syncStatus {
	return syncStatus{
		Repository:  s.Repository,
		Branch:      s.Branch,
		LastAttempt: unlessZero(s.LastAttempt),
		LastSuccess: unlessZero(s.LastSuccess),
		Error:       textOf(s.LastError),
		Failures:    s.Failures,
		Source:      s.Source,
		Stale:       s.Stale,
		StaleFor:    sinceUnlessZero(s.LastSuccess),
		Branches:    newBranchStatus(s.Live),
		Signers:     s.Signers,
		Pinned:      s.Pin,
		Pending:     newPending(s.Pending),
		Held:        newHeld(s.Held),
		Distrust:    distrust(s.Rejected),
		Unkept:      textOf(s.Unkept),
		LastSync: syncFigures{
			Mode: s.LastRead.Mode, Bytes: s.LastRead.Bytes,
			ListMs: milliseconds(s.LastRead.List), FetchMs: milliseconds(s.LastRead.Fetch),
			ParseMs: milliseconds(applied.Last.Parse), CompileMs: milliseconds(applied.Last.Compile), SwapMs: milliseconds(applied.Last.Swap),
		},
		Totals: totalFigures{
			Reads: s.Totals.Reads, Failed: s.Totals.Failed, Bytes: s.Totals.Bytes, Taken: s.Totals.Taken,
			Refused: s.Totals.Refused, Held: s.Totals.Held, Rebuilt: s.Totals.Rebuilt,
			Differed: s.Totals.Differed,
		},
		Webhook: deliveries,
	}
}

func newBranchStatus(live *gitsync.Revision) map[string]branchStatus {
	if live == nil {
		return nil
	}
	out := make(map[string]branchStatus, len(live.Heads))
	for branch, tip := range newBranchTips(live.Heads) {
		out[branch] = branchStatus{branchTip: tip, AgeSeconds: time.Since(tip.Time).Seconds()}
	}
	return out
}

func newPending(r *gitsync.Revision) *pendingStatus {
	if r == nil {
		return nil
	}
	return &pendingStatus{Commit: r.Commit(), Branches: newBranchTips(r.Heads)}
}

// refusal is how /status shows the newest revision if it was refused; nil if not.
func refusal(r *gitsync.Rejected) *gateway.Refusal {
	if r == nil {
		return nil
	}
	out := &gateway.Refusal{Commit: r.Revision.Commit(), Time: r.Time}
	problems, ok := errors.AsType[schema.Diagnostics](r.Err)
	if !ok {
		out.Diagnostics = []string{r.Err.Error()}
	}
	for _, d := range problems {
		out.Diagnostics = append(out.Diagnostics, d.String())
	}
	return out
}

// distrust is why a revision is refused for its signatures; nil if it is not.
func distrust(r *gitsync.Rejected) *string {
	if r == nil || !untrusted(r.Err) {
		return nil
	}
	return textOf(r.Err)
}

func untrusted(err error) bool {
	return errors.Is(err, gitsync.ErrUnverified) || errors.Is(err, gitsync.ErrRewound)
}

func newHeld(h *gitsync.Held) *heldStatus {
	if h == nil {
		return nil
	}
	return &heldStatus{Reason: h.Reason, Commit: h.Commit, Since: h.Since, Vanished: h.Vanished, Of: h.Of}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func textOf(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	return &text
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func sinceUnlessZero(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	seconds := time.Since(t).Seconds()
	return &seconds
}
