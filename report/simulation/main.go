// Command simulation finds out by simulation how often verdicts of package report are
// wrong, and how soon they come, and writes it to docs/report.md and docs/report.svg.
//
//	go run ./report/simulation
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		os.Exit(1) //nolint:forbidigo // this is the program
	}
}

func run() error {
	findings := simulate(options{runs: 1000, powerRuns: 200, looks: 50})
	if err := writePage("docs/report.md", findings); err != nil {
		return err
	}
	return os.WriteFile("docs/report.svg", []byte(plot(findings)), 0o644)
}
