package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/switchyard-gateway/switchyard/console/login"
)

const consoleUserLong = `Print the line of a user for the file that --console-users-file names.

The password is asked for at a terminal, or else read as the first line of the
standard input; of it only an Argon2id hash stands in the line. The author is who
makes the commits of the user. An editor may change endpoints, a viewer may not.`

const consoleUserExample = `  switchyard console user jo --author "Jo Doe <jo@example.com>" --role editor >> users`

func newConsole(p process) *cobra.Command {
	command := &cobra.Command{Use: "console", Short: "Manage who uses the console", Args: knownCommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var author, role string
	user := &cobra.Command{
		Use:     "user NAME --author 'DISPLAY NAME <ADDRESS>'",
		Short:   "Print the line of a user, with a hash of the password",
		Long:    consoleUserLong,
		Example: consoleUserExample,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != 1 {
				return usagef("console user takes one NAME")
			}
			return nil
		},
		RunE: func(c *cobra.Command, given []string) error {
			password, err := readPassword(c.InOrStdin(), p.stderr)
			if err != nil {
				return err
			}
			line, err := login.Line(given[0], login.Role(role), author, password)
			if err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprintln(p.stdout, line)
			return err
		},
	}
	user.Flags().StringVar(&author, "author", "", "Author of the commits, as DISPLAY NAME <ADDRESS>.")
	user.Flags().StringVar(&role, "role", string(login.Viewer), "What the user may do: viewer or editor.")
	command.AddCommand(user)
	return command
}

// readPassword asks for a password, or takes the first line of the input.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		password, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(prompt)
		return string(password), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
