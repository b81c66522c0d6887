package schema

import (
	"cmp"
	"slices"
	"strings"
)

// Rule names the check that a diagnostic comes from. Rules are stable: people
// search for them and scripts match them.
type Rule string

// The rules that documents and revisions are checked by.
const (
	RuleSyntax        Rule = "syntax"         // not YAML, not UTF-8, more than one document, empty
	RuleSize          Rule = "size"           // larger, deeper or more aliased than allowed
	RuleFile          Rule = "file"           // not a regular file, a bad or a doubled name
	RuleSchemaVersion Rule = "schema-version" // missing or not supported
	RuleUnknownKey    Rule = "unknown-key"
	RuleDuplicateKey  Rule = "duplicate-key"
	RuleMissingKey    Rule = "missing-key"
	RuleType          Rule = "type"    // a value of another kind than the key takes
	RuleName          Rule = "name"    // a name with characters that are not allowed
	RuleValue         Rule = "value"   // a value out of its range or form
	RuleVersion       Rule = "version" // a version that is no integer, no latest, no alias
	RuleURL           Rule = "url"
	RuleSecret        Rule = "secret"    // a ${...} that cannot be resolved
	RuleReference     Rule = "reference" // a branch, deployment, version or alias that does not exist
	RuleConflict      Rule = "conflict"  // names or paths that clash
)

// Diagnostic is one problem at one position of one file.
type Diagnostic struct {
	Position
	Rule    Rule
	Message string // what is wrong; what is allowed or nearest
	Source  string // the line of the file that Position points into, if there is one
}

// String is "file:line:col: message [rule]".
func (d Diagnostic) String() string {
	var b strings.Builder
	if at := d.Position.String(); at != "" {
		b.WriteString(at)
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	b.WriteString(" [")
	b.WriteString(string(d.Rule))
	b.WriteString("]")
	return b.String()
}

// Diagnostics are all problems that one check found. A nil or empty list means
// that there are none; as an error it says each on a line.
type Diagnostics []Diagnostic //nolint:errname // a list first, and an error only where one is wanted

// Error is each diagnostic on a line of its own.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Err is ds as an error, nil when there is no diagnostic.
func (ds Diagnostics) Err() error {
	if len(ds) == 0 {
		return nil
	}
	return ds
}

// Sort orders the diagnostics by position, then rule and message, and drops
// repeated ones.
func (ds Diagnostics) Sort() Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(a.Compare(b.Position), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ds)
}
