//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal" //nolint:depguard // this is a command
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

// How many endpoints are many.
const (
	manyEndpoints      = 10_000
	manyEndpointsQuick = 2_000
)

func main() {
	// What is started ends with the thread that starts it, and this one stays.
	runtime.LockOSThread()
	if err := run(os.Args[1:]); err != nil { //nolint:forbidigo // this is a command
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1) //nolint:forbidigo // this is a command
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == partDeploy:
		return deploy(args[1], os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == partLoad:
		return perform(args[1], os.Stdout)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	//nolint:forbidigo // this is a command
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch {
	case o.from != "":
		r, err := report.Read(o.from)
		if err != nil {
			return err
		}
		return publish(o, r)
	case o.profile != "":
		return recordProfile(ctx, o)
	}
	return measureAll(ctx, o)
}

func parse(args []string) (options, error) {
	o := options{out: os.Stdout}
	var only, peers string
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "measure for seconds rather than minutes, to try the tool")
	flags.IntVar(&o.rounds, "rounds", 0, "how often each is measured (3, quick 1)")
	flags.BoolVar(&o.install, "install", true, "install peers that are missing")
	flags.IntVar(&o.core, "core", -1, "the core that measurements run on (the first)")
	flags.IntVar(&o.many, "endpoints", 0, "how many endpoints are many, 2 to 100000 (10000, quick 2000)")
	flags.StringVar(&only, "only", "", "scenarios, separated by commas (all)")
	flags.StringVar(&peers, "peers", "", "names of peers, separated by commas (all)")
	flags.StringVar(&o.results, "results", "", "folder for JSON and plot (bench/results, quick bin/bench)")
	flags.StringVar(&o.write, "write", "", "Markdown file with the marks to put the tables between")
	flags.StringVar(&o.from, "from", "", "JSON of an earlier run to show instead of measuring")
	flags.StringVar(&o.profile, "profile", "", "record a profile for the compiler into this file instead of measuring")
	flags.DurationVar(&o.profiling, "profile-time", 10*time.Second, "how long each of the profile's four parts is, whole seconds")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.many == 0 && o.quick:
		o.many = manyEndpointsQuick
	case o.many == 0:
		o.many = manyEndpoints
	}
	if flags.NArg() > 0 || o.many < 2 || o.many > 100_000 || o.profiling < time.Second {
		return o, errors.New("what the command line says is out of range; see -help")
	}
	o.only, o.peers = list(only), list(peers)
	if err := errors.Join(known("scenario", o.only, scenarioIDs(o.many)), known("peer", o.peers, peer.Names())); err != nil {
		return o, err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output() //nolint:noctx // it reads one file
	if err != nil {
		return o, fmt.Errorf("find the repository: %w", err)
	}
	o.root = strings.TrimSpace(string(root))
	if o.results == "" {
		o.results = filepath.Join(o.root, "bench", "results")
		if o.quick {
			o.results = filepath.Join(o.root, "bin", "bench")
		}
	}
	return o, nil
}

// known reports the names that are not among all there are.
func known(what string, names, all []string) error {
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("there is no %s %q; there are %s", what, name, strings.Join(all, ", "))
		}
	}
	return nil
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
