package console

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/schema"
)

// resolution is what a name of a version stands for, such as latest for 7.
type resolution struct {
	Branch string
	Name   string
	Alias  string
	Number int
	Before int       // what it stood for before; 0: nothing that is known
	Since  time.Time // when that changed; zero: before all that is known

	looked bool // kept revisions can tell no more
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
			r := newResolution(d)
			if was, ok := c.versions[r.key()]; ok {
				if was.Number == r.Number {
					r = was
				} else {
					r.Before, r.Since, r.looked = was.Number, s.Since(), true
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
func (c *Console) resolutions(kept []Kept, e *endpoints.Endpoint) []resolution {
	var all []resolution
	for _, d := range named(e) {
		r := c.known(d)
		if !r.looked {
			r = c.lookBack(kept, r)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b resolution) int { return cmp.Compare(a.key(), b.key()) })
	return slices.CompactFunc(all, func(a, b resolution) bool { return a.key() == b.key() })
}

func newResolution(d *deployments.Resolved) resolution {
	return resolution{Branch: d.Branch, Name: d.Name, Alias: d.Alias, Number: d.Number}
}

// known is what is in mind of the name by which a version goes.
func (c *Console) known(d *deployments.Resolved) resolution {
	r := newResolution(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.versions[r.key()]; ok && known.Number == r.Number {
		return known
	}
	return r
}

// lookBack finds in the kept revisions when a name began to stand for what it does, and keeps
// that in mind.
func (c *Console) lookBack(kept []Kept, r resolution) resolution {
	kept = upToLive(kept)
	if len(kept) == 0 {
		return r
	}
	c.history.mu.Lock()
	r.Since, r.Before = c.turned(kept, r)
	c.history.mu.Unlock()
	r.looked = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.versions[r.key()]; ok && known.Number == r.Number {
		c.versions[r.key()] = r
	}
	return r
}

// turned is since when a name stands for what it does, and for what it stood before; zero if
// it does so in all revisions that are kept, or they cannot tell.
func (c *Console) turned(kept []Kept, r resolution) (since time.Time, before int) {
	for i := range kept[:len(kept)-1] {
		if !slices.ContainsFunc(deploymentPaths(r.Name), func(path string) bool { return kept[i].changes(r.Branch, path) }) {
			continue
		}
		rev, err := c.o.Kept(kept[i+1].Number)
		if err != nil || rev.Trees[r.Branch].FS == nil {
			return time.Time{}, 0
		}
		if was := numberIn(rev.Trees[r.Branch].FS, r); was != r.Number {
			return kept[i].Served, was
		}
	}
	return time.Time{}, 0
}

// deploymentPaths are the files in which a deployment may stand.
func deploymentPaths(name string) []string {
	at := schema.DeploymentsFolder + "/" + name
	return []string{at + ".yaml", at + ".yml"}
}

// numberIn is what the name of a version stands for in a tree; 0: nothing.
func numberIn(tree fs.FS, r resolution) int {
	for _, path := range deploymentPaths(r.Name) {
		data, err := fs.ReadFile(tree, path)
		if err != nil {
			continue
		}
		declared, _ := schema.ParseDeployment(schema.File{Branch: r.Branch, Path: path, Data: data})
		if declared == nil {
			return 0
		}
		number := 0
		for _, v := range declared.Versions {
			if r.Alias == schema.Latest {
				number = max(number, v.Number.V)
			}
		}
		for _, a := range declared.Aliases {
			if a.Name.V == r.Alias {
				number = a.Version.V
			}
		}
		return number
	}
	return 0
}
