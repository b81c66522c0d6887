package schema

import (
	"fmt"
	"strings"
)

// longestPath bounds the path of an endpoint, in bytes.
const longestPath = 255

// ReservedPaths lists the prefixes of the public listener that no endpoint can
// take.
func ReservedPaths() []string { return []string{"/v1", "/-", "/openai"} }

// PathsOverlap reports whether one of two path prefixes lies under the other or
// is the same. Only whole segments count: /user and /users do not overlap.
func PathsOverlap(a, b string) bool {
	return under(a, b) || under(b, a)
}

func under(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// path is a prefix of the public listener. It is matched as it is written, so
// that whatever could be written in two ways is refused.
func (d *document) path(n node) (Value[string], bool) {
	v, ok := d.str(n, "path")
	if !ok {
		return v, false
	}
	if problem := pathProblem(v.V); problem != "" {
		d.report(v.Pos, RuleValue, "path cannot be %s: %s", quoted(v.V), problem)
		return Value[string]{}, false
	}
	for _, reserved := range ReservedPaths() {
		if PathsOverlap(v.V, reserved) {
			d.report(v.Pos, RuleConflict, "path %s overlaps %s; reserved are %s", quoted(v.V), reserved, strings.Join(ReservedPaths(), ", "))
			return Value[string]{}, false
		}
	}
	return v, true
}

// pathProblem says why s is no path prefix; it is empty for a good one.
func pathProblem(s string) string {
	switch {
	case !strings.HasPrefix(s, "/"):
		return "it must begin with /"
	case s == "/":
		return "it must name at least one segment, such as /user"
	case len(s) > longestPath:
		return fmt.Sprintf("it is longer than %d bytes", longestPath)
	case strings.HasSuffix(s, "/"):
		return "it must not end with /; whatever lies under it is served anyway"
	}
	for segment := range strings.SplitSeq(s[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "no segment can be empty, . or .."
		}
	}
	for _, r := range s {
		if r > 0x7F || !alphanumeric(byte(r)) && !strings.ContainsRune("/-._~", r) {
			return fmt.Sprintf("it cannot hold %q; it takes letters, digits, - . _ ~ and /", r)
		}
	}
	return ""
}
