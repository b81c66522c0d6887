package plan

import (
	"maps"
	"slices"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// setting is a key and whether what it says differs.
type setting struct {
	key    string
	differ bool
}

// differing are the keys of the settings that differ.
func differing(all ...setting) []string {
	var keys []string
	for _, s := range all {
		if s.differ {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// changedRules names what differs in how requests are changed on their way, by
// its key. Header fields that are set are compared one by one elsewhere.
func changedRules(was, is *schema.Rules) []string {
	return differing(
		setting{"path", was.Path != is.Path},
		setting{"host", was.Host != is.Host},
		setting{"headers.add", !maps.Equal(headersOf(was.Added), headersOf(is.Added))},
		setting{"headers.remove", changed(texts(was.Removed), texts(is.Removed)) != nil},
		setting{"forwardAuthorization", was.ForwardAuthorization != is.ForwardAuthorization},
		setting{"body", !was.Body.Same(&is.Body)},
		setting{"model", was.Model.V != is.Model.V},
	)
}

// mirrorOf is a mirror of an endpoint by its name; nil if it is not there or off.
func mirrorOf(e *endpoints.Endpoint, name string) *endpoints.Mirror {
	i := slices.IndexFunc(e.Mirrors, func(m endpoints.Mirror) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Mirrors[i]
}

// changedCopies names what differs in how copies are changed on their way, by its
// key. Nothing is said of a mirror that is, or was, off.
func changedCopies(was, is *endpoints.Mirror) []string {
	if was == nil || is == nil {
		return nil
	}
	same := func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) }
	host := func(m *endpoints.Mirror) string { return m.Header.Get("Host") }
	header := func(m *endpoints.Mirror) map[string][]string {
		h := m.Header.Clone()
		h.Del("Host")
		return h
	}
	return differing(
		setting{"path", was.Rules.Path != is.Rules.Path},
		setting{"host", host(was) != host(is)},
		setting{"headers", !same(header(was), header(is)) || !same(was.Rules.Add, is.Rules.Add) || !slices.Equal(was.Rules.Remove, is.Rules.Remove)},
		setting{"forwardAuthorization", was.Rules.Strip != is.Rules.Strip},
		setting{"body", !was.Rules.Body.Equal(&is.Rules.Body)},
	)
}
