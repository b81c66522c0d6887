package schema

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// deployment reads the document of a deployment.
func (d *document) deployment(root *mapping) *Deployment {
	dep := &Deployment{Pos: root.pos, UnreadVersions: true}
	all := d.serving(root, Serving{Balance: LeastRequests, Protocol: AutoProtocol})
	if n, ok := root.need("versions"); ok {
		var known bool
		dep.Versions, known = d.versions(n, all)
		dep.UnreadVersions = root.unread || !known
	}
	dep.UnreadAliases = root.unread || root.misspelt("aliases")
	if n, ok := root.take("aliases"); ok {
		var known bool
		dep.Aliases, known = d.aliases(n, dep)
		dep.UnreadAliases = root.unread || !known
	}
	root.done()
	return dep
}

// versions is false when not all numbers could be read. How their replicas serve
// is as said for all, where a version does not say.
func (d *document) versions(n node, all Serving) ([]DeploymentVersion, bool) {
	m, ok := d.mapping(n, "versions")
	if !ok {
		return nil, false
	}
	if len(n.Content) == 0 {
		d.report(m.pos, RuleValue, "versions is empty; a deployment needs at least one version")
		return nil, false
	}
	known := !m.unread
	versions := make([]DeploymentVersion, 0, len(m.entries))
	for _, e := range m.entries {
		// JSON has no keys but texts, so "1" is as good as 1 here.
		number := d.versionNumber(e.key, "the number of a version")
		known = known && number > 0
		v := d.deploymentVersion(e, all)
		v.Number = Value[int]{number, e.key.pos}
		versions = append(versions, v)
	}
	return versions, known
}

// versionNumber is an integer above 0, or 0 when there is a problem.
func (d *document) versionNumber(n node, what string) int {
	v, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode, !wholeNumber.MatchString(n.Value):
		d.report(n.pos, RuleVersion, "%s must be an integer above 0 in plain decimal digits, not %s", what, describe(n))
	case err != nil || v > math.MaxInt32:
		d.report(n.pos, RuleVersion, "%s must be at most %d, not %s", what, math.MaxInt32, n.Value)
	case v <= 0:
		d.report(n.pos, RuleVersion, "%s must be an integer above 0, not %s", what, n.Value)
	default:
		return v
	}
	return 0
}

func (d *document) deploymentVersion(e entry, all Serving) DeploymentVersion {
	v := DeploymentVersion{Serving: all}
	m, ok := d.mapping(e.value, "version "+e.name)
	if !ok {
		return v
	}
	defer m.done()
	if n, ok := m.need("url"); ok {
		v.URLs = d.urls(n)
	}
	if n, ok := m.take("methods"); ok {
		v.Methods = d.methods(n)
	}
	v.Rules = d.rules(m, rulesOf{secrets: true, forward: true, model: true})
	v.Serving = d.serving(m, all)
	d.speaks(v.Serving, v.URLs)
	return v
}

// Methods lists the methods that a version of a deployment can be restricted
// to.
func Methods() []string {
	return []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
}

func (d *document) methods(n node) []Value[string] {
	items, ok := d.list(n, "methods")
	if !ok {
		return nil
	}
	methods := make([]Value[string], 0, len(items))
	for _, item := range items {
		v, ok := d.str(item, "a method")
		if !ok {
			continue
		}
		if !slices.Contains(Methods(), v.V) {
			d.badMethod(v)
			continue
		}
		if slices.ContainsFunc(methods, func(w Value[string]) bool { return w.V == v.V }) {
			d.report(v.Pos, RuleValue, "the method %s is listed twice", v.V)
			continue
		}
		methods = append(methods, v)
	}
	return methods
}

func (d *document) badMethod(v Value[string]) {
	if near, ok := Nearest(v.V, Methods()); ok {
		d.report(v.Pos, RuleValue, "unknown method %s; did you mean %q?", quoted(v.V), near)
		return
	}
	d.report(v.Pos, RuleValue, "unknown method %s; allowed are %s", quoted(v.V), enumerate(Methods()))
}

// aliases are checked against the versions if these are all known. It is false
// when not all names could be read.
func (d *document) aliases(n node, dep *Deployment) ([]Alias, bool) {
	m, ok := d.mapping(n, "aliases")
	if !ok {
		return nil, false
	}
	known := !m.unread
	aliases := make([]Alias, 0, len(m.entries))
	for _, e := range m.entries {
		name, named := d.aliasName(e.key)
		known = known && named
		number, ok := d.integer(e.value, "alias "+quoted(e.name), 1, math.MaxInt32)
		exists := slices.ContainsFunc(dep.Versions, func(v DeploymentVersion) bool { return v.Number.V == number.V })
		if ok && !dep.UnreadVersions && !exists {
			d.report(number.Pos, RuleReference, "alias %s names version %d, which does not exist; the versions are %s", quoted(e.name), number.V, numbers(dep.Versions))
		}
		aliases = append(aliases, Alias{name, number})
	}
	return aliases, known
}

func (d *document) aliasName(n node) (Value[string], bool) {
	switch {
	case integerLike(n.Value):
		d.report(n.pos, RuleName, "an alias cannot be %s; that reads as the number of a version", describe(n))
		return Value[string]{}, false
	case strings.EqualFold(n.Value, Latest):
		d.report(n.pos, RuleName, "an alias cannot be %s; latest is always the highest version", quoted(n.Value))
		return Value[string]{}, false
	}
	return d.label(n, "an alias")
}

// numbers is the numbers of the versions for a message, cut when there are many.
func numbers(versions []DeploymentVersion) string {
	var all []int
	for _, v := range versions {
		all = append(all, v.Number.V)
	}
	slices.Sort(all)
	cut := ""
	if len(all) > mostListed {
		cut = fmt.Sprintf(" and %d more, up to %d", len(all)-mostListed, all[len(all)-1])
		all = all[:mostListed]
	}
	parts := make([]string, len(all))
	for i, n := range all {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ", ") + cut
}
