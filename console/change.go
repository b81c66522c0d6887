package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// changePage is the form in which an endpoint is changed or made.
type changePage struct {
	About    string // aboutChange, aboutNew or aboutDelete
	Name     string
	Path     string // of the document
	Branch   string
	Base     string // the commit that the form is made of
	Was      string // the document
	Sum      string // by which it is known again
	YAML     string // what stands in the editor
	AsYAML   bool   // the editor is what counts
	Backends []editBackend
	Mirrors  []editMirror
	Unread   string // why there is no form; empty: there is one
	Known    known
	Form     url.Values // what was filled in, if the form comes back
	Verdict  *verdict
	Problems []string // why it comes back
	Own      string   // the name of a new branch
	Protects bool     // the branch takes no pushes from here
	Lately   uint64   // requests of the last minutes, of an endpoint that is to be deleted
}

// editBackend is a backend in the form.
type editBackend struct {
	Name, Branch, Deployment, Version, Static string
	Weight                                    float64
	Color                                     int
}

// editMirror is a mirror in the form.
type editMirror struct {
	Name, Branch, Deployment, Version string
	Percent                           float64
	Enabled                           bool
	Color                             int
}

// Title says what the page is for.
func (p changePage) Title() string {
	switch p.About {
	case aboutNew:
		return "New endpoint"
	case aboutDelete:
		return "Delete " + p.Name
	}
	return "Change " + p.Name
}

// Value is what stands in a field: what was filled in, or else what the document
// says.
func (p changePage) Value(key, otherwise string) string {
	if p.Form != nil && p.Form.Has(key) {
		return p.Form.Get(key)
	}
	return otherwise
}

// Chosen reports whether a field has a value, as Value.
func (p changePage) Chosen(key, value, otherwise string) bool {
	return p.Value(key, otherwise) == value
}

// Ticked reports whether a box is ticked.
func (p changePage) Ticked(key string, otherwise bool) bool {
	if p.Form != nil {
		return p.Form.Has(key)
	}
	return otherwise
}

func (c *Console) showChange(v *visit) {
	name := v.r.PathValue("name")
	if !v.mayEdit() {
		return
	}
	page, ok := c.newestPage(v, aboutChange, name)
	if !ok {
		v.fail(http.StatusNotFound, "The newest revision has no endpoint of the name "+name+".")
		return
	}
	v.show(http.StatusOK, "change", page.Title(), "endpoints", "", page)
}

func (c *Console) showDelete(v *visit) {
	name := v.r.PathValue("name")
	if !v.mayEdit() {
		return
	}
	page, ok := c.newestPage(v, aboutDelete, name)
	if !ok {
		v.fail(http.StatusNotFound, "The newest revision has no endpoint of the name "+name+".")
		return
	}
	page.Verdict = c.judge(v.r.Context(), proposal{about: aboutDelete, name: name, base: page.Base, was: []byte(page.Was), sum: page.Sum})
	v.show(http.StatusOK, "change", page.Title(), "endpoints", "", page)
}

