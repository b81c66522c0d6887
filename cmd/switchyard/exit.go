package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitClean    = 0
	exitProblems = 1 // a check found problems, or a plan that was asked to say so changes; they are printed
	exitUsage    = 2 // the call itself is wrong
	exitFailure  = 3 // it could not be done

	exitUndecided = 3 // a report that was asked to say so cannot decide yet; it is printed
)

// errProblems ends a command that has printed the problems it found.
var errProblems = errors.New("problems found")

// errChanges ends a plan that has printed changes and was asked for an exit code.
var errChanges = errors.New("changes found")

// errUndecided ends a report that was asked for an exit code and cannot decide yet.
var errUndecided = errors.New("not enough data")

// usageError is a mistake in how a command was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// conclude says on w what ended a command, if anything did, and returns the exit
// code for it. It is the one place where errors become words and codes.
func conclude(w io.Writer, command *cobra.Command, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errProblems), errors.Is(err, errChanges):
		return exitProblems
	case errors.Is(err, errUndecided):
		return exitUndecided
	case errors.As(err, &usage):
		fmt.Fprintf(w, "switchyard: %v\nRun '%s --help' for how it is called.\n", err, command.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(w, "switchyard: %v\n", err)
		return exitFailure
	}
}

// noArguments refuses arguments that are no flags.
func noArguments(command *cobra.Command, given []string) error {
	if len(given) > 0 {
		return usagef("%q is too much: only flags are taken%s", given[0], oneFileEach(command, given))
	}
	return nil
}
