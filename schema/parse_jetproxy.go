package schema

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseJetProxy parses a configuration of JetProxy as far as endpoints and
// deployments have the same: proxies, services and mirroring. Other keys are
// listed and mean nothing here. It is nil when there is any diagnostic: a service
// that is not there, say, which JetProxy itself does not notice.
//
// The keys of mirroring may stand beside it instead of in it, as JetProxy's
// published page indents them.
func ParseJetProxy(f File) (*JetProxy, Diagnostics) {
	d, root, ok := open(f)
	if !ok {
		return nil, d.finish()
	}
	var c JetProxy
	services, _ := d.jetProxyKey(root, "services")
	proxies, _ := d.jetProxyKey(root, "proxies")
	if services.Node != nil {
		c.Services = d.jetProxyServices(services, &c)
	}
	if proxies.Node != nil {
		c.Proxies = d.jetProxyRoutes(proxies, &c)
	}
	c.leave(root, "")
	d.jetProxyNames(&c, jetProxyGRPC(root))
	if ds := d.finish(); ds != nil {
		return nil, ds
	}
	slices.SortStableFunc(c.Others, func(a, b Value[string]) int { return a.Pos.Compare(b.Pos) })
	return &c, nil
}

// jetProxyKey is the value of a key that must be written. A key that is misspelt
// counts as another one, since JetProxy has keys that are not known here.
func (d *document) jetProxyKey(m *mapping, key string) (node, bool) {
	if !m.has(key) {
		d.report(m.pos, RuleMissingKey, "%s needs the key %q", m.what, key)
	}
	return d.jetProxyTake(m, key)
}

// jetProxyTake takes a key whose value is written out: JetProxy fills in
// ${NAME:default} when it starts, and with what is nobody's guess here.
func (d *document) jetProxyTake(m *mapping, key string) (node, bool) {
	n, ok := m.take(key)
	if ok && n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
		d.report(n.pos, RuleValue, "JetProxy fills in %s when it starts; write what %s is then", quoted(n.Value), key)
		return n, false
	}
	return n, ok
}

// leave lists what of a mapping was not taken.
func (c *JetProxy) leave(m *mapping, prefix string) {
	for _, e := range m.entries {
		if !e.taken {
			c.Others = append(c.Others, Value[string]{prefix + e.name, e.key.pos})
		}
	}
}

func (d *document) jetProxyServices(n node, c *JetProxy) []JetProxyService {
	items, ok := d.list(n, "services")
	if !ok {
		return nil
	}
	all := make([]JetProxyService, 0, len(items))
	for i, item := range items {
		m, ok := d.mapping(item, fmt.Sprintf("services[%d]", i))
		if !ok {
			continue
		}
		var s JetProxyService
		if n, ok := d.jetProxyKey(m, "name"); ok {
			s.Name, _ = d.label(n, "the name of a service")
		}
		if n, ok := d.jetProxyKey(m, "url"); ok {
			s.URL = d.jetProxyURL(n)
		}
		if n, ok := d.jetProxyTake(m, "methods"); ok {
			s.Methods = d.methods(n)
		}
		c.leave(m, fmt.Sprintf("services[%d].", i))
		all = append(all, s)
	}
	return all
}

func (d *document) jetProxyURL(n node) Value[string] {
	v, ok := d.str(n, "url")
	if !ok {
		return v
	}
	if problem := urlProblem(v.V); problem != "" {
		d.report(v.Pos, RuleURL, "%s", problem)
	}
	return v
}

func (d *document) jetProxyRoutes(n node, c *JetProxy) []JetProxyRoute {
	items, ok := d.list(n, "proxies")
	if !ok {
		return nil
	}
	all := make([]JetProxyRoute, 0, len(items))
	for i, item := range items {
		prefix := fmt.Sprintf("proxies[%d]", i)
		m, ok := d.mapping(item, prefix)
		if !ok {
			continue
		}
		r := JetProxyRoute{Pos: m.pos}
		if n, ok := d.jetProxyKey(m, "path"); ok {
			r.Path = d.jetProxyPath(n)
		}
		if n, ok := d.jetProxyKey(m, "service"); ok {
			r.Service, _ = d.str(n, "service")
		}
		if n, ok := m.take("middleware"); ok {
			r.Mirroring = d.jetProxyMirroring(n, prefix+".middleware", c)
		}
		c.leave(m, prefix+".")
		all = append(all, r)
	}
	return all
}

