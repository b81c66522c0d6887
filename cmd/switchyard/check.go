package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

const checkLong = `Read endpoints and deployments exactly as the running gateway does, and print
all that is wrong with them.

PATH is a work tree, the current directory if it is missing. It stands for the
branch that holds the endpoints, whatever is checked out in it; the other
branches that its endpoints name are read from the git repository around it,
from origin's where there is none of its own. With --repo a repository is read
instead, at the tip of the branch or at --rev.

Headers of deployments may hold ${env:NAME} and ${file:PATH}; each must be there,
unless --skip-secrets says that this machine does not hold them.

What is allowed and of no effect is a warning, on standard error.

The exit code is 0 when nothing is wrong, 1 when there are problems, 2 when the
call is wrong, and 3 when it could not be checked.`

const checkExample = `  switchyard check
  switchyard check ../models --skip-secrets --format github
  switchyard check --repo https://git.example.com/models.git --rev add-experiment`

// checkFlags are what is asked of a check besides settings.
type checkFlags struct {
	repo        string
	rev         string
	format      string
	skipSecrets bool
}

func newCheck(p process) *cobra.Command {
	var f checkFlags
	command := &cobra.Command{
		Use:     "check [PATH]",
		Short:   "Say what is wrong with endpoints and deployments",
		Long:    checkLong,
		Example: checkExample,
		Args:    atMostOnePath,
		RunE: func(c *cobra.Command, given []string) error {
			s, err := givenSettings(p, c)
			if err != nil {
				return err
			}
			return f.run(c.Context(), p, s, given)
		},
	}
	command.Flags().StringVar(&f.repo, "repo", "", "URL or path of a git repository to read instead of a work tree.")
	command.Flags().StringVar(&f.rev, "rev", "", "With --repo: a branch, tag or commit in place of the tip of the branch.")
	command.Flags().StringVar(&f.format, "format", string(schema.FormatText), "How problems are printed: text, json, or github for annotations.")
	command.Flags().BoolVar(&f.skipSecrets, "skip-secrets", false, "Take secrets that are not set on this machine for set.")
	addSettings(command, readingSettings("secretsDir")...)
	return command
}

func atMostOnePath(_ *cobra.Command, given []string) error {
	if len(given) > 1 {
		return usagef("one PATH can be given, not %d", len(given))
	}
	return nil
}

func (f checkFlags) run(ctx context.Context, p process, s settings, given []string) error {
	if err := f.validate(given); err != nil {
		return err
	}
	rev, err := f.read(ctx, p, s, given)
	if err != nil {
		return err
	}
	found := secrets(p, s)
	if f.skipSecrets {
		found = assumeSecrets(found)
	}
	declared, problems := gateway.Check(rev, found)
	problems = append(problems, withoutEndpoints(rev)...).Sort()
	if err := schema.Print(p.stdout, problems, schema.Format(f.format), colored(p.stdout, p.env)); err != nil {
		return err
	}
	if len(problems) > 0 {
		fmt.Fprintln(p.stderr, summarizeProblems(problems))
		return errProblems
	}
	for _, warning := range gateway.Warnings(declared) {
		fmt.Fprintln(p.stderr, "warning:", warning)
	}
	fmt.Fprintln(p.stderr, summarize(rev, len(declared)))
	return nil
}

func (f checkFlags) validate(given []string) error {
	switch {
	case !slices.Contains(schema.Formats(), schema.Format(f.format)):
		return usagef("--format %s: text, json and github are allowed", f.format)
	case f.repo != "" && len(given) > 0:
		return usagef("either PATH or --repo can be checked, not both")
	case f.rev != "" && f.repo == "":
		return usagef("--rev is a revision of --repo, which is missing; use --repo . for the repository here")
	}
	return nil
}

// read gives the revision that is to be checked.
func (f checkFlags) read(ctx context.Context, p process, s settings, given []string) (schema.Revision, error) {
	if f.repo == "" {
		path := "."
		if len(given) > 0 {
			path = given[0]
		}
		if err := holdsDocuments("check", path); err != nil {
			return schema.Revision{}, err
		}
		return readWorkTree(ctx, p, path, s.text("branch"))
	}
	return readRepository(ctx, p, s, f.repo, f.rev)
}

// readRepository reads a repository once, with the endpoints branch at rev if it
// is not empty, and with more branches than endpoints name.
func readRepository(ctx context.Context, p process, s settings, repo, rev string, more ...string) (schema.Revision, error) {
	auth, err := gitAuth(p, s)
	if err != nil {
		return schema.Revision{}, err
	}
	named := serve.Named(s.text("branch"))
	o := gitsync.Options{
		URL:      repo,
		Branch:   s.text("branch"),
		Timeout:  s.duration("gitTimeout"),
		MaxBytes: s.size("gitMaxBytes"),
		Auth:     auth,
		Proxy:    http.ProxyFromEnvironment,
		Named:    func(tree fs.FS) []string { return union(named(tree), more, s.text("branch")) },
	}
	read, err := gitsync.Read(ctx, o, rev)
	if err != nil {
		return schema.Revision{}, fmt.Errorf("read %s: %w", gitsync.Shown(repo), err)
	}
	return serve.Revision(read), nil
}

