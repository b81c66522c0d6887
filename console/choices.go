package console

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/switchyard-gateway/switchyard/schema"
)

// choices are the deployments of the branches that are followed: those that hold
// the endpoints or that an endpoint names.
type choices struct {
	mu    sync.Mutex
	key   string // of the revision that they are of
	known known
}

// known is what can be chosen in forms.
type known struct {
	Branches    []string
	Deployments []deployment
}

// deployment is one that can be chosen.
type deployment struct {
	Branch   string
	Name     string
	Versions []string // latest, aliases, and numbers, the highest first
}

// mostOffered bounds what forms offer. More can be typed in.
const mostOffered = 2000

// offered is what can be chosen in a revision.
func (c *choices) offered(rev schema.Revision) known {
	branches := slices.Sorted(maps.Keys(rev.Trees))
	var key strings.Builder
	for _, b := range branches {
		key.WriteString(b + " " + rev.Trees[b].Commit + "\n")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == key.String() {
		return c.known
	}
	k := known{Branches: branches}
	for _, b := range branches {
		k.Deployments = append(k.Deployments, deploymentsOf(b, rev.Trees[b], mostOffered-len(k.Deployments))...)
	}
	c.key, c.known = key.String(), k
	return k
}

// deploymentsOf are those of a branch, at most so many.
func deploymentsOf(branch string, tree schema.Tree, most int) (all []deployment) {
	files, _ := schema.Documents(tree, branch, schema.DeploymentsFolder)
	for _, f := range files {
		if d, _ := schema.ParseDeployment(f); d != nil && len(all) < most {
			all = append(all, deployment{branch, d.Name, versions(d)})
		}
	}
	return all
}

func versions(d *schema.Deployment) []string {
	all := []string{schema.Latest}
	for _, a := range d.Aliases {
		all = append(all, a.Name.V)
	}
	slices.Sort(all[1:])
	numbers := make([]int, 0, len(d.Versions))
	for _, v := range d.Versions {
		numbers = append(numbers, v.Number.V)
	}
	slices.Sort(numbers)
	for _, n := range slices.Backward(numbers) {
		all = append(all, strconv.Itoa(n))
	}
	return all
}
