package schema

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// root is the root node of the only YAML document in the file.
func (d *document) root() (*yaml.Node, bool) {
	first, second, err := decode(d.text)
	switch {
	case err != nil:
		d.syntaxError(err)
		return nil, false
	case second != nil:
		d.report(d.at(second.Line, second.Column), RuleSyntax, "a second YAML document starts here; a file holds one")
		return nil, false
	case first == nil || first.Content[0].Tag == nullTag:
		d.report(d.at(1, 1), RuleSyntax, "the file is empty; it must hold a mapping that starts with schemaVersion: %d", SchemaVersion)
		return nil, false
	}
	return first.Content[0], true
}

// decode reads up to two documents of the text as nodes. Both are nil when the
// text holds nothing but comments.
func decode(text []byte) (first, second *yaml.Node, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var documents [2]*yaml.Node
	for i := range documents {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		documents[i] = &n
	}
	return documents[0], documents[1], nil
}

// syntaxError reports what yaml.v3 said, at the place that made it say so.
func (d *document) syntaxError(err error) {
	if i := conflict.FindIndex(d.text); i != nil {
		d.report(d.offset(i[0]), RuleSyntax, "git left an unresolved merge conflict here")
		return
	}
	at := d.culprit(err)
	problem := lineNumber.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
	if strings.Contains(problem, "exceeded max depth") {
		d.report(d.offset(at), RuleSize, "nested deeper than %d levels", maxDepth)
		return
	}
	if m := unknownAnchor.FindStringSubmatch(problem); m != nil {
		at = max(0, bytes.LastIndexByte(d.text[:at+1], '*'))
		problem = "the alias *" + m[1] + " has no anchor &" + m[1] + " before it"
	}
	if at < len(d.text) && d.text[at] == '\t' && strings.Contains(problem, "cannot start any token") {
		problem = aTab
	}
	for _, p := range plainer {
		if strings.Contains(problem, p.yaml) {
			problem = p.plain
		}
	}
	d.report(d.offset(at), RuleSyntax, "%s", problem)
}

var (
	lineNumber    = regexp.MustCompile(`^line \d+: `)
	conflict      = regexp.MustCompile(`(?m)^(<<<<<<<|>>>>>>>) `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// unclosed is what yaml.v3 says of a quoted text that goes on to the end.
const unclosed = "found unexpected end of stream"

// aTab is the message for tabs where YAML wants spaces.
const aTab = "a tab cannot indent; use spaces"

// plainer says in plain words what the commonest errors of yaml.v3 mean.
var plainer = [...]struct{ yaml, plain string }{
	{"mapping values are not allowed", `a key cannot stand here; check the indentation, or quote a text that holds ": "`},
	{"did not find expected key", "a key is expected here; check the indentation and the quotes"},
	{"could not find expected ':'", `this line is no "key: value"; check the indentation and the quotes`},
	{"found incompatible YAML document", "the directive %YAML is not taken; remove it"},
	{"tab character that violates", aTab},
	{"cannot start any token", "a text cannot start with this character; quote it"},
	{unclosed, "a quote is opened here and never closed"},
	{"did not find expected ',' or ']'", `a list in [brackets] goes wrong here; "," or "]" is expected`},
	{"did not find expected ',' or '}'", `a mapping in {braces} goes wrong here; "," or "}" is expected`},
	{"did not find expected '-' indicator", `"- " is expected here; check the indentation`},
	{"did not find expected node content", "a value is expected here"},
	{"did not find expected <document start>", "something follows the end of the document"},
	{"found unknown escape character", `unknown escape in double quotes; write a backslash as \\, or use single quotes`},
}

// culprit is the offset of the character at which the text becomes wrong. What
// yaml.v3 says about it is a line, often that of the enclosing mapping; but as
// it reads from front to back, every text that goes on behind the culprit gets
// the very same error, so that the shortest beginning with this error ends at
// the culprit.
func (d *document) culprit(err error) int {
	if strings.Contains(err.Error(), unclosed) {
		return d.openQuote()
	}
	want := err.Error()
	n := sort.Search(len(d.text), func(n int) bool {
		for n < len(d.text) && !utf8.RuneStart(d.text[n]) {
			n++
		}
		_, _, err := decode(d.text[:n])
		return err != nil && err.Error() == want
	})
	i := max(0, n-1)
	for i > 0 && (d.text[i] == ' ' || !utf8.RuneStart(d.text[i])) {
		i--
	}
	return i
}

// openQuote is the offset of the quote that is never closed: one of the last in
// the text, or else a later one would close it.
func (d *document) openQuote() int {
	const most = 64
	open := func(text []byte) bool {
		_, _, err := decode(text)
		return err != nil && strings.Contains(err.Error(), unclosed)
	}
	end := len(d.text)
	for range most {
		i := bytes.LastIndexAny(d.text[:end], `"'`)
		if i < 0 {
			break
		}
		if !open(d.text[:i]) && open(d.text[:i+1]) {
			return i
		}
		end = i
	}
	return max(0, len(d.text)-1)
}
