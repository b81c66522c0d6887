package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

const revisionsLong = `List the last revisions that served, the newest first, with what each changed
against the one before, and which of them serves and is pinned.

A running gateway is asked at its admin listener. With --state its folder is read
instead, whether it runs or not; live then marks what would serve at a start.`

const revisionsExample = `  switchyard revisions
  switchyard revisions --admin http://10.0.0.7:9090
  switchyard revisions --state /var/lib/switchyard --format json`

// revisionsFlags are what is asked of a list.
type revisionsFlags struct {
	admin, state, format string
}

func newRevisions(p process) *cobra.Command {
	var f revisionsFlags
	command := &cobra.Command{
		Use:     "revisions",
		Short:   "List the revisions that served",
		Long:    revisionsLong,
		Example: revisionsExample,
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), p) },
	}
	addAdmin(command, &f.admin)
	command.Flags().StringVar(&f.state, "state", "", "State folder to read instead of asking a gateway.")
	command.Flags().StringVar(&f.format, "format", "text", "How they are printed: text or json.")
	return command
}

func (f revisionsFlags) run(ctx context.Context, p process) error {
	if f.format != "text" && f.format != "json" {
		return usagef("--format %s: text and json are allowed", f.format)
	}
	if f.state != "" && f.admin != "" {
		return usagef("either --admin or --state can be given, not both")
	}
	list, err := f.list(ctx, p)
	if err != nil {
		return err
	}
	if f.format == "json" {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(map[string]any{"revisions": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(p.stderr, "no revision is kept yet")
	}
	for _, r := range list {
		printRevision(p.stdout, r)
	}
	return nil
}

func (f revisionsFlags) list(ctx context.Context, p process) ([]serve.KeptRevision, error) {
	if f.state == "" {
		client, err := newAdminClient(p, f.admin)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Revisions []serve.KeptRevision `json:"revisions"`
		}
		err = client.call(ctx, http.MethodGet, "/revisions", nil, &answer)
		return answer.Revisions, err
	}
	if _, err := os.Stat(f.state); err != nil {
		return nil, fmt.Errorf("read the state folder: %w", err)
	}
	list, err := gitsync.ReadKept(f.state)
	if err != nil {
		return nil, fmt.Errorf("read the state folder: %w", err)
	}
	return serve.NewRevisions(list), nil
}

// mostFiles is how many files of one revision are printed.
const mostFiles = 10

func printRevision(w io.Writer, r serve.KeptRevision) {
	fmt.Fprintf(w, "%4d  %.12s%s\n", r.Number, r.Commit, marks(r))
	if r.Error != "" {
		fmt.Fprintf(w, "      cannot be used: %s\n", printable(r.Error))
		return
	}
	fmt.Fprintf(w, "      %s: %s\n", line(r.Author), line(r.Subject))
	if r.Served != nil && r.Time != nil {
		fmt.Fprintf(w, "      committed %s, served since %s\n", moment(*r.Time), moment(*r.Served))
	}
	if c := r.Changes; c != nil {
		fmt.Fprintf(w, "      %d added, %d removed, %d changed\n", c.Added, c.Removed, c.Changed)
		for i, file := range c.Files {
			if i == mostFiles {
				fmt.Fprintf(w, "        and %d more\n", c.Added+c.Removed+c.Changed-i)
				break
			}
			fmt.Fprintf(w, "        %-7s %s%s\n", file.Kind, line(file.Path), onBranch(file.Branch, r.Branch))
		}
	}
}

func marks(r serve.KeptRevision) string {
	out := ""
	if r.Live {
		out += "  live"
	}
	if r.Pinned {
		out += "  pinned"
	}
	return out
}

func onBranch(branch, endpoints string) string {
	if branch == endpoints {
		return ""
	}
	return " on " + line(branch)
}

// line is text of others on one line.
func line(s string) string { return printable(strings.ReplaceAll(s, "\n", " ")) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
