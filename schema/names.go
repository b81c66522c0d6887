package schema

import (
	"fmt"
	"strings"
)

// longestName bounds every name, in bytes: names go into each record and into
// header fields.
const longestName = 128

const (
	labelForm    = "letters, digits, _ . and -, beginning with a letter or a digit"
	endpointForm = "small letters a to z, digits and _"
)

// IsLabel reports whether s can name a backend, a mirror, a deployment or an
// alias: [A-Za-z0-9][A-Za-z0-9_.-]*, at most 128 bytes.
func IsLabel(s string) bool {
	if s == "" || len(s) > longestName || !alphanumeric(s[0]) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7F || !alphanumeric(byte(r)) && r != '_' && r != '.' && r != '-'
	})
}

// IsEndpointName reports whether s can name an endpoint: [a-z0-9_]+, at most
// 128 bytes.
func IsEndpointName(s string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2: the name of
// a header field, a cookie or a method.
func isToken(s string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7F || !alphanumeric(byte(r)) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// label is a name that is written as a value.
func (d *document) label(n node, what string) (Value[string], bool) {
	v, ok := d.str(n, what)
	if ok && !IsLabel(v.V) {
		d.badName(v, what)
		return Value[string]{}, false
	}
	return v, ok
}

func (d *document) badName(v Value[string], what string) {
	if len(v.V) > longestName {
		d.report(v.Pos, RuleName, "%s is longer than %d bytes", what, longestName)
		return
	}
	d.report(v.Pos, RuleName, "%s cannot be %s; it takes %s", what, quoted(v.V), labelForm)
}

// branch is the name of a git branch.
func (d *document) branch(n node, what string) (Value[string], bool) {
	v, ok := d.str(n, what)
	if !ok {
		return v, false
	}
	if problem := branchProblem(v.V); problem != "" {
		d.report(v.Pos, RuleName, "%s cannot be %s: %s", what, quoted(v.V), problem)
		return Value[string]{}, false
	}
	return v, true
}

// branchProblem says why git would refuse a branch of that name, after
// git-check-ref-format(1); it is empty for a good one.
func branchProblem(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > 255:
		return "it is longer than 255 bytes"
	case s == "HEAD" || strings.HasPrefix(s, "refs/"):
		return "a branch goes by its plain name, such as main"
	case strings.HasPrefix(s, "-"):
		return "it begins with -"
	case strings.HasSuffix(s, "."), strings.Contains(s, ".."), strings.Contains(s, "@{"), s == "@":
		return "git does not allow .. or @{ in it, nor . at its end"
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return "git allows no part between slashes that is empty, begins with . or ends with .lock"
		}
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7F || strings.ContainsRune(`~^:?*[\`, r) {
			return fmt.Sprintf("git does not allow %q in it", r)
		}
	}
	return ""
}
