package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const rootExample = `  switchyard demo                                    # try it: needs nothing but this binary
  switchyard check .                                 # before a commit
  switchyard plan                                    # what it would change
  switchyard serve --repo https://git.example.com/models.git --state /var/lib/switchyard`

// newRoot builds the command and all its sub-commands.
func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "switchyard",
		Short:         "A git-backed gateway in front of model deployments",
		Long:          "Switchyard serves the endpoints that people commit to a git repository:\neach at a stable URL, aliased to one model deployment or split over several,\nwith copies of live requests sent to mirrors whose answers go to the log only.",
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,

		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newServe(p), newCheck(p), newPlan(p), newDemo(p), newSchema(p), newVersion(p))
	root.AddCommand(newReport(p), newReplay(p), newLogs(p))
	root.AddCommand(newRevisions(p), newPin(p), newUnpin(p), newSync(p), newKey(p), newImport(p), newManual(), newConsole(p))
	return root
}

// knownCommand refuses arguments of the bare command: each would have been the
// name of a sub-command.
func knownCommand(root *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	if near := root.SuggestionsFor(given[0]); len(near) > 0 {
		return usagef("unknown command %q; did you mean %q?", given[0], near[0])
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q; there are %s", given[0], strings.Join(names, ", "))
}
