package deployments

import (
	"maps"
	"slices"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Set holds the declared deployments of every branch of one revision. It is
// immutable and safe for concurrent use.
type Set struct {
	branches map[string]*branch
	names    []string // of the branches, sorted
}

// branch is the deployments of one branch.
type branch struct {
	documents   []*schema.Parsed[schema.Deployment]
	deployments map[string]*deployment
	names       []string            // of all documents, sorted
	broken      map[string]struct{} // names, in small letters, of which it is not known what they are
	unreadable  bool                // it is not known what there is
}

// deployment is one deployment with its versions. Those of a document with
// problems are known to be there, and are nil.
type deployment struct {
	from     *schema.Parsed[schema.Deployment]
	versions map[int]*Version
	numbers  []int // ascending
	aliases  map[string]int
	secret   bool // some header holds a secret, which may change without the document
}

// Load parses the deployment documents of every branch of a revision and
// resolves their secrets. All problems are reported at once. The set is never
// nil; what has problems is known to it, so that references to it are not
// reported as missing.
func Load(rev schema.Revision, secrets Secrets) (*Set, schema.Diagnostics) {
	return NewLoader(secrets).Load(rev)
}

// Loader loads one revision after another. Each time it gives what Load gives,
// but does not parse again what has not changed. A version that is the same as
// before, with its secrets, is the same pointer, and so is a set in which
// nothing differs. It remembers the revision
// that was loaded last and the one that was kept last, and nothing older.
//
// A Loader must not be used by two goroutines at once.
type Loader struct {
	secrets  Secrets
	branches map[branchName]*branchLoader
	last     *Set
}

// branchName is a branch and how positions call it.
type branchName struct{ name, in string }

// NewLoader makes a Loader that looks secrets up anew with each revision.
func NewLoader(secrets Secrets) *Loader {
	return &Loader{secrets: secrets, branches: map[branchName]*branchLoader{}}
}

// Load is the function Load.
func (l *Loader) Load(rev schema.Revision) (*Set, schema.Diagnostics) {
	s := &Set{branches: make(map[string]*branch, len(rev.Trees))}
	secrets := &resolver{secrets: l.secrets, known: map[schema.Placeholder]secret{}}
	var problems schema.Diagnostics
	for _, b := range l.branches {
		b.read = false
	}
	for name, tree := range rev.Trees {
		b, more := l.branch(rev, name).load(tree, secrets)
		problems = append(problems, more...)
		s.branches[name] = b
		s.names = append(s.names, name)
	}
	maps.DeleteFunc(l.branches, func(_ branchName, b *branchLoader) bool { return !b.read && b.kept == nil })
	slices.Sort(s.names)
	if l.last == nil || !maps.Equal(l.last.branches, s.branches) {
		l.last = s
	}
	return l.last, problems.Sort()
}

// Keep says that the revision loaded last is the one that serves. It stays
// remembered, whatever is loaded and refused before the next call.
func (l *Loader) Keep() {
	maps.DeleteFunc(l.branches, func(_ branchName, b *branchLoader) bool { return !b.read })
	for _, b := range l.branches {
		b.folder.Keep()
		b.kept = b.last
	}
}

// branch finds or makes what reads a branch of the revision.
func (l *Loader) branch(rev schema.Revision, name string) *branchLoader {
	key := branchName{name: name, in: name}
	if name == rev.Branch {
		key.in = "" // as positions have it
	}
	b := l.branches[key]
	if b == nil {
		b = &branchLoader{
			name:   name,
			folder: schema.NewFolder(key.in, schema.DeploymentsFolder, schema.ParseDeployment),
		}
		l.branches[key] = b
	}
	b.read = true
	return b
}