// union is the branches of both lists but one, sorted.
func union(a, b []string, but string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == but })
}

// readWorkTree makes a revision of the files in path, which stand for branch,
// and of the tips of the other branches that they name, and of more.
func readWorkTree(ctx context.Context, p process, path, branch string, more ...string) (schema.Revision, error) {
	tree := schema.Tree{FS: os.DirFS(path)}
	rev := schema.Revision{Branch: branch, Trees: map[string]schema.Tree{branch: tree}}
	others := union(endpoints.Branches(tree, branch), more, branch)
	if len(others) == 0 {
		return rev, nil
	}
	repository, err := gitsync.FindWorkTree(path)
	if errors.Is(err, gitsync.ErrNoRepository) {
		fmt.Fprintf(p.stderr, "%s is not in a git repository, so that no other branch can be read\n", path)
		return rev, nil
	}
	if err != nil {
		return rev, err
	}
	return rev, readBranches(ctx, repository, rev, others)
}

// readBranches adds the tips of branches to a revision.
func readBranches(ctx context.Context, repository *gitsync.WorkTree, rev schema.Revision, branches []string) error {
	for _, name := range branches {
		head, err := repository.Head(ctx, name)
		if errors.Is(err, gitsync.ErrNoBranch) {
			continue // the check tells, at the place that names it
		}
		if err != nil {
			return fmt.Errorf("read branch %s: %w", name, err)
		}
		rev.Trees[name] = schema.Tree{Commit: head.Commit, FS: head.Tree}
	}
	return nil
}

// holdsDocuments refuses a path that was surely not meant by the command.
func holdsDocuments(command, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usagef("%s %s: it cannot be read: %w", command, path, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return usagef("%s %s: it is a file; give the folder that holds endpoints/ and deployments/", command, path)
	}
	for _, folder := range []string{schema.EndpointsFolder, schema.DeploymentsFolder, schema.KeysFolder} {
		if _, err := os.Stat(filepath.Join(path, folder)); err == nil {
			return nil
		}
	}
	return usagef("%s %s: there is no folder endpoints, deployments or keys in it", command, path)
}

// withoutEndpoints is the problem of a revision in which there is no folder of endpoints,
// or, as git keeps no empty ones, nothing in it. Gateways do not even read such.
func withoutEndpoints(rev schema.Revision) schema.Diagnostics {
	if hasEndpoints(rev) {
		return nil
	}
	return schema.Diagnostics{{
		Position: schema.Position{File: schema.EndpointsFolder}, Rule: schema.RuleFile,
		Message: fmt.Sprintf("there is no such folder, or nothing in it, and it is what gateways read of the branch %s; they refuse a commit without it", rev.Branch),
	}}
}

// assumeSecrets takes what is not set for set.
func assumeSecrets(s deployments.Secrets) deployments.Secrets {
	const assumed = "assumed"
	return deployments.Secrets{
		Env: func(name string) (string, bool) {
			if v, ok := s.Env(name); ok && v != "" {
				return v, true
			}
			return assumed, true
		},
		File: func(path string) (string, error) {
			if v, err := s.File(path); err == nil {
				return v, nil
			}
			return assumed, nil
		},
		Own:     s.Own,
		Assumed: assumed,
	}
}

// summarize says what was checked when nothing is wrong with it.
func summarize(rev schema.Revision, declared int) string {
	count := 0
	for branch, tree := range rev.Trees {
		files, _ := schema.Documents(tree, branch, "deployments")
		count += len(files)
	}
	return fmt.Sprintf("%s, %s on %s: no problems",
		plural(declared, "endpoint", ""), plural(count, "deployment", ""), plural(len(rev.Trees), "branch", "es"))
}

func summarizeProblems(problems schema.Diagnostics) string {
	files := map[string]bool{}
	for _, d := range problems {
		files[d.Branch+":"+d.File] = true
	}
	return fmt.Sprintf("%s in %s", plural(len(problems), "problem", ""), plural(len(files), "file", ""))
}

// plural counts a noun; ending is how its plural ends if not in s.
func plural(n int, noun, ending string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case ending == "":
		ending = "s"
	}
	return fmt.Sprintf("%d %s", n, noun+ending)
}

// colored reports whether colors may be written to w: only to a terminal, and
// not when its owner objects, see https://no-color.org.
func colored(w any, env environment) bool {
	no, _ := env.lookup("NO_COLOR")
	kind, _ := env.lookup("TERM")
	return no == "" && !strings.EqualFold(kind, "dumb") && isTerminal(w)
}
