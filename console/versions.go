package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// resolution is what a name of a version stands for, such as latest for 7.
type resolution struct {
	Branch string
	Name   string
	Alias  string
	Number int
	Before int       // what it stood for before; 0: nothing else since the console runs
	Since  time.Time // when it changed, or was first seen
}

func (r resolution) key() string { return r.Branch + "\x00" + r.Name + "\x00" + r.Alias }

// watchEvery is how often the console looks whether another snapshot serves.
const watchEvery = time.Second

// Run keeps in mind what names of versions stand for, until ctx ends.
func (c *Console) Run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last *gateway.Snapshot
	for {
		if s := c.o.Snapshot(); s != last && s != nil {
			c.watchVersions(s)
			last = s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// watchVersions notes what names of versions stand for in a snapshot. Names that
// no endpoint uses any more are forgotten.
func (c *Console) watchVersions(s *gateway.Snapshot) {
	now := map[string]resolution{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range s.Endpoints() {
		for _, d := range named(e) {
			r := resolution{Branch: d.Branch, Name: d.Name, Alias: d.Alias, Number: d.Number, Since: s.Since()}
			if was, ok := c.versions[r.key()]; ok {
				if was.Number == r.Number {
					r = was
				} else {
					r.Before = was.Number
				}
			}
			now[r.key()] = r
		}
	}
	c.versions = now
}

// named are the deployments of an endpoint whose version goes by a name.
func named(e *endpoints.Endpoint) []*deployments.Resolved {
	var all []*deployments.Resolved
	for i := range e.Backends {
		if d := e.Backends[i].Deployment; d != nil && d.Alias != "" {
			all = append(all, d)
		}
	}
	for i := range e.Mirrors {
		if d := &e.Mirrors[i].Deployment; d.Alias != "" {
			all = append(all, d)
		}
	}
	return all
}

// resolutions are what the names of versions of an endpoint stand for.
func (c *Console) resolutions(e *endpoints.Endpoint) []resolution {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []resolution
	for _, d := range named(e) {
		r := resolution{Branch: d.Branch, Name: d.Name, Alias: d.Alias, Number: d.Number}
		if known, ok := c.versions[r.key()]; ok && known.Number == d.Number {
			r = known
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b resolution) int { return cmp.Compare(a.key(), b.key()) })
	return slices.CompactFunc(all, func(a, b resolution) bool { return a.key() == b.key() })
}
