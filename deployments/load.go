package deployments

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

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
	deployments map[string]*deployment
	names       []string            // of the deployments, sorted
	broken      map[string]struct{} // names whose documents have problems
	unreadable  bool                // it is not known what there is
}

// deployment is one deployment with its versions.
type deployment struct {
	versions map[int]*Version
	numbers  []int // ascending
	aliases  map[string]int
}

// Load parses the deployment documents of every branch of a revision and
// resolves their secrets. All problems are reported at once. The set is never
// nil; what has problems is known to it, so that references to it are not
// reported as missing.
func Load(rev schema.Revision, secrets Secrets) (*Set, schema.Diagnostics) {
	s := &Set{branches: make(map[string]*branch, len(rev.Trees))}
	l := loader{secrets: resolver{secrets: secrets, known: map[schema.Placeholder]secret{}}}
	for name, tree := range rev.Trees {
		in := name
		if name == rev.Branch {
			in = "" // as positions have it
		}
		s.branches[name] = l.branch(name, in, tree)
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	return s, l.problems.Sort()
}

// loader reads the documents of one revision and collects what is wrong.
type loader struct {
	secrets  resolver
	problems schema.Diagnostics
}

// branch loads one branch; positions call it in.
func (l *loader) branch(name, in string, tree schema.Tree) *branch {
	files, problems := schema.Documents(tree, in, schema.DeploymentsFolder)
	l.problems = append(l.problems, problems...)
	b := &branch{
		deployments: make(map[string]*deployment, len(files)),
		broken:      map[string]struct{}{},
	}
	for _, p := range problems {
		b.unreadable = b.unreadable || p.File == schema.DeploymentsFolder
		b.broken[documentName(p.File)] = struct{}{}
	}
	for _, f := range files {
		declared, problems := schema.ParseDeployment(f)
		if declared == nil {
			l.problems = append(l.problems, problems...)
			b.broken[documentName(f.Path)] = struct{}{}
			continue
		}
		d, problems := l.deployment(name, declared)
		l.problems = append(l.problems, problems.WithSource(f)...)
		b.deployments[declared.Name] = d
		b.names = append(b.names, declared.Name)
	}
	return b
}

// documentName is the name that a document's file gives it.
func documentName(file string) string {
	return strings.TrimSuffix(path.Base(file), path.Ext(file))
}

func (l *loader) deployment(branch string, declared *schema.Deployment) (*deployment, schema.Diagnostics) {
	d := &deployment{
		versions: make(map[int]*Version, len(declared.Versions)),
		aliases:  make(map[string]int, len(declared.Aliases)),
	}
	var problems schema.Diagnostics
	for i := range declared.Versions {
		v, more := l.version(&declared.Versions[i])
		v.Branch, v.Name = branch, declared.Name
		d.versions[v.Number] = v
		d.numbers = append(d.numbers, v.Number)
		problems = append(problems, more...)
	}
	slices.Sort(d.numbers)
	for _, a := range declared.Aliases {
		d.aliases[a.Name.V] = a.Version.V
	}
	return d, problems
}

func (l *loader) version(declared *schema.DeploymentVersion) (*Version, schema.Diagnostics) {
	v := &Version{Number: declared.Number.V}
	var problems schema.Diagnostics
	for _, written := range declared.URLs {
		u, err := url.Parse(written.V)
		if err != nil {
			panic(fmt.Sprintf("deployments: the schema let a bad URL pass at %s", written.Pos))
		}
		v.URLs = append(v.URLs, u)
	}
	if len(declared.Headers) > 0 {
		v.Header = make(http.Header, len(declared.Headers))
	}
	for _, h := range declared.Headers {
		value, err := l.secrets.expand(h.Value.V)
		if err != nil {
			problems = append(problems, schema.Diagnostic{
				Position: h.Value.Pos, Rule: schema.RuleSecret, Message: fmt.Sprintf("header %s: %s", h.Name.V, err),
			})
			continue
		}
		v.Header.Set(h.Name.V, value)
	}
	for _, m := range declared.Methods {
		v.Methods = append(v.Methods, m.V)
	}
	return v, problems
}
