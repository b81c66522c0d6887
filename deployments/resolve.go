package deployments

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// longestList bounds how many existing names a diagnostic lists.
const longestList = 10

// Resolve finds the version that ref addresses. Whatever is missing (branch,
// deployment, version, alias) is a diagnostic at the position of the part of
// ref that names it, with the nearest existing one offered. What is there but
// could not be loaded, or may be there in a document that could not be read,
// gives neither a version nor another diagnostic: Load has reported it. The same
// holds for parts of ref that are empty, because they could not be read.
func (s *Set) Resolve(ref schema.DeploymentRef) (Resolved, schema.Diagnostics) {
	if ref.Branch.V == "" {
		return Resolved{}, nil
	}
	b := s.branches[ref.Branch.V]
	if b == nil {
		return missing(ref.Branch.Pos, fmt.Sprintf("branch %q does not exist", ref.Branch.V), offer(ref.Branch.V, s.names, ""))
	}
	if ref.Name.V == "" {
		return Resolved{}, nil
	}
	d := b.deployments[ref.Name.V]
	if d == nil {
		if _, broken := b.broken[strings.ToLower(ref.Name.V)]; broken || b.unreadable {
			return Resolved{}, nil
		}
		return missing(ref.Name.Pos, fmt.Sprintf("deployment %q does not exist on branch %s", ref.Name.V, ref.Branch.V),
			offer(ref.Name.V, b.names, "the deployments are"))
	}
	return d.resolve(ref)
}

// resolve finds a version of the deployment that ref names.
func (d *deployment) resolve(ref schema.DeploymentRef) (Resolved, schema.Diagnostics) {
	wanted := ref.Version.V
	number, named := wanted.Number, true
	switch wanted.Alias {
	case "":
	case schema.Latest:
		number, named = d.latest()
	default:
		number, named = d.aliases[wanted.Alias]
		if !named && !d.from.Value.UnreadAliases {
			return missing(ref.Version.Pos, fmt.Sprintf("deployment %s has no alias %q", ref.Name.V, wanted.Alias), d.offerAlias(wanted.Alias))
		}
	}
	v, there := d.versions[number]
	switch {
	case v != nil:
		return Resolved{Version: v, Alias: wanted.Alias}, nil
	case there || !named || number == 0 || wanted.Alias != "" || d.from.Value.UnreadVersions:
		return Resolved{}, nil
	}
	return missing(ref.Version.Pos, fmt.Sprintf("deployment %s has no version %d", ref.Name.V, number), d.versionList())
}

// latest is the highest number, if there is any.
func (d *deployment) latest() (int, bool) {
	if len(d.numbers) == 0 {
		return 0, false
	}
	return d.numbers[len(d.numbers)-1], true
}

func missing(at schema.Position, problem, offered string) (Resolved, schema.Diagnostics) {
	if offered != "" {
		problem += "; " + offered
	}
	return Resolved{}, schema.Diagnostics{{Position: at, Rule: schema.RuleReference, Message: problem}}
}

// offer is the nearest of the existing names, or else the list of them under a
// heading; empty when there is nothing to say.
func offer(name string, existing []string, heading string) string {
	if near, ok := schema.Nearest(name, existing); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case heading == "":
		return ""
	case len(existing) == 0:
		return "there are none"
	}
	return heading + " " + list(existing)
}

func (d *deployment) offerAlias(name string) string {
	aliases := append(slices.Sorted(maps.Keys(d.aliases)), schema.Latest)
	if near, ok := schema.Nearest(name, aliases); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "the aliases are " + list(aliases) + "; " + d.versionList()
}

// versionList names the newest versions first: one of them is meant.
func (d *deployment) versionList() string {
	numbers := make([]string, 0, len(d.numbers))
	for _, n := range slices.Backward(d.numbers) {
		numbers = append(numbers, strconv.Itoa(n))
	}
	return "the versions are " + list(numbers)
}

// list joins names, and says how many are left out.
func list(names []string) string {
	if more := len(names) - longestList; more > 1 {
		return strings.Join(names[:longestList], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}
