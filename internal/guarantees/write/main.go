// The program write brings docs/guarantees.md up to date: it reads the output of
// go test -json from its stdin, adds figures and ends of tests to those that are
// known, and writes the page. It exits with 1 when something failed, and then the
// page says what. An empty stdin only renders the page anew.
//
//	go test -json -count=1 ./... | go run ./internal/guarantees/write
//
// It is to be run at the root of the repository.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/guarantees"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is the program
	}
}

func run(in io.Reader, out io.Writer) error {
	results, err := guarantees.ReadResults(in, out, time.Now().UTC().Format(time.DateOnly), machine())
	if err != nil {
		return err
	}
	figures, err := guarantees.ReadFigures(guarantees.FiguresPath)
	if err != nil {
		return err
	}
	tests, err := guarantees.Tests(".")
	if err != nil {
		return err
	}
	figures.Add(results.Runs, tests)
	if err := figures.Write(guarantees.FiguresPath); err != nil {
		return err
	}
	page, undecided := guarantees.Render(tests, figures)
	if err := os.WriteFile(guarantees.PagePath, []byte(page), 0o644); err != nil {
		return err
	}
	if len(results.Failed) > 0 {
		return fmt.Errorf("%sfailed: %s", results.Log, strings.Join(results.Failed, ", "))
	}
	return undecided
}

// machine says what the tests run on.
func machine() string {
	cpu := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere the architecture has to do
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			cpu = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d cores of %s, %s/%s, %s", runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
