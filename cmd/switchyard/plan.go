package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

const planLong = `Print what a revision would change against the one that serves: endpoints that
come, go and change, how many subjects get another backend or another version,
who is mirrored, and which deployments are declared otherwise. Both are read
exactly as the running gateway reads them.

Without --repo, the work tree at PATH (the current directory) is compared with
the branch that holds the endpoints as origin had it when it was last fetched, or
else with the local branch. --from and --to name other revisions of the same
repository: a branch, a tag, a commit or an ancestor such as HEAD~1. With --repo
both are revisions of that repository; the one that is missing is the tip of the
branch.

A revision of the gateway is the endpoints branch and the tips of the other
branches that its endpoints name. What is compared stands for the endpoints
branch, whatever it is called: with --to add-experiment, a deployment of the
endpoints branch (branch: main) is the one in add-experiment, as it will be once
that is merged. All other branches are read at their tips, the same for both
sides. So the plan is that of the merge if --to has all commits of --from; where
it can be seen that it lacks some, the plan says so, since what those changed
would look as if it were taken back.

A revision with problems is refused by the gateway: problems of --to are printed
as check prints them and there is no plan. If --from has problems, what serves is
an older revision that cannot be known here: the plan says so, and shows all
endpoints as added.

Values of headers are never printed. The exit code is 0, also when there are
changes, unless --exit-code makes that 1; 1 as well when --to has problems, 2 when
the call is wrong, and 3 when it could not be planned.`

const planExample = `  switchyard plan                                     # what pushing this work tree would change
  switchyard plan --from HEAD~1 --to HEAD             # what the last commit changed
  switchyard plan --to HEAD~1 --from HEAD             # what undoing it would change
  switchyard plan --skip-secrets --format markdown    # for a comment on a pull request
  switchyard plan --repo https://git.example.com/models.git --to add-experiment`

// planFlags are what is asked of a plan besides settings.
type planFlags struct {
	repo        string
	from, to    string
	format      string
	skipSecrets bool
	exitCode    bool
}

func newPlan(p process) *cobra.Command {
	var f planFlags
	command := &cobra.Command{
		Use:     "plan [PATH]",
		Short:   "Say what a revision would change",
		Long:    planLong,
		Example: planExample,
		Args:    atMostOnePath,
		RunE: func(c *cobra.Command, given []string) error {
			s, err := givenSettings(p, c)
			if err != nil {
				return err
			}
			return f.run(c.Context(), p, s, given)
		},
	}
	command.Flags().StringVar(&f.repo, "repo", "", "URL or path of a git repository to read instead of the one around PATH.")
	command.Flags().StringVar(&f.from, "from", "", "What is compared with: a branch, tag or commit in place of the tip of the branch.")
	command.Flags().StringVar(&f.to, "to", "", "What would serve: a branch, tag or commit in place of the work tree, or with --repo of the tip of the branch.")
	command.Flags().StringVar(&f.format, "format", string(plan.FormatText), "How the plan is printed: text, markdown, or json.")
	command.Flags().BoolVar(&f.skipSecrets, "skip-secrets", false, "Take secrets that are not set on this machine for set.")
	command.Flags().BoolVar(&f.exitCode, "exit-code", false, "End with exit code 1 if there are changes.")
	addSettings(command, readingSettings("secretsDir")...)
	return command
}

func (f planFlags) validate(given []string) error {
	switch {
	case !slices.Contains(plan.Formats(), plan.Format(f.format)):
		return usagef("--format %s: text, markdown and json are allowed", f.format)
	case f.repo != "" && len(given) > 0:
		return usagef("either PATH or --repo can be planned, not both")
	case f.repo != "" && f.from == "" && f.to == "":
		return usagef("--repo needs --from, --to or both: what is missing is the tip of the branch")
	}
	return nil
}

func (f planFlags) run(ctx context.Context, p process, s settings, given []string) error {
	if err := f.validate(given); err != nil {
		return err
	}
	from, to, notes, err := f.read(ctx, p, s, given)
	if err != nil {
		return err
	}
	planned, problems := f.compare(from, to, secrets(p, s))
	if len(problems) > 0 {
		return f.refuse(p, to, problems)
	}
	planned.Notes = append(planned.Notes, notes...)
	if err := plan.Print(p.stdout, planned, plan.Format(f.format), colored(p.stdout, p.env)); err != nil {
		return err
	}
	if f.exitCode && planned.Changes {
		return errChanges
	}
	return nil
}

// compare loads both sides and compares them, or gives the problems of what would
// serve.
func (f planFlags) compare(from, to plan.Revision, found deployments.Secrets) (*plan.Plan, schema.Diagnostics) {
	assumed := assumeSecrets(found)
	if f.skipSecrets {
		found = assumed
	}
	var problems schema.Diagnostics
	if to.Endpoints, problems = gateway.Check(to.Revision, found); len(problems) > 0 {
		return nil, problems
	}
	from.Endpoints, problems = gateway.Check(from.Revision, assumed) // where it serves they are set
	if len(problems) == 0 {
		return plan.Compare(from, to), nil
	}
	from.Problems, from.Trees = len(problems), nil
	planned := plan.Compare(from, to)
	planned.Notes = append(planned.Notes, fmt.Sprintf("%s has %s, so that gateways refuse it and go on serving what they served before. "+
		"That cannot be known here: all endpoints are shown as added. Name the commit that serves with --from.",
		from.Name, plural(len(problems), "problem", "")))
	return planned, nil
}

// refuse prints the problems of what would serve, as check does.
func (f planFlags) refuse(p process, to plan.Revision, problems schema.Diagnostics) error {
	format := schema.FormatText
	if f.format == string(plan.FormatJSON) {
		format = schema.FormatJSON
	}
	if f.format == string(plan.FormatMarkdown) {
		return cmp.Or(plan.PrintProblems(p.stdout, to.Name, problems), errProblems)
	}
	if err := schema.Print(p.stdout, problems, format, colored(p.stdout, p.env)); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "%s in %s, which gateways refuse\n", summarizeProblems(problems), to.Name)
	return errProblems
}
