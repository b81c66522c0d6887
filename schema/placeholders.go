package schema

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// PlaceholderKind says where the value of a placeholder comes from.
type PlaceholderKind string

// The kinds of placeholders.
const (
	PlaceholderEnv  PlaceholderKind = "env"  // ${env:NAME}, an environment variable
	PlaceholderFile PlaceholderKind = "file" // ${file:PATH}, the content of a file
)

// Placeholder stands in a header's value for what must not stand in git.
type Placeholder struct {
	Kind   PlaceholderKind
	Name   string // of the variable, or the path of the file
	Offset int    // of its "${" in the value, in bytes
	Len    int    // up to and with its "}", in bytes
}

// String is the placeholder as it is written.
func (p Placeholder) String() string { return "${" + string(p.Kind) + ":" + p.Name + "}" }

// Placeholders lists the placeholders in a header's value, from front to back.
// Every "${" begins one; the error says what is wrong with the first bad one
// and repeats nothing else of the value.
func Placeholders(value string) ([]Placeholder, error) {
	var all []Placeholder
	for offset := 0; ; {
		i := strings.Index(value[offset:], "${")
		if i < 0 {
			return all, nil
		}
		offset += i
		p, err := placeholder(value[offset:])
		if err != nil {
			return nil, err
		}
		p.Offset = offset
		all = append(all, p)
		offset += p.Len
	}
}

// placeholder parses the placeholder at the start of s.
func placeholder(s string) (Placeholder, error) {
	inside, _, ok := strings.Cut(s[len("${"):], "}")
	if !ok {
		return Placeholder{}, errors.New("a ${ is not closed; write ${env:NAME} or ${file:PATH}")
	}
	kind, name, ok := strings.Cut(inside, ":")
	if !ok || kind != string(PlaceholderEnv) && kind != string(PlaceholderFile) {
		return Placeholder{}, fmt.Errorf("unknown placeholder ${%s}; write ${env:NAME} or ${file:PATH}", inside)
	}
	if kind == string(PlaceholderEnv) && !isVariable(name) {
		return Placeholder{}, fmt.Errorf("%s is no name of an environment variable; it takes letters, digits and _, not beginning with a digit", quoted(name))
	}
	if kind == string(PlaceholderFile) && (strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, "${")) {
		return Placeholder{}, fmt.Errorf("%s is no path of a file; write ${file:/path/to/secret}", quoted(name))
	}
	return Placeholder{Kind: PlaceholderKind(kind), Name: name, Len: len("${}") + len(inside)}, nil
}

func isVariable(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7F || !alphanumeric(byte(r)) && r != '_'
	})
}

// Expand is value with every placeholder replaced by what lookup says for it.
// What lookup returns is not looked into again. The first error ends it.
func Expand(value string, lookup func(Placeholder) (string, error)) (string, error) {
	all, err := Placeholders(value)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	end := 0
	for _, p := range all {
		secret, err := lookup(p)
		if err != nil {
			return "", err
		}
		b.WriteString(value[end:p.Offset])
		b.WriteString(secret)
		end = p.Offset + p.Len
	}
	b.WriteString(value[end:])
	return b.String(), nil
}
