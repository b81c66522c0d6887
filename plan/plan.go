package plan

import (
	"encoding/json"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Plan is what one revision would change against another. Its JSON form is
// described by JSONSchema; fields are only added to it.
type Plan struct {
	SchemaVersion int          `json:"schemaVersion"` // 1
	From          Source       `json:"from"`
	To            Source       `json:"to"`
	Notes         []string     `json:"notes"`   // what to know when reading it
	Changes       bool         `json:"changes"` // whether anything changes that serves
	Summary       Summary      `json:"summary"`
	Endpoints     []Endpoint   `json:"endpoints"`   // those with changes: first the removed, then the changed by how many callers it touches, then the added
	Deployments   []Deployment `json:"deployments"` // those with changes, used or not, by branch and name
	Keys          []Key        `json:"keys"`        // API keys with changes, by name

	branch string // the endpoints branch, which goes without saying
}

// Source is a revision that was compared.
type Source struct {
	Name     string `json:"name"`
	Commit   string `json:"commit"`   // of the endpoints branch; empty for a work tree
	Problems int    `json:"problems"` // above 0: it is refused, and was compared as if it were empty
}

// Summary counts the endpoints.
type Summary struct {
	Added     int    `json:"added"`
	Removed   int    `json:"removed"`
	Changed   int    `json:"changed"`
	Unchanged int    `json:"unchanged"`
	Text      string `json:"text"` // all of it in one line
}

// Kind says what happens to a part of a revision.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// Change is a value before and after.
type Change[T any] struct {
	From T `json:"from"`
	To   T `json:"to"`
}

// Endpoint is an endpoint that changes. Of one that is added or removed, the
// single values are those that it has or had.
type Endpoint struct {
	Name       string            `json:"name"`
	Change     Kind              `json:"change"`
	Path       *Change[string]   `json:"path,omitempty"`       // nil: as before
	PathTaker  string            `json:"pathTaker,omitempty"`  // the endpoint that serves Path.From afterwards; empty: none, its callers get 404
	Fallback   *Change[string]   `json:"fallback,omitempty"`   // such as "backup on connect, 503"; empty: none; nil: as before
	Timeout    *Change[string]   `json:"timeout,omitempty"`    // durations such as 1m30s; nil: as before
	Assignment *Change[[]string] `json:"assignment,omitempty"` // ladders of keys, empty: at random; nil: as before
	Sampling   *Change[[]string] `json:"sampling,omitempty"`   // nil: as before
	Capture    *Change[*Capture] `json:"capture,omitempty"`    // a nil side: nothing is captured; nil: as before
	Settings   []Setting         `json:"settings"`             // others that change; of an endpoint that is added, those that it has
	Backends   []Backend         `json:"backends"`             // those that change, in the order of the file
	Mirrors    []Mirror          `json:"mirrors"`              // likewise
	Live       *Live             `json:"live,omitempty"`       // nil unless the endpoint is there before and after
}

// Backend is a backend that changes, be it only that its share does.
type Backend struct {
	Name      string        `json:"name"`
	Change    Kind          `json:"change"`
	From      *BackendState `json:"from,omitempty"`
	To        *BackendState `json:"to,omitempty"`
	Redefined bool          `json:"redefined"` // the version is the same, but what is declared of it is not
}

// BackendState is a backend in one revision.
type BackendState struct {
	Deployment *Deployed       `json:"deployment,omitempty"`
	Static     json.RawMessage `json:"static,omitempty"` // instead of Deployment
	Weight     float64         `json:"weight"`
	Share      float64         `json:"share"` // of subjects, or of requests without one; in [0, 1]
}

// Mirror is a mirror that changes.
type Mirror struct {
	Name            string       `json:"name"`
	Change          Kind         `json:"change"`
	From            *MirrorState `json:"from,omitempty"`
	To              *MirrorState `json:"to,omitempty"`
	Redefined       bool         `json:"redefined"`          // as in Backend
	NewlySampled    float64      `json:"newlySampled"`       // share of subjects whose requests are copied now and were not before
	NoLongerSampled float64      `json:"noLongerSampled"`    // share of subjects whose requests were copied and no longer are
	Settings        []string     `json:"settings,omitempty"` // keys of it that say something else about its copies
}

// MirrorState is a mirror in one revision.
type MirrorState struct {
	Deployment Deployed `json:"deployment"`
	Percent    float64  `json:"percent"` // in (0, 100]
	Enabled    bool     `json:"enabled"`
	// How its answers are judged, as it is written: {} for the default.
	Compare json.RawMessage `json:"compare"` // false: they are not compared
	Noise   bool            `json:"noise"`
	Gates   json.RawMessage `json:"gates"` // null: none
}

// Deployed is a resolved version of a deployment.
type Deployed struct {
	Branch  string `json:"branch"`
	Name    string `json:"name"`
	Version int    `json:"version"` // 0: not resolved, since only a mirror names it that is off
	Alias   string `json:"alias"`   // latest, an alias, or empty when named by its number
}

// Rebound says which subjects are drawn anew because the ladder of keys differs.
type Rebound string

// Who is drawn anew.
const (
	ReboundNone Rebound = "none" // the keys are the same, or some are added behind them
	ReboundSome Rebound = "some" // the first keys are the same; those are drawn anew who have none of them
	ReboundAll  Rebound = "all"  // the first key is another one, or there is none any longer
)

// What shares are shares of.
const (
	OfSubjects = "subjects"
	OfRequests = "requests" // nobody was bound to a backend before
)

// Live is what happens to the callers of an endpoint. Shares are in [0, 1], and
// exact expectations; see the package text.
type Live struct {
	Of          string  `json:"of"` // OfSubjects or OfRequests
	Rebound     Rebound `json:"rebound"`
	Moved       float64 `json:"moved"`       // get another backend, leaving out who is drawn anew with ReboundSome
	MovedAnew   float64 `json:"movedAnew"`   // of those who are drawn anew, how many get another backend
	Moves       []Move  `json:"moves"`       // from whom to whom, the largest first, at most 100; none of requests
	OtherAnswer float64 `json:"otherAnswer"` // are answered by another deployment, version or static value, leaving out the same
}

// Move is the share of subjects that leave one backend for another.
type Move struct {
	From  string  `json:"from"`
	To    string  `json:"to"`
	Share float64 `json:"share"`
}

// Deployment is a deployment whose declaration changes.
type Deployment struct {
	Branch   string    `json:"branch"`
	Name     string    `json:"name"`
	Change   Kind      `json:"change"`
	Versions []Version `json:"versions"` // those that change, by number
	Aliases  []Alias   `json:"aliases"`  // likewise, by name
}

// Version is a version that changes. Of one that is added the values are those
// that it has. Headers are named and their values are not told, since they may
// be secret.
type Version struct {
	Number         int               `json:"number"`
	Change         Kind              `json:"change"`
	URLs           *Change[[]string] `json:"urls,omitempty"`    // nil: as before
	Methods        *Change[[]string] `json:"methods,omitempty"` // empty: any; nil: as before
	HeadersAdded   []string          `json:"headersAdded"`
	HeadersRemoved []string          `json:"headersRemoved"`
	HeadersChanged []string          `json:"headersChanged"`
	Settings       []string          `json:"settings,omitempty"` // those that change of how replicas serve, such as balance; sorted
	UsedBy         []Use             `json:"usedBy"`             // before or after, sorted
}

// Use is a backend or mirror that a version answers.
type Use struct {
	Endpoint string `json:"endpoint"`
	Name     string `json:"name"` // of the backend or mirror
	Mirror   bool   `json:"mirror"`
}

// Alias is an alias that changes.
type Alias struct {
	Name string `json:"name"`
	From int    `json:"from"` // 0: it was not there
	To   int    `json:"to"`   // 0: it is no longer there
}

// written is the reference of a mirror that is off.
func written(ref schema.DeploymentRef) Deployed {
	return Deployed{Branch: ref.Branch.V, Name: ref.Name.V, Version: ref.Version.V.Number, Alias: ref.Version.V.Alias}
}
