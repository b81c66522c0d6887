package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/replay"
	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

// replayTarget is where requests are sent, and how.
type replayTarget struct {
	options replay.Options
	gates   *schema.Gates // nil: none are declared
}

// tolerances are those of scores that are declared, by the name of the target.
func (t *replayTarget) tolerances() map[string]report.Tolerance {
	if c := t.options.Compare; c != nil && c.Tolerance != nil {
		return map[string]report.Tolerance{t.options.Name: report.Tolerance(*c.Tolerance)}
	}
	return nil
}

// target reads what is declared: the deployment, and if there is one the mirror.
func (f *replayFlags) target(ctx context.Context, p process, s settings, endpoint string) (replayTarget, error) {
	var branches []string
	ref, given, err := parseTarget(f.to)
	if err != nil {
		return replayTarget{}, err
	}
	if given {
		branches = append(branches, ref.Branch.V)
	}
	rev, err := f.revision(ctx, p, s, branches)
	if err != nil {
		return replayTarget{}, err
	}
	declared, err := endpointIn(rev.Trees[rev.Branch].FS, endpoint)
	if err != nil {
		return replayTarget{}, err
	}
	to := replayTarget{options: replay.Options{Endpoint: endpoint, Branch: rev.Branch, Commit: rev.Trees[rev.Branch].Commit, Name: ref.Name.V}}
	if declared != nil {
		to.options.Path = declared.Path.V
		if declared.Capture != nil {
			to.options.Redact = declared.Capture.Redact
		}
	}
	if f.mirror != "" {
		m, err := mirrorOf(declared, endpoint, f.mirror)
		if err != nil {
			return to, err
		}
		to.as(m)
		if !given {
			ref = m.Deployment
		}
	}
	to.options.Target, err = resolveTarget(p, s, rev, ref)
	return to, err
}

// as takes over what a mirror declares.
func (t *replayTarget) as(m *schema.Mirror) {
	t.options.Name, t.options.Compare, t.gates = m.Name.V, m.Compare, m.Gates
	t.options.Header, t.options.Rules = deployments.NewRules(&m.Rules)
}

func mirrorOf(e *schema.Endpoint, endpoint, name string) (*schema.Mirror, error) {
	if e == nil {
		return nil, usagef("--mirror %s: there is no endpoint %s; run it at the top of the work tree that declares it, or give --repo", name, endpoint)
	}
	var names []string
	for i := range e.Mirrors {
		if e.Mirrors[i].Name.V == name {
			return &e.Mirrors[i], nil
		}
		names = append(names, e.Mirrors[i].Name.V)
	}
	return nil, usagef("--mirror %s: %s has no such mirror%s", name, endpoint, offer(name, names))
}

// parseTarget reads BRANCH/NAME/VERSION; a branch may have slashes.
func parseTarget(text string) (ref schema.DeploymentRef, given bool, err error) {
	if text == "" {
		return ref, false, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 3 || slices.Contains(parts, "") {
		return ref, false, usagef("--to %s: give BRANCH/NAME/VERSION, such as main/pricing_model/latest", text)
	}
	last := len(parts) - 1
	ref.Branch.V, ref.Name.V = strings.Join(parts[:last-1], "/"), parts[last-1]
	ref.Version.V.Alias = parts[last]
	if n, err := strconv.Atoi(parts[last]); err == nil && n > 0 {
		ref.Version.V = schema.Version{Number: n}
	}
	return ref, true, nil
}

// revision reads the repository: --repo, or the work tree here.
func (f *replayFlags) revision(ctx context.Context, p process, s settings, branches []string) (schema.Revision, error) {
	if f.repo != "" {
		return readRepository(ctx, p, s, f.repo, "", branches...)
	}
	if err := holdsDocuments("replay in", "."); err != nil {
		return schema.Revision{}, err
	}
	return readWorkTree(ctx, p, ".", s.text("branch"), branches...)
}

// resolveTarget finds the version that is addressed. What else is wrong in the revision
// does not matter.
func resolveTarget(p process, s settings, rev schema.Revision, ref schema.DeploymentRef) (deployments.Resolved, error) {
	set, problems := deployments.Load(rev, secrets(p, s))
	found, missing := set.Resolve(ref)
	if len(missing) > 0 {
		return found, fmt.Errorf("%s/%s/%s: %s", ref.Branch.V, ref.Name.V, ref.Version.V, missing[0].Message)
	}
	if found.Version != nil {
		return found, nil
	}
	branch := ref.Branch.V
	if branch == rev.Branch {
		branch = "" // as positions have it
	}
	own := slices.DeleteFunc(problems, func(d schema.Diagnostic) bool { return d.Branch != branch })
	return found, fmt.Errorf("deployment %s cannot be used: %w", ref.Name.V, cmp.Or(own.Err(), problems.Err()))
}
