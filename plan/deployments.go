package plan

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// compareDeployments finds what is declared otherwise, and which versions.
func (c *comparison) compareDeployments() {
	branches := c.branches()
	before, after := c.from.deployments(branches), c.to.deployments(branches)
	used := c.uses()
	c.deployments, c.redefined = []Deployment{}, map[version]bool{}
	all := maps.Clone(before)
	maps.Copy(all, after)
	for at := range all {
		d := compareDeployment(at, before[at], after[at])
		if len(d.Versions) == 0 && len(d.Aliases) == 0 {
			continue
		}
		for i := range d.Versions {
			v := &d.Versions[i]
			v.UsedBy = append([]Use{}, used[version{at, v.Number}]...)
			c.redefined[version{at, v.Number}] = v.Change == Changed
		}
		c.deployments = append(c.deployments, d)
	}
	slices.SortFunc(c.deployments, func(a, b Deployment) int {
		return cmp.Or(strings.Compare(a.Branch, b.Branch), strings.Compare(a.Name, b.Name))
	})
}

// branches are those that both revisions have read. Of a branch that only one
// of them names, it is not known what was there.
func (c *comparison) branches() []string {
	var both []string
	for branch := range c.to.Trees {
		if _, ok := c.from.Trees[branch]; ok {
			both = append(both, branch)
		}
	}
	return both
}

// uses are the backends and mirrors that each version answers in one of the
// revisions or both.
func (c *comparison) uses() map[version][]Use {
	found := map[version][]Use{}
	add := func(d *Deployed, u Use) {
		if d != nil {
			found[d.at()] = append(found[d.at()], u)
		}
	}
	for _, e := range slices.Concat(c.from.Endpoints, c.to.Endpoints) {
		for name, s := range backendStates(e).states {
			add(s.Deployment, Use{Endpoint: e.Name, Name: name})
		}
		for name, s := range mirrorStates(e, nil).states {
			add(&s.Deployment, Use{Endpoint: e.Name, Name: name, Mirror: true})
		}
	}
	for at, uses := range found {
		slices.SortFunc(uses, func(a, b Use) int {
			return cmp.Or(strings.Compare(a.Endpoint, b.Endpoint), strings.Compare(a.Name, b.Name))
		})
		found[at] = slices.Compact(uses)
	}
	return found
}

// compareDeployment compares two declarations of a deployment; one may be nil.
func compareDeployment(at address, from, to *schema.Deployment) Deployment {
	d := Deployment{Branch: at.branch, Name: at.name, Change: kind(from == nil, to == nil), Versions: []Version{}, Aliases: []Alias{}}
	before, after := versionsOf(from), versionsOf(to)
	numbers := maps.Clone(before)
	maps.Copy(numbers, after)
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		if v := compareVersion(n, before[n], after[n]); v.differs() {
			d.Versions = append(d.Versions, v)
		}
	}
	was, is := aliasesOf(from), aliasesOf(to)
	aliases := maps.Clone(was)
	maps.Copy(aliases, is)
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if was[name] != is[name] {
			d.Aliases = append(d.Aliases, Alias{Name: name, From: was[name], To: is[name]})
		}
	}
	return d
}

func versionsOf(d *schema.Deployment) map[int]*schema.DeploymentVersion {
	all := map[int]*schema.DeploymentVersion{}
	if d != nil {
		for i := range d.Versions {
			all[d.Versions[i].Number.V] = &d.Versions[i]
		}
	}
	return all
}

func aliasesOf(d *schema.Deployment) map[string]int {
	all := map[string]int{}
	if d != nil {
		for _, a := range d.Aliases {
			all[a.Name.V] = a.Version.V
		}
	}
	return all
}

// compareVersion compares two declarations of a version; one may be nil.
func compareVersion(number int, from, to *schema.DeploymentVersion) Version {
	v := Version{Number: number, Change: kind(from == nil, to == nil), HeadersAdded: []string{}, HeadersRemoved: []string{}, HeadersChanged: []string{}}
	was, is := cmp.Or(from, &schema.DeploymentVersion{}), cmp.Or(to, &schema.DeploymentVersion{})
	v.URLs = changed(texts(was.URLs), texts(is.URLs))
	v.Methods = changed(texts(was.Methods), texts(is.Methods))
	before, after := headersOf(was.Headers), headersOf(is.Headers)
	for name, value := range after {
		switch {
		case !has(before, name):
			v.HeadersAdded = append(v.HeadersAdded, name)
		case before[name] != value:
			v.HeadersChanged = append(v.HeadersChanged, name)
		}
	}
	for name := range before {
		if !has(after, name) {
			v.HeadersRemoved = append(v.HeadersRemoved, name)
		}
	}
	for _, names := range [][]string{v.HeadersAdded, v.HeadersRemoved, v.HeadersChanged} {
		slices.Sort(names)
	}
	if v.Change == Changed {
		v.Settings = append(changedSettings(was.Serving, is.Serving), changedRules(&was.Rules, &is.Rules)...)
	}
	return v
}

func (v *Version) differs() bool {
	return v.Change != Changed || v.URLs != nil || v.Methods != nil ||
		len(v.HeadersAdded)+len(v.HeadersRemoved)+len(v.HeadersChanged)+len(v.Settings) > 0
}

// changedSettings names what differs in how replicas serve, by its key.
func changedSettings(was, is schema.Serving) []string {
	return differing(
		setting{"balance", was.Balance != is.Balance},
		setting{"protocol", was.Protocol != is.Protocol},
		setting{"health", !reflect.DeepEqual(was.Health, is.Health)},
		setting{"outlier", !reflect.DeepEqual(was.Outlier, is.Outlier)},
		setting{"resolve", !reflect.DeepEqual(was.Resolve, is.Resolve)},
		setting{"tls", !was.TLS.Same(is.TLS)},
		setting{"timeout", was.Limits.Timeout != is.Limits.Timeout},
		setting{"maxConcurrent", capacity(was).MaxConcurrent != capacity(is).MaxConcurrent},
		setting{"maxQueue", capacity(was).MaxQueue != capacity(is).MaxQueue},
		setting{"queueTimeout", capacity(was).QueueTimeout != capacity(is).QueueTimeout},
		setting{"maxRequestBytes", was.Limits.MaxRequestBytes != is.Limits.MaxRequestBytes},
		setting{"maxResponseBytes", was.Limits.MaxResponseBytes != is.Limits.MaxResponseBytes},
		setting{"idempotent", was.Limits.Idempotent != is.Limits.Idempotent},
		setting{"retries", !reflect.DeepEqual(was.Limits.Retries, is.Limits.Retries)},
		setting{"breaker", !reflect.DeepEqual(was.Limits.Breaker, is.Limits.Breaker)},
	)
}

func capacity(s schema.Serving) schema.Capacity {
	if c := s.Limits.Capacity; c != nil {
		return *c
	}
	return schema.Capacity{}
}

func texts(values []schema.Value[string]) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.V
	}
	return all
}

// changed is nil when both lists hold the same; their order means nothing.
func changed(from, to []string) *Change[[]string] {
	if slices.Equal(slices.Sorted(slices.Values(from)), slices.Sorted(slices.Values(to))) {
		return nil
	}
	return &Change[[]string]{from, to}
}

// headersOf are header fields with their values as written: what placeholders
// stand for is never looked up.
func headersOf(headers []schema.Header) map[string]string {
	all := map[string]string{}
	for _, h := range headers {
		all[h.Name.V] = h.Value.V
	}
	return all
}
