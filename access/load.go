package access

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Load parses the documents of the API keys on the endpoints branch and checks
// them against each other and against the endpoints that they name. All problems
// are reported at once. The set is never nil.
func Load(rev schema.Revision) (*Set, schema.Diagnostics) { return NewLoader().Load(rev) }

// Loader loads one revision after another. Each time it gives what Load gives,
// but does not parse again what has not changed; the set is the same pointer if
// no key has changed.
//
// A Loader must not be used by two goroutines at once.
type Loader struct {
	folder *schema.Folder[schema.APIKey]
	last   []*schema.Parsed[schema.APIKey]
	set    *Set // of last; nil if it had problems
}

// NewLoader makes a Loader that has loaded nothing yet.
func NewLoader() *Loader {
	return &Loader{folder: schema.NewFolder("", schema.KeysFolder, schema.ParseAPIKey)}
}

// Load is the function Load.
func (l *Loader) Load(rev schema.Revision) (*Set, schema.Diagnostics) {
	tree := rev.Trees[rev.Branch]
	documents, problems := l.folder.Read(tree)
	for _, doc := range documents {
		problems = append(problems, doc.Problems...)
		if doc.Value != nil {
			problems = append(problems, missing(tree, doc)...)
		}
	}
	problems = append(problems, doubled(documents)...)
	if len(problems) > 0 {
		l.last, l.set = nil, nil
		return &Set{}, problems.Sort()
	}
	if l.set == nil || !slices.Equal(l.last, documents) {
		l.last, l.set = documents, newSet(documents)
	}
	return l.set, nil
}

// Keep says that the revision loaded last is the one that serves.
func (l *Loader) Keep() { l.folder.Keep() }

// newSet makes the set of documents without problems, which are sorted by name.
func newSet(documents []*schema.Parsed[schema.APIKey]) *Set {
	s := &Set{byHash: make(map[schema.KeyHash]*Key, len(documents))}
	for i, doc := range documents {
		d := doc.Value
		k := &Key{Name: d.Name, Index: i, Expires: d.Expires.V, Limits: d.Limits, hash: d.Hash.V}
		for _, p := range d.Endpoints {
			k.Endpoints = append(k.Endpoints, p.V)
			k.all = k.all || p.V == "*"
		}
		s.keys = append(s.keys, k)
		s.byHash[k.hash] = k
	}
	return s
}

// missing reports the endpoints that a key names and that do not exist. A
// pattern with a star may stand for endpoints to come.
func missing(tree schema.Tree, doc *schema.Parsed[schema.APIKey]) schema.Diagnostics {
	var problems schema.Diagnostics
	for _, p := range doc.Value.Endpoints {
		if strings.Contains(p.V, "*") || declared(tree, p.V) {
			continue
		}
		message := fmt.Sprintf("there is no endpoint %q", p.V)
		if near, ok := schema.Nearest(p.V, names(tree)); ok {
			message += fmt.Sprintf("; did you mean %q?", near)
		}
		problems = append(problems, schema.Diagnostic{Position: p.Pos, Rule: schema.RuleReference, Message: message})
	}
	return problems.WithSource(doc.File)
}

func declared(tree schema.Tree, endpoint string) bool {
	for _, ending := range []string{".yaml", ".yml"} {
		if _, err := fs.Stat(tree.FS, path.Join(schema.EndpointsFolder, endpoint+ending)); err == nil {
			return true
		}
	}
	return false
}

// names are those of all endpoints of a tree, for offering the nearest.
func names(tree schema.Tree) []string {
	entries, err := fs.ReadDir(tree.FS, schema.EndpointsFolder)
	if err != nil {
		return nil // whoever loads the endpoints says so
	}
	var all []string
	for _, e := range entries {
		if ending := path.Ext(e.Name()); ending == ".yaml" || ending == ".yml" {
			all = append(all, strings.TrimSuffix(e.Name(), ending))
		}
	}
	return all
}

// doubled reports every key that is declared twice: which of them a record would
// have to name could not be told.
func doubled(documents []*schema.Parsed[schema.APIKey]) schema.Diagnostics {
	first := map[schema.KeyHash]*schema.Parsed[schema.APIKey]{}
	var problems schema.Diagnostics
	for _, doc := range documents {
		if doc.Value == nil || doc.Value.Hash.V == (schema.KeyHash{}) {
			continue
		}
		other, again := first[doc.Value.Hash.V]
		if !again {
			first[doc.Value.Hash.V] = doc
			continue
		}
		problem := schema.Diagnostics{{
			Position: doc.Value.Hash.Pos, Rule: schema.RuleConflict,
			Message: fmt.Sprintf("this is also the hash of the key %s at %s; give each key a hash of its own", other.Value.Name, other.Value.Hash.Pos),
		}}
		problems = append(problems, problem.WithSource(doc.File)...)
	}
	return problems
}
