package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManual makes the command that packages call for their manual pages.
func newManual() *cobra.Command {
	return &cobra.Command{
		Use:     "manual DIR",
		Short:   "Write a manual page for each command",
		Long:    "Write a manual page for each command into a directory, in man(7)'s form. Packages do so when they are built;\nSOURCE_DATE_EPOCH sets the date on the pages.",
		Example: "  switchyard manual man && man man/switchyard-serve.1",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the directory of the manual: %w", err)
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Switchyard", Manual: "Switchyard"}, args[0])
		},
	}
}
