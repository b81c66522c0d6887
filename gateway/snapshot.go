package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Snapshot is the immutable routing table compiled from one revision. It is
// safe for concurrent use.
type Snapshot struct {
	branch    string
	urlBranch string // branch as Modelbit's clients write it in URLs
	commit    string
	commits   map[string]string // by branch
	parsed    time.Time         // when its documents were read
	compiled  time.Time
	endpoints []*endpoint // sorted by name
	places    *places
	gateway   *Gateway
	door      door
	open      bool // the door is
	closed    bool // no endpoint takes callers who show nothing
}

// Commit is the commit of the endpoints branch that the snapshot was compiled
// from; empty for a work tree.
func (s *Snapshot) Commit() string { return s.commit }

// Len is the number of endpoints.
func (s *Snapshot) Len() int { return len(s.endpoints) }

// Since is when the snapshot was compiled, right before it began to serve.
func (s *Snapshot) Since() time.Time { return s.compiled }

// Endpoints lists the endpoints by name. The caller may change the list, not what
// it points at.
func (s *Snapshot) Endpoints() []*endpoints.Endpoint {
	all := make([]*endpoints.Endpoint, len(s.endpoints))
	for i, e := range s.endpoints {
		all[i] = e.Endpoint
	}
	return all
}

// Endpoint is the endpoint of a name; nil if there is none.
func (s *Snapshot) Endpoint(name string) *endpoints.Endpoint {
	if e := s.find(name); e != nil {
		return e.Endpoint
	}
	return nil
}

// Access is what an endpoint asks of its callers, also where it does not say; empty if there is
// none of the name.
func (s *Snapshot) Access(name string) schema.Access {
	e := s.find(name)
	if e == nil {
		return ""
	}
	return s.door.asks(e.guard)
}

func (s *Snapshot) find(name string) *endpoint {
	i, found := slices.BinarySearchFunc(s.endpoints, name, func(e *endpoint, name string) int { return strings.Compare(e.Name, name) })
	if !found {
		return nil
	}
	return s.endpoints[i]
}

// Check reads a revision exactly as the running gateway does and returns all
// that is wrong with it, sorted; nil when it would be served.
func Check(rev schema.Revision, secrets deployments.Secrets) ([]*endpoints.Endpoint, schema.Diagnostics) {
	declared, _, problems := newLoaders(secrets).load(rev)
	if len(problems) > 0 {
		return nil, problems
	}
	return declared, nil
}

// Warnings are what of good endpoints has no effect.
func Warnings(declared []*endpoints.Endpoint) (all []string) {
	for _, e := range declared {
		for i := range e.Backends {
			b := &e.Backends[i]
			if b.Deployment != nil && b.Deployment.Serving.Balance == schema.Hash && len(e.Assignment) == 0 {
				all = append(all, fmt.Sprintf("endpoint %s has no assignment, so that backend %s gets its requests by least-requests and not by hash", e.Name, b.Name))
			}
		}
	}
	return all
}

// endpoint is a declared endpoint bound to what runs: replicas, queues of
// mirrors and counters.
type endpoint struct {
	*endpoints.Endpoint
	gateway  *Gateway
	guard    *guard // nil: callers are asked for nothing but what the door asks
	backends []backend
	mirrors  []mirrored
	rule     *capture.Rule // what is captured; nil: nothing
	sampled  bool          // some mirror gets less than all
	readBody bool          // some key is in the body
}

// backend is a declared backend bound to its replicas.
type backend struct {
	*endpoints.Backend
	group   *deployments.Group // nil for a static backend
	timeout schema.Timeout     // the stricter of the endpoint's and the version's
	header  []string           // X-Switchyard-Backend of its answers

	perseveres bool     // one attempt may not be all: there are retries, or a fallback
	methods    []string // Allow of the answers to other methods
	length     []string // Content-Length of a static answer
	rows       int      // of a static answer, should it be that to a batch
	rules      *forward.Rules
	edit       *edit.Edit // of bodies; nil: they pass as they are
	series     *series
	template   record.Record
}

// mirrored is a declared mirror bound to its queue.
type mirrored struct {
	*endpoints.Mirror
	group    *deployments.Group
	changes  mirror.Changes           // of its copies
	compared *compare.Rules           // nil: its answers are not compared
	tally    func(*record.Comparison) // counts what came of that
	queue    *mirror.Queue
	template record.Record
}

// loaders read one revision after the other, and what has not changed only once.
type loaders struct {
	deployments *deployments.Loader
	endpoints   *endpoints.Loader
	keys        *access.Loader
}

func newLoaders(secrets deployments.Secrets) loaders {
	return loaders{deployments: deployments.NewLoader(secrets), endpoints: endpoints.NewLoader(), keys: access.NewLoader()}
}

// load is Check, remembering what was read.
func (l loaders) load(rev schema.Revision) ([]*endpoints.Endpoint, *access.Set, schema.Diagnostics) {
	set, problems := l.deployments.Load(rev)
	declared, more := l.endpoints.Load(rev, set)
	keys, still := l.keys.Load(rev)
	return declared, keys, append(append(problems, more...), still...).Sort()
}

// keep says that what was read last is what serves.
func (l loaders) keep() {
	l.deployments.Keep()
	l.endpoints.Keep()
	l.keys.Keep()
}

