package deployments

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// branchLoader loads the deployments of one branch at one commit after another.
type branchLoader struct {
	name       string
	folder     *schema.Folder[schema.Deployment]
	last, kept *branch // nil: none
	read       bool    // in the revision that was loaded last
}

// load loads the branch from a tree.
func (l *branchLoader) load(tree schema.Tree, secrets *resolver) (*branch, schema.Diagnostics) {
	documents, problems := l.folder.Read(tree)
	b := &branch{
		documents:   documents,
		deployments: make(map[string]*deployment, len(documents)),
		names:       make([]string, 0, len(documents)),
		broken:      map[string]struct{}{},
	}
	for _, p := range problems {
		b.unreadable = b.unreadable || p.File == schema.DeploymentsFolder
		b.broken[strings.ToLower(documentName(p.File))] = struct{}{}
	}
	for _, doc := range documents {
		problems = append(problems, doc.Problems...)
		name := documentName(doc.Path)
		b.names = append(b.names, name)
		if doc.Value == nil {
			b.broken[strings.ToLower(name)] = struct{}{}
			continue
		}
		d, more := l.deployment(doc, secrets)
		problems = append(problems, more.WithSource(doc.File)...)
		b.deployments[name] = d
	}
	if !l.last.equal(b) {
		l.last = b
	}
	return l.last, problems
}

// equal reports whether two branches, of which b may be nil, hold the very same
// deployments.
func (b *branch) equal(c *branch) bool {
	return b != nil && slices.Equal(b.documents, c.documents) && maps.Equal(b.deployments, c.deployments) &&
		maps.Equal(b.broken, c.broken) && b.unreadable == c.unreadable
}

// documentName is the name that a document's file gives it.
func documentName(file string) string {
	return strings.TrimSuffix(path.Base(file), path.Ext(file))
}

// deployment is the deployment of a document, taken over from before as far as
// it is the same.
func (l *branchLoader) deployment(doc *schema.Parsed[schema.Deployment], secrets *resolver) (*deployment, schema.Diagnostics) {
	var earlier []*deployment
	for _, b := range []*branch{l.last, l.kept} {
		if b != nil && b.deployments[doc.Value.Name] != nil {
			earlier = append(earlier, b.deployments[doc.Value.Name])
		}
	}
	for _, d := range earlier {
		if d.from == doc && !d.secret {
			return d, nil
		}
	}
	d, problems := newDeployment(l.name, doc, secrets)
	for number, v := range d.versions {
		for _, e := range earlier {
			if same := e.versions[number]; same != nil && v != nil && same.equal(v) {
				d.versions[number] = same
				break
			}
		}
	}
	for _, e := range earlier {
		if e.from == doc && maps.Equal(e.versions, d.versions) {
			return e, problems
		}
	}
	return d, problems
}

func newDeployment(branch string, doc *schema.Parsed[schema.Deployment], secrets *resolver) (*deployment, schema.Diagnostics) {
	declared := doc.Value
	d := &deployment{
		from:     doc,
		versions: make(map[int]*Version, len(declared.Versions)),
		aliases:  make(map[string]int, len(declared.Aliases)),
	}
	var problems schema.Diagnostics
	for i := range declared.Versions {
		v, more := newVersion(&declared.Versions[i], secrets)
		v.Branch, v.Name = branch, declared.Name
		d.secret = d.secret || holdsSecret(&declared.Versions[i])
		problems = append(problems, more...)
		if v.Number > 0 {
			d.versions[v.Number] = v
			d.numbers = append(d.numbers, v.Number)
		}
	}
	slices.Sort(d.numbers)
	for _, a := range declared.Aliases {
		if a.Name.V != "" {
			d.aliases[a.Name.V] = a.Version.V
		}
	}
	if len(doc.Problems) > 0 || len(problems) > 0 {
		for number := range d.versions {
			d.versions[number] = nil
		}
	}
	return d, problems
}

// holdsSecret reports whether something of a version has to be looked up.
func holdsSecret(v *schema.DeploymentVersion) bool {
	secret := func(h schema.Header) bool { return strings.Contains(h.Value.V, "${") }
	return v.Serving.TLS != nil || slices.ContainsFunc(v.Headers, secret) || slices.ContainsFunc(v.Added, secret)
}

func newVersion(declared *schema.DeploymentVersion, secrets *resolver) (*Version, schema.Diagnostics) {
	v := &Version{Number: declared.Number.V, Serving: declared.Serving}
	var problems schema.Diagnostics
	for _, written := range declared.URLs {
		u, err := url.Parse(written.V)
		if err != nil {
			panic(fmt.Sprintf("deployments: the schema let a bad URL pass at %s", written.Pos))
		}
		v.URLs = append(v.URLs, u)
	}
	var wrong, more schema.Diagnostics
	v.Header, v.Rules, wrong = newRules(&declared.Rules, secrets.header)
	v.TLS, more = newTLS(declared.Serving.TLS, secrets)
	problems = append(append(problems, wrong...), more...)
	for _, m := range declared.Methods {
		v.Methods = append(v.Methods, m.V)
	}
	return v, problems
}

// equal reports whether two versions send the same requests to the same
// replicas in the same way.
func (v *Version) equal(w *Version) bool {
	return v.Branch == w.Branch && v.Name == w.Name && v.Number == w.Number &&
		slices.EqualFunc(v.URLs, w.URLs, func(a, b *url.URL) bool { return a.String() == b.String() }) &&
		sameHeader(v.Header, w.Header) && v.Rules.equal(&w.Rules) &&
		slices.Equal(v.Methods, w.Methods) && v.Serving.Same(w.Serving)
}

func sameHeader(h, g http.Header) bool { return maps.EqualFunc(h, g, slices.Equal[[]string]) }
