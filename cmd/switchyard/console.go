package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/console/login"
)

// consoleOptions says how the console is; nil: there is none.
func consoleOptions(p process, s settings) (*serve.ConsoleOptions, error) {
	file := s.text("consoleUsersFile")
	switch {
	case !s.flag("console") && s.flag("consoleWrite"):
		return nil, usagef("--console-write needs the console, which --console=false takes away")
	case s.flag("consoleWrite") && file == "":
		return nil, usagef("--console-write needs --console-users-file: who changes something has to log in")
	case !s.flag("console"):
		return nil, nil
	}
	auth, err := gitAuth(p, s)
	if err != nil {
		return nil, err
	}
	o := &serve.ConsoleOptions{Write: s.flag("consoleWrite"), Auth: auth}
	o.Auth.Username = cmp.Or(s.text("consoleGitUsername"), o.Auth.Username)
	o.Auth.TokenFile = cmp.Or(s.text("consoleGitTokenFile"), o.Auth.TokenFile)
	o.Auth.KeyFile = cmp.Or(s.text("consoleGitSshKeyFile"), o.Auth.KeyFile)
	for _, peer := range s.list("consolePeers") {
		o.Peers = append(o.Peers, strings.TrimSuffix(peer, "/"))
	}
	if file == "" {
		return o, nil
	}
	users, err := login.Open(file)
	if err != nil {
		return nil, usageError{err}
	}
	o.Users = users
	return o, nil
}

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