// Compile builds the snapshot of a revision, all or nothing: the error is the
// schema.Diagnostics of everything that is wrong with it. It opens no sockets;
// what it binds is shared with the current snapshot where it is the same. The
// snapshot serves nothing until it is swapped in.
func (g *Gateway) Compile(rev schema.Revision) (*Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.compile(rev)
}

func (g *Gateway) compile(rev schema.Revision) (*Snapshot, error) {
	declared, keys, problems := g.loaders.load(rev)
	if len(problems) > 0 {
		return nil, problems
	}
	s := &Snapshot{
		gateway:   g,
		parsed:    time.Now(),
		branch:    rev.Branch,
		urlBranch: inURL(rev.Branch),
		commit:    rev.Trees[rev.Branch].Commit,
		commits:   make(map[string]string, len(rev.Trees)),
		compiled:  time.Now(),
	}
	for branch, tree := range rev.Trees {
		s.commits[branch] = tree.Commit
	}
	last := g.current.Load()
	if last == nil {
		last = &Snapshot{}
	}
	s.endpoints = g.bindAll(declared, last.endpoints)
	s.places = newPlaces(s.endpoints, last.places)
	s.door = g.newDoor(keys)
	s.open = s.door.open()
	s.closed = len(s.endpoints) > 0 && !slices.ContainsFunc(s.endpoints, func(e *endpoint) bool { return s.door.asks(e.guard) != schema.AccessRequired })
	return s, nil
}

// bindAll binds what is declared. What has not changed since the last snapshot,
// which serves, is bound already. Both lists are sorted by name.
func (g *Gateway) bindAll(declared []*endpoints.Endpoint, last []*endpoint) []*endpoint {
	all := make([]*endpoint, len(declared))
	for i, d := range declared {
		for len(last) > 0 && last[0].Endpoint != d && last[0].Name < d.Name {
			last = last[1:]
		}
		if len(last) > 0 && last[0].Endpoint == d {
			all[i] = last[0]
			continue
		}
		all[i] = g.bind(d)
		g.bound = append(g.bound, all[i])
	}
	return all
}

// bind connects a declared endpoint with what outlives snapshots.
func (g *Gateway) bind(d *endpoints.Endpoint) *endpoint {
	e := &endpoint{
		Endpoint: d,
		gateway:  g,
		guard:    g.newGuard(d),
		backends: make([]backend, len(d.Backends)),
		mirrors:  make([]mirrored, len(d.Mirrors)),
		rule:     newRule(d.Capture),
		readBody: d.Assignment.NeedBody() || d.CallerTimeout.NeedBody(),
	}
	if d.Capture != nil && d.Capture.Percent < 100 {
		e.readBody = e.readBody || d.Sampling.NeedBody()
	}
	for i := range d.Backends {
		b := &d.Backends[i]
		bound := backend{Backend: b, header: []string{b.Name}, series: g.metrics.series(d.Name, b.Name, record.Live)}
		bound.template = e.template(b.Name, record.Live, b.Deployment)
		bound.length, bound.rows = []string{strconv.Itoa(len(b.Static))}, capture.Rows(b.Static)
		if b.Deployment != nil {
			bound.group = g.pool.Bind(b.Deployment.Version, deployments.Use{})
			bound.timeout = d.Timeout.Stricter(b.Deployment.Serving.Limits.Timeout).OrDefault()
			bound.perseveres = b.Deployment.Serving.Limits.Retries != nil || d.Fallback != nil && d.Fallback.Backend != i
			bound.methods = []string{strings.Join(b.Deployment.Methods, ", ")}
			bound.rules, bound.edit = forward.NewRules(b.Deployment.Header, b.Deployment.Rules), edit.Of(b.Deployment.Rules)
		}
		e.backends[i] = bound
	}
	for i := range d.Mirrors {
		m := &d.Mirrors[i]
		series := g.metrics.series(d.Name, m.Name, record.Mirror)
		bound := mirrored{
			Mirror:   m,
			group:    g.pool.Bind(m.Deployment.Version, deployments.Use{Endpoint: d.Name, Mirror: m.Name}),
			changes:  mirror.NewChanges(m.Name, m.Deployment.Version, m.Header, m.Rules),
			compared: newRules(d, m),
			tally:    series.countComparison,
			queue:    g.mirrors.Queue(d.Name, m.Name, series.count),
			template: e.template(m.Name, record.Mirror, &m.Deployment),
		}
		e.mirrors[i] = bound
		if m.Percent < 100 {
			e.sampled = true
			e.readBody = e.readBody || d.Sampling.NeedBody()
		}
	}
	return e
}

// template is what all records of one backend or mirror have in common.
func (e *endpoint) template(name string, role record.Role, to *deployments.Resolved) record.Record {
	r := record.Record{Endpoint: e.Name, Backend: name, Role: role}
	if to != nil {
		r.DeploymentName, r.DeploymentVersion, r.Alias, r.Branch = to.Name, to.Number, to.Alias, to.Branch
	}
	return r
}

// groups lists every group of replicas that the snapshot calls.
func (s *Snapshot) groups() []*deployments.Group { return groups(s.endpoints) }

func groups(endpoints []*endpoint) []*deployments.Group {
	var all []*deployments.Group
	for _, e := range endpoints {
		for i := range e.backends {
			if g := e.backends[i].group; g != nil {
				all = append(all, g)
			}
		}
		for i := range e.mirrors {
			all = append(all, e.mirrors[i].group)
		}
	}
	return all
}
