//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal" //nolint:depguard // this is a command
	"regexp"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // this is a command
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sync:", err)
		os.Exit(1) //nolint:forbidigo // this is a command
	}
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "measure only the `rows` whose name matches")
	write := flag.String("write", "", "put the rows into the tables of this `page`")
	rounds := flag.Int("rounds", 5, "repeat each measurement so often")
	serve := flag.String("serve", "", "internal: serve the repositories in a folder")
	follow := flag.String("follow", "", "internal: follow a repository as told on standard input")
	flag.Parse()
	switch {
	case *serve != "":
		return serveFolder(ctx, *serve)
	case *follow != "":
		return followURL(ctx, *follow)
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if _, err := git(ctx, "", "", "version"); err != nil {
		return fmt.Errorf("git is needed: %w", err)
	}
	results, err := measure(ctx, chosen, *rounds)
	if err != nil {
		return err
	}
	var p page
	p.add(results)
	_, _ = fmt.Fprint(os.Stdout, p.markdown(time.Now()))
	if *write == "" {
		return nil
	}
	return results.insert(*write, time.Now())
}
