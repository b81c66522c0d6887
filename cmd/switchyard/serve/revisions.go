package serve

import (
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// KeptRevision is what a list of kept revisions shows of one.
type KeptRevision struct {
	Number   int                  `json:"number"`
	Live     bool                 `json:"live"`
	Pinned   bool                 `json:"pinned"`
	Branch   string               `json:"branch,omitempty"`
	Commit   string               `json:"commit"` // of the endpoints branch, as are author, subject and time
	Author   string               `json:"author,omitempty"`
	Subject  string               `json:"subject,omitempty"`
	Time     *time.Time           `json:"time,omitempty"`     // when it was committed
	Served   *time.Time           `json:"served,omitempty"`   // when it began to serve
	Branches map[string]branchTip `json:"branches,omitempty"` // all that were read
	Changes  *gitsync.Changes     `json:"changes,omitempty"`  // since the one that was kept before
	Error    string               `json:"error,omitempty"`    // why it cannot be used
}

// branchTip is one branch of a revision.
type branchTip struct {
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
}

func newBranchTips(heads map[string]gitsync.Head) map[string]branchTip {
	out := make(map[string]branchTip, len(heads))
	for branch, h := range heads {
		out[branch] = branchTip{Commit: h.Commit, Author: h.Author, Subject: h.Subject, Time: h.Time}
	}
	return out
}

// NewRevisions is what a list of kept revisions shows.
func NewRevisions(list []gitsync.Kept) []KeptRevision {
	out := make([]KeptRevision, len(list))
	for i, k := range list {
		tip := k.Heads[k.Branch]
		out[i] = KeptRevision{Number: k.Number, Live: k.Live, Pinned: k.Pinned, Branch: k.Branch, Commit: tip.Commit}
		if k.Err != nil {
			out[i].Error = k.Err.Error()
			continue
		}
		out[i].Author, out[i].Subject, out[i].Time = tip.Author, tip.Subject, &tip.Time
		out[i].Served, out[i].Changes, out[i].Branches = &list[i].Saved, &list[i].Changes, newBranchTips(k.Heads)
	}
	return out
}