// jetProxyPath takes "/user/*" for "/user", which means the same there.
func (d *document) jetProxyPath(n node) Value[string] {
	v, ok := d.str(n, "path")
	if !ok {
		return v
	}
	v.V = strings.TrimSuffix(strings.TrimSuffix(v.V, "*"), "/")
	if problem := pathProblem(v.V); problem != "" {
		d.report(v.Pos, RuleValue, "path cannot be %s: %s", quoted(n.Value), problem)
	}
	return v
}

// jetProxyMirroring reads the mirroring of a middleware; nil if there is none.
func (d *document) jetProxyMirroring(n node, prefix string, c *JetProxy) *JetProxyMirroring {
	outer, ok := d.mapping(n, prefix)
	if !ok {
		return nil
	}
	defer c.leave(outer, prefix+".")
	n, ok = outer.take("mirroring")
	if !ok {
		return nil
	}
	m := outer
	if n.Kind != yaml.ScalarNode || n.Tag != nullTag {
		if m, ok = d.mapping(n, prefix+".mirroring"); !ok {
			return nil
		}
		defer c.leave(m, prefix+".mirroring.")
	}
	var mirroring JetProxyMirroring
	if n, ok := d.jetProxyTake(m, "enabled"); ok {
		mirroring.Enabled, _ = d.boolean(n, "enabled")
	}
	if !m.has("mirrorService") && !mirroring.Enabled {
		return nil // it is off, and says no more
	}
	if n, ok := d.jetProxyKey(m, "mirrorService"); ok {
		mirroring.Service, _ = d.str(n, "mirrorService")
	}
	if n, ok := d.jetProxyKey(m, "mirrorPercentage"); ok {
		mirroring.Percent, _ = d.integer(n, "mirrorPercentage", 1, 100)
	}
	return &mirroring
}

// jetProxyGRPC are the names of the services that JetProxy translates requests for.
func jetProxyGRPC(root *mapping) []string {
	var names []string
	for _, e := range root.entries {
		if e.name != "grpcServices" {
			continue
		}
		var services []struct{ Name string }
		if err := e.value.Decode(&services); err != nil {
			continue // it is not carried over, so that nobody is told how it should look
		}
		for _, s := range services {
			names = append(names, s.Name)
		}
	}
	return names
}

// jetProxyNames checks that every service that is named is there, once.
func (d *document) jetProxyNames(c *JetProxy, translated []string) {
	names := make([]string, 0, len(c.Services))
	for _, s := range c.Services {
		if slices.Contains(names, s.Name.V) {
			d.report(s.Name.Pos, RuleConflict, "the service %s is written twice", quoted(s.Name.V))
		}
		names = append(names, s.Name.V)
	}
	for _, r := range c.Proxies {
		d.jetProxyService(r.Service, names, translated)
		if r.Mirroring != nil {
			d.jetProxyService(r.Mirroring.Service, names, translated)
		}
	}
}

func (d *document) jetProxyService(s Value[string], names, translated []string) {
	if s == (Value[string]{}) || slices.Contains(names, s.V) {
		return // what is not there, or no text, has been said
	}
	if slices.Contains(translated, s.V) {
		d.report(s.Pos, RuleReference, "JetProxy translates requests for the gRPC service %s, which nothing here does; leave the proxy out, and have gRPC clients call an endpoint", quoted(s.V))
		return
	}
	if near, ok := Nearest(s.V, names); ok {
		d.report(s.Pos, RuleReference, "there is no service %s; did you mean %q?", quoted(s.V), near)
		return
	}
	d.report(s.Pos, RuleReference, "there is no service %s; there are %s", quoted(s.V), enumerate(names))
}
