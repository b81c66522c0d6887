package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Each command that reads a repository signs in as all others can.
func TestEveryReaderOfARepositoryCanSignIn(t *testing.T) {
	var readers []string
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		if c.Flags().Lookup("branch") == nil || c.Flags().Lookup("repo") == nil {
			return
		}
		readers = append(readers, c.Name())
		for _, s := range schema.Settings() {
			if slices.Contains(readingSettings(), s.Key) && c.Flags().Lookup(s.Flag) == nil {
				t.Errorf("%s has no --%s", c.Name(), s.Flag)
			}
		}
	}
	visit(newRoot(process{}))
	slices.Sort(readers)
	if want := []string{"check", "list", "plan", "replay", "report", "serve", "verify"}; !slices.Equal(readers, want) {
		t.Errorf("%q read repositories, want %q", readers, want)
	}
}
