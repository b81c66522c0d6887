package mirror

import (
	"net/http"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Changes are how the copies for a mirror differ from the requests that they are
// copies of: as the version and then the mirror have it. What the mirror says of path
// and host stands in place of what the version does. They are immutable.
type Changes struct {
	header http.Header // that is set, with the mark
	rules  *forward.Rules
	path   schema.PathRule
	host   string // that copies ask for; empty: the replica's
	edits  []*edit.Edit
}

// NewChanges makes the changes for the mirror of a name: its own header and rules come
// after those of the version.
func NewChanges(name string, version *deployments.Version, header http.Header, rules deployments.Rules) Changes {
	var c Changes
	c.header, c.rules = forward.CopyRules(version.Header, header, version.Rules, rules)
	c.host = c.header.Get("Host")
	for _, r := range []deployments.Rules{version.Rules, rules} {
		if e := edit.Of(r); e != nil {
			c.edits = append(c.edits, e)
		}
	}
	c.header[forward.MirrorMark] = []string{name}
	if c.path = rules.Path; c.path == (schema.PathRule{}) {
		c.path = version.Rules.Path
	}
	return c
}

// Fill says what a copy of r consists of: values of its own, nothing of the live
// request. rest is what of the caller's path comes below the endpoint's, escaped. It
// must be called when forward.AppendCopyFields may be.
func (c *Changes) Fill(copied *Copy, f *forward.Forwarder, r *http.Request, rest string) {
	copied.Method, copied.Path, copied.Query = r.Method, c.path.Of(rest), r.URL.RawQuery
	copied.Edits, copied.Host = c.edits, c.host
	copied.Fields = f.AppendCopyFields(copied.Fields, r, c.header, c.rules, copied.Record.Trace.Sent())
}