// mayEdit reports whether who looks may change something, and says else what to
// do.
func (v *visit) mayEdit() bool {
	switch {
	case !v.o.Write:
		v.fail(http.StatusForbidden, "This console shows and changes nothing. Who runs the gateway can allow changes with --console-write.")
	case v.session == nil:
		http.Redirect(v.w, v.r, "/console/login?"+url.Values{"to": {v.r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	case !v.session.User.Editor():
		v.fail(http.StatusForbidden, "You may see everything and change nothing: your role is viewer.")
	case !v.base().Known():
		v.fail(http.StatusServiceUnavailable, "The repository has not been read yet, so that there is nothing to change.")
	default:
		return true
	}
	return false
}

// newestPage is the form of the endpoint as the newest revision has it.
func (c *Console) newestPage(v *visit, about, name string) (changePage, bool) {
	b := c.base()
	doc, ok := draft.Find(b.Newest, name)
	if !ok {
		return changePage{}, false
	}
	return c.pageOf(v, proposal{about: about, name: name, base: b.Commit(), was: doc.Data, sum: sumOf(doc.Data)}), true
}

// pageOf is the form of what an endpoint was when a proposal was begun.
func (c *Console) pageOf(v *visit, p proposal) changePage {
	b := c.base()
	page := changePage{
		About: p.about, Name: p.name, Path: draft.Path(b.Newest, p.name), Branch: b.Newest.Branch, Base: p.base,
		Was: string(p.was), Sum: p.sum, YAML: string(p.was), Known: c.offer(v.r.Context(), b.Newest), Own: c.ownBranch(v.session, p.name),
	}
	if p.about == aboutDelete {
		page.Lately = c.lately(p.name)
	}
	declared, problems := schema.ParseEndpoint(schema.File{Path: page.Path, Data: p.was})
	if declared == nil || len(problems) > 0 {
		page.Unread, page.AsYAML = "The document has problems, so that it can be changed as YAML only.", true
		return page
	}
	page.fill(declared)
	return page
}

// lately is how many requests an endpoint got in the last minutes.
func (c *Console) lately(name string) (sum uint64) {
	e := c.endpoint(name)
	if e == nil {
		return 0
	}
	for i := range e.Backends {
		total := c.o.Series.Total(series.Key{Endpoint: name, Name: e.Backends[i].Name}, c.now(), listSpan)
		sum += total.Requests
	}
	return sum
}

func (p *changePage) fill(e *schema.Endpoint) {
	for i := range e.Backends {
		b := &e.Backends[i]
		edited := editBackend{Name: b.Name.V, Weight: b.Weight.V, Color: i, Static: string(b.Static)}
		if r := b.Deployment; r != nil {
			edited.Branch, edited.Deployment, edited.Version = r.Branch.V, r.Name.V, r.Version.V.String()
		}
		p.Backends = append(p.Backends, edited)
	}
	for i := range e.Mirrors {
		m := &e.Mirrors[i]
		r := m.Deployment
		p.Mirrors = append(p.Mirrors, editMirror{
			Name: m.Name.V, Branch: r.Branch.V, Deployment: r.Name.V, Version: r.Version.V.String(),
			Percent: m.Percent.V, Enabled: m.Enabled, Color: len(e.Backends) + i,
		})
	}
}

// ownBranch is the name of a branch for a change. The time makes it another one than
// that of an earlier change, which may still wait for its merge.
func (c *Console) ownBranch(s *login.Session, name string) string {
	return "console/" + s.User.Name + "/" + name + "-" + c.now().UTC().Format("20060102-150405")
}

func (c *Console) showNew(v *visit) {
	if !v.mayEdit() {
		return
	}
	page := c.newPage(v)
	v.show(http.StatusOK, "change", page.Title(), "new", "", page)
}

func (c *Console) newPage(v *visit) changePage {
	b := c.base()
	return changePage{
		About: aboutNew, Branch: b.Newest.Branch, Base: b.Commit(), Known: c.offer(v.r.Context(), b.Newest), Own: c.ownBranch(v.session, "new"),
		YAML: newText,
	}
}

// newText is what the editor of a new endpoint begins with.
const newText = `schemaVersion: 1
backends:
  control:
    deployment: {branch: main, name: NAME, version: latest}
`

// verdict is what the preview shows.
type verdict struct {
	draft.Verdict
	Message  string
	Conflict *conflict
	Taken    string   // the name of an endpoint that is there already; empty: it is free
	Faults   []string // of the form
	Moved    []moved
	Of       string // what the shares are shares of
	Share    float64
	Text     string // the plan in words

	// What was judged, and is committed if it is good: upon no other commit than this.
	change draft.Change
	base   string
	branch string
}

// moved is a share of subjects that leave one backend for another.
type moved struct {
	From, To string
	Share    float64
}

// judge says what would become of a proposal.
func (c *Console) judge(ctx context.Context, p proposal) *verdict {
	b := c.base()
	out := &verdict{Message: p.message(), Faults: p.problems, base: b.Commit(), branch: b.Newest.Branch}
	if len(p.problems) > 0 || !b.Known() {
		return out
	}
	if _, found := draft.Find(b.Newest, p.name); found && p.about == aboutNew {
		out.Taken = p.name
		return out
	}
	if out.change, out.Conflict = p.onto(b.Newest); out.Conflict != nil {
		return out
	}
	out.change.Branches, out.Faults = c.reach(ctx, b.Newest, schema.File{Path: out.change.Path, Data: out.change.Data})
	if len(out.Faults) > 0 {
		out.Diff = draft.Diff(p.was, out.change.Data)
		return out
	}
	out.Verdict = draft.Judge(b, out.change, c.check)
	if out.Plan != nil {
		out.explain()
	}
	return out
}

// check is Options.Check.
func (c *Console) check(rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
	return c.o.Check(rev)
}

func (c *Console) preview(v *visit) {
	v.write(http.StatusOK, "change", "verdict", c.judge(v.r.Context(), propose(v.r.PostForm)))
}
