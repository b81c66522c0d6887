package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

// addKeySource gives a command the flags that say where keys are read from.
func addKeySource(c *cobra.Command, f *checkFlags) {
	c.Flags().StringVar(&f.repo, "repo", "", "URL or path of a git repository to read instead of a work tree.")
	c.Flags().StringVar(&f.rev, "rev", "", "With --repo: a branch, tag or commit in place of the tip of the branch.")
	addSettings(c, readingSettings()...)
}

func newKey(p process) *cobra.Command {
	command := &cobra.Command{
		Use:   "key",
		Short: "Make API keys, and look after those in a repository",
		Long:  "Make API keys, and look after those in a repository. Git holds a hash of each, in\nkeys/NAME.yaml; a key that is lost cannot be read from it.",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(newKeyCreate(p), newKeyVerify(p), newKeyList(p))
	return command
}

const keyCreateLong = `Make a random API key. The document to commit as keys/NAME.yaml is printed to
standard output, and the key, this once, to standard error: give it to whom it is
for, and keep it nowhere else.`

const keyCreateExample = `  switchyard key create partner > keys/partner.yaml
  switchyard key create partner --endpoints 'pricing_*' --expires 2030-01-31 > keys/partner.yaml`

func newKeyCreate(p process) *cobra.Command {
	var patterns []string
	var expires string
	command := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a key and the document to commit",
		Long:    keyCreateLong,
		Example: keyCreateExample,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return usagef("give the name of the key, which is that of its document as well")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, given []string) error { return createKey(p, given[0], patterns, expires) },
	}
	command.Flags().StringSliceVar(&patterns, "endpoints", []string{"*"}, "Endpoints that it is good for; * stands for any characters of a name.")
	command.Flags().StringVar(&expires, "expires", "", "When it ends: a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z.")
	return command
}

// createKey prints a key and its document, which is parsed first: what is printed
// can be committed.
func createKey(p process, name string, patterns []string, expires string) error {
	text, hash := access.NewKey()
	var b strings.Builder
	fmt.Fprintf(&b, "schemaVersion: 1\nhash: %q\nendpoints: [", access.HashText(hash))
	for i, pattern := range patterns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(pattern))
	}
	b.WriteString("]\n")
	if expires != "" {
		fmt.Fprintf(&b, "expires: %q\n", expires)
	}
	file := schema.File{Path: schema.KeysFolder + "/" + name + ".yaml", Data: []byte(b.String())}
	if _, problems := schema.ParseAPIKey(file); len(problems) > 0 {
		return usageError{problems}
	}
	fmt.Fprintf(p.stderr, "The key, which is not shown again:\n\n  %s\n\nCommit what follows as %s:\n", text, file.Path)
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

const keyVerifyLong = `Say which key of a repository is the one on standard input, and what it is good
for. It is never given as an argument, which others on the machine could see.

The exit code is 0 when the key is good, and 1 when it is not known or has expired.`

const keyVerifyExample = `  switchyard key verify < key.txt
  switchyard key verify --repo https://git.example.com/models.git < key.txt`

func newKeyVerify(p process) *cobra.Command {
	var from checkFlags
	command := &cobra.Command{
		Use:     "verify [PATH]",
		Short:   "Say which key it is that stands on standard input",
		Long:    keyVerifyLong,
		Example: keyVerifyExample,
		Args:    atMostOnePath,
		RunE: func(c *cobra.Command, given []string) error {
			keys, err := from.keys(c.Context(), p, c, given)
			if err != nil {
				return err
			}
			return verifyKey(p, keys, time.Now())
		},
	}
	addKeySource(command, &from)
	return command
}

func verifyKey(p process, keys *access.Set, now time.Time) error {
	const most = 1 << 10
	read, err := io.ReadAll(io.LimitReader(p.stdin, most))
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	text := strings.TrimSpace(string(read))
	k := keys.Find(text)
	switch {
	case !access.IsKey(text):
		fmt.Fprintln(p.stdout, `not a key: keys are "sy_" and 43 letters, as switchyard key create makes them`)
	case k == nil:
		fmt.Fprintln(p.stdout, "not known: no key of the repository has its hash")
	case k.Expired(now):
		fmt.Fprintf(p.stdout, "%s: expired %s\n", k.Name, moment(k.Expires))
	default:
		fmt.Fprintf(p.stdout, "%s: good for %s%s\n", k.Name, strings.Join(k.Endpoints, ", "), until(k))
		return nil
	}
	return errProblems
}

func until(k *access.Key) string {
	if k.Expires.IsZero() {
		return ""
	}
	return ", until " + moment(k.Expires)
}

func newKeyList(p process) *cobra.Command {
	var from checkFlags
	command := &cobra.Command{
		Use:     "list [PATH]",
		Short:   "List the keys of a repository",
		Long:    "List the keys of a work tree, the current directory if PATH is missing, or of\n--repo: their names, the endpoints that they are good for, when they end, and\ntheir limits.",
		Example: "  switchyard key list\n  switchyard key list --repo https://git.example.com/models.git",
		Args:    atMostOnePath,
		RunE: func(c *cobra.Command, given []string) error {
			keys, err := from.keys(c.Context(), p, c, given)
			if err != nil {
				return err
			}
			return listKeys(p, keys, time.Now())
		},
	}
	addKeySource(command, &from)
	return command
}

func listKeys(p process, keys *access.Set, now time.Time) error {
	if keys.Len() == 0 {
		fmt.Fprintln(p.stderr, "there are no keys")
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tENDPOINTS\tEXPIRES\tLIMITS")
	for _, k := range keys.Keys() {
		expires := "never"
		switch {
		case k.Expired(now):
			expires = "expired"
		case !k.Expires.IsZero():
			expires = moment(k.Expires)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, strings.Join(k.Endpoints, ", "), expires, k.Limits)
	}
	return w.Flush()
}

// keys reads the keys of what is asked for. Problems in other documents are not
// looked for.
func (f checkFlags) keys(ctx context.Context, p process, c *cobra.Command, given []string) (*access.Set, error) {
	s, err := givenSettings(p, c)
	if err != nil {
		return nil, err
	}
	f.format = string(schema.FormatText)
	if err := f.validate(given); err != nil {
		return nil, err
	}
	rev, err := f.read(ctx, p, s, given)
	if err != nil {
		return nil, err
	}
	keys, problems := access.Load(rev)
	if len(problems) > 0 {
		if err := schema.Print(p.stderr, problems, schema.FormatText, colored(p.stderr, p.env)); err != nil {
			return nil, err
		}
		return nil, errProblems
	}
	return keys, nil
}
