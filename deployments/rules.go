package deployments

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Rules say how requests are changed on their way, beside what is set in their
// header. They are immutable. The zero value changes nothing.
type Rules struct {
	Path   schema.PathRule
	Add    http.Header // beside what the caller sent, secrets filled in; never log it
	Remove []string    // names of fields that the caller may have sent, canonical
	Strip  bool        // the caller's credentials are left out: schema.Credentials
	Body   Body
	Model  string // set at /model of bodies as well; empty: nothing is
}

// Body is what is changed in bodies that are JSON objects.
type Body struct {
	Set    []Member
	Remove []string // JSON pointers
}

// Member is what a JSON pointer leads to, as compact JSON.
type Member struct {
	Pointer string
	Value   []byte
}

// expansion fills in what stands for secrets in a header's value.
type expansion func(h schema.Header) (string, schema.Diagnostics)

// written takes a value as it is.
func written(h schema.Header) (string, schema.Diagnostics) { return h.Value.V, nil }

// NewRules makes rules, and the header that is set, of what is declared without
// secrets. The header has "Host" where another one than the replica's is asked for.
func NewRules(declared *schema.Rules) (set http.Header, r Rules) {
	set, r, _ = newRules(declared, written)
	return set, r
}

func newRules(declared *schema.Rules, expand expansion) (set http.Header, r Rules, problems schema.Diagnostics) {
	set, problems = newHeader(declared.Headers, expand)
	add, more := newHeader(declared.Added, expand)
	if declared.Host != "" {
		if set == nil {
			set = http.Header{}
		}
		set["Host"] = []string{declared.Host}
	}
	r = Rules{Path: declared.Path, Add: add, Strip: !declared.ForwardAuthorization}
	r.Model = declared.Model.V
	for _, name := range declared.Removed {
		r.Remove = append(r.Remove, name.V)
	}
	for _, m := range declared.Body.Set {
		r.Body.Set = append(r.Body.Set, Member{m.Pointer.V, m.Value})
	}
	for _, pointer := range declared.Body.Remove {
		r.Body.Remove = append(r.Body.Remove, pointer.V)
	}
	return set, r, append(problems, more...)
}

// newHeader is nil where nothing is declared.
func newHeader(declared []schema.Header, expand expansion) (h http.Header, problems schema.Diagnostics) {
	if len(declared) > 0 {
		h = make(http.Header, len(declared)+1) // and Host
	}
	for _, d := range declared {
		value, more := expand(d)
		if problems = append(problems, more...); len(more) == 0 {
			h.Set(d.Name.V, value)
		}
	}
	return h, problems
}

// equal reports whether both change requests in the same way.
func (r *Rules) equal(s *Rules) bool {
	return r.Path == s.Path && r.Strip == s.Strip && r.Model == s.Model && slices.Equal(r.Remove, s.Remove) && sameHeader(r.Add, s.Add) &&
		r.Body.Equal(&s.Body)
}

// Equal reports whether both change bodies in the same way.
func (b *Body) Equal(c *Body) bool {
	same := func(m, n Member) bool { return m.Pointer == n.Pointer && bytes.Equal(m.Value, n.Value) }
	return slices.Equal(b.Remove, c.Remove) && slices.EqualFunc(b.Set, c.Set, same)
}
