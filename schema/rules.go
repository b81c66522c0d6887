package schema

// Rules say how a request is changed on its way to a version or a mirror. They
// are immutable.
type Rules struct {
	Path    PathRule
	Host    string          // that is asked for; empty: the replica's
	Headers []Header        // set on every request
	Added   []Header        // set beside what the caller sent
	Removed []Value[string] // names of fields, canonical, that the caller may have sent
	// ForwardAuthorization passes on the caller's credentials; see Credentials. Where
	// not written, it is true of versions and false of mirrors.
	ForwardAuthorization bool
	Body                 BodyRules
	Model                Value[string] // set at /model as well; empty, as it is of mirrors: nothing is
}

// PathRule says what is appended to the URL of a version instead of the rest of
// the caller's path. At most one of its fields is set.
type PathRule struct {
	Replace string // that; beginning with a slash, without . and .. for segments
	Prefix  string // that before the rest; likewise, without a slash at its end
}

// Of is what is appended to the URL. rest is empty or begins with a slash.
func (p PathRule) Of(rest string) string {
	if p.Replace != "" {
		return p.Replace
	}
	return p.Prefix + rest
}

// Credentials lists the header fields, canonical, by which callers prove who they
// are to deployments.
func Credentials() []string {
	return []string{"Api-Key", "Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-Goog-Api-Key"}
}
