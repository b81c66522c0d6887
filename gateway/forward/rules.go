package forward

import (
	"maps"
	"net/http"
	"slices"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Rules change the header of a request further than what is set in it. They are
// immutable; nil changes nothing.
type Rules struct {
	dropped []string    // names of the caller's fields that are not passed on
	added   http.Header // beside what the caller sent and what is set
}

// NewRules are the rules of live requests of a version that sets a header; nil when
// there are none.
func NewRules(set http.Header, r deployments.Rules) *Rules {
	return newRules(set, r.Remove, r.Strip, r.Add)
}

// newRules drops what is set as well: servers that take underscores for hyphens would
// have two fields of one name, and it is for them to say whose counts.
func newRules(set http.Header, remove []string, strip bool, add http.Header) *Rules {
	dropped := slices.AppendSeq(slices.Clone(remove), maps.Keys(set))
	if strip {
		dropped = append(dropped, schema.Credentials()...)
	}
	if len(dropped)+len(add) == 0 {
		return nil
	}
	return &Rules{dropped: dropped, added: add}
}

// CopyRules are the rules of copies for a mirror, and the header that is set on
// them: those of the version, and then those of the mirror.
func CopyRules(version, mirror http.Header, v, m deployments.Rules) (set http.Header, r *Rules) {
	set, added := http.Header{}, http.Header{}
	maps.Copy(set, version)
	maps.Copy(added, v.Add)
	for _, name := range m.Remove {
		delete(set, name)
		delete(added, name)
	}
	for name, values := range mirror {
		set[name] = values
		delete(added, name)
	}
	for name, values := range m.Add {
		added[name] = slices.Concat(added[name], values)
	}
	return set, newRules(set, slices.Concat(v.Remove, m.Remove), v.Strip || m.Strip, added)
}

// Drops reports whether a field of the caller's is not passed on. Names are
// compared as servers may take them: whatever their case, and with underscores for
// hyphens.
func (r *Rules) Drops(key string) bool {
	return r != nil && slices.ContainsFunc(r.dropped, func(name string) bool { return sameName(key, name) })
}

// drop removes what is not passed on from a caller's header.
func (r *Rules) drop(h http.Header) {
	if r == nil || len(r.dropped) == 0 {
		return
	}
	for key := range h {
		if r.Drops(key) {
			delete(h, key)
		}
	}
}

// add adds to the header as it is sent.
func (r *Rules) add(h http.Header) {
	if r == nil {
		return
	}
	for key, values := range r.added {
		h[key] = slices.Concat(h[key], values)
	}
}
