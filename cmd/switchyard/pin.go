package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

const pinLong = `Serve a revision that served before, and nothing else until "switchyard unpin",
also after a restart. It needs no git server.

REVISION is a commit of the endpoints branch, whole or at least its first 7
digits, or a number as "switchyard revisions" lists it. New commits are still
read and checked meanwhile, and shown as pending, but do not serve.`

const pinExample = `  switchyard revisions                  # what there is to go back to
  switchyard pin 3fa9c1e
  switchyard pin 17 --admin http://10.0.0.7:9090`

func newPin(p process) *cobra.Command {
	var admin string
	command := &cobra.Command{
		Use:     "pin REVISION",
		Short:   "Go back to a revision that served, and stay there",
		Long:    pinLong,
		Example: pinExample,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return usagef("give one revision: a commit, or a number that \"switchyard revisions\" lists")
			}
			return nil
		},
		RunE: func(c *cobra.Command, given []string) error {
			return change(c.Context(), p, admin, "/pin", url.Values{"commit": given}, "pinned; serving")
		},
	}
	addAdmin(command, &admin)
	return command
}

const unpinExample = `  switchyard unpin
  switchyard unpin --admin http://10.0.0.7:9090`

func newUnpin(p process) *cobra.Command {
	var admin string
	command := &cobra.Command{
		Use:     "unpin",
		Short:   "Let the newest revision serve again",
		Long:    "Take back \"switchyard pin\": the newest revision serves again, if nothing is wrong\nwith it.",
		Example: unpinExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return change(c.Context(), p, admin, "/unpin", nil, "not pinned; serving")
		},
	}
	addAdmin(command, &admin)
	return command
}

const syncLong = `Have a running gateway read its repository now, and wait for the result.

A revision without most of the endpoints of the one that serves, or without the
endpoints folder, is held until somebody confirms it with --accept and its commit,
whole or at least its first 7 digits.`

const syncExample = `  switchyard sync
  switchyard sync --accept 3fa9c1e                   # these endpoints are to go
  switchyard sync --admin http://10.0.0.7:9090`

func newSync(p process) *cobra.Command {
	var admin, accept string
	command := &cobra.Command{
		Use:     "sync",
		Short:   "Read the repository now, or confirm what is held",
		Long:    syncLong,
		Example: syncExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			query := url.Values{}
			if c.Flags().Changed("accept") {
				query.Set("accept", accept)
			}
			return change(c.Context(), p, admin, "/sync", query, "serving")
		},
	}
	addAdmin(command, &admin)
	command.Flags().StringVar(&accept, "accept", "", "Commit to let serve although it is held.")
	return command
}

// change asks a gateway to change what serves, and says what serves then.
func change(ctx context.Context, p process, admin, path string, query url.Values, done string) error {
	client, err := newAdminClient(p, admin)
	if err != nil {
		return err
	}
	var answer adminAnswer
	if err := client.call(ctx, http.MethodPost, path, query, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s %s\n", done, printable(answer.Commit))
	return err
}
