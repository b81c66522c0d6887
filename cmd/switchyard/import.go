package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/migrate"
	"github.com/switchyard-gateway/switchyard/schema"
)

const importLong = `Turn another gateway's configuration into endpoints and deployments: files to look
at, check and commit. What has no counterpart is told, with its place and what to
write instead.`

const importJetProxyLong = `Turn the proxies and services of a JetProxy configuration into endpoints and
deployments. Paths, methods and mirroring stay what they are; each proxy is also
served at /v1/NAME, named after its path.

Files that are there already are not written over, unless --force says so. Look at
them with "switchyard check".`

const importJetProxyExample = `  switchyard import jetproxy config.yaml --dry-run
  switchyard import jetproxy config.yaml --out models && switchyard check models`

func newImport(p process) *cobra.Command {
	command := &cobra.Command{
		Use:     "import FORMAT FILE",
		Short:   "Turn another gateway's configuration into endpoints",
		Long:    importLong,
		Example: importJetProxyExample,
		Args:    knownCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(newImportJetProxy(p))
	return command
}

// importing is how an import was called.
type importing struct {
	out    string
	branch string
	force  bool
	dry    bool
}

func newImportJetProxy(p process) *cobra.Command {
	var o importing
	command := &cobra.Command{
		Use:     "jetproxy FILE",
		Short:   "Turn a JetProxy configuration into endpoints and deployments",
		Long:    importJetProxyLong,
		Example: importJetProxyExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("import jetproxy takes one file, such as config.yaml")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return importJetProxy(p, o, args[0]) },
	}
	flags := command.Flags()
	flags.StringVar(&o.out, "out", ".", "directory to write endpoints/ and deployments/ to")
	flags.StringVar(&o.branch, "branch", "main", "branch that the files will be committed to")
	flags.BoolVar(&o.force, "force", false, "write over files that are there already")
	flags.BoolVar(&o.dry, "dry-run", false, "print the files instead of writing them")
	return command
}

func importJetProxy(p process, o importing, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	config, problems := schema.ParseJetProxy(schema.File{Path: path, Data: text})
	if len(problems) > 0 {
		if err := schema.Print(p.stderr, problems, schema.FormatText, colored(p.stderr, p.env)); err != nil {
			return err
		}
		return errProblems
	}
	result := migrate.JetProxy(config, o.branch)
	if o.dry {
		err = printFiles(p.stdout, result.Files)
	} else {
		err = o.write(p.stdout, result.Files)
	}
	for _, n := range result.Notes {
		fmt.Fprintf(p.stderr, "%s: note: %s\n", n.Position, n.Message)
	}
	return err
}

func printFiles(w io.Writer, files []migrate.File) error {
	for i, f := range files {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintf(w, "# %s\n%s", f.Path, f.Text); err != nil {
			return err
		}
	}
	return nil
}

// write writes all files or, if one is in the way, none.
func (o importing) write(w io.Writer, files []migrate.File) error {
	if !o.force {
		for _, f := range files {
			if _, err := os.Lstat(filepath.Join(o.out, f.Path)); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s is there already, so nothing was written; --force writes over it, --out takes another directory", filepath.Join(o.out, f.Path))
			}
		}
	}
	for _, f := range files {
		path := filepath.Join(o.out, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(w, "wrote", path)
	}
	return nil
}
