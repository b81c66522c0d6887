package main

import (
	"io"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		keepMonitorAwake()
	}
	os.Exit(run(process{
		args:   os.Args[1:],
		env:    os.Environ(),
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
	}))
}

// process is what the operating system hands to a command, so that commands can
// be run in tests like functions.
type process struct {
	args   []string
	env    environment
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// run executes the command that the arguments name and returns its exit code.
func run(p process) int {
	root := newRoot(p)
	root.SetArgs(p.args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	command, err := root.ExecuteC()
	return conclude(p.stderr, command, err)
}
