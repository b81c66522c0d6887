package guarantees

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// event is a line of go test -json, of which cmd/test2json tells.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// Results are what a run of go test said.
type Results struct {
	Runs   Figures  // of tests that are named after an id
	Failed []string // packages that failed
	Log    string   // output of what failed
}

// ReadResults reads what go test -json writes, until its end, and repeats to
// progress one line for each package and each figure.
func ReadResults(from io.Reader, progress io.Writer, date, machine string) (Results, error) {
	r := reader{
		progress: progress, date: date, machine: machine,
		results: Results{Runs: Figures{}}, engines: map[string]string{},
		output: map[string]*strings.Builder{}, figures: map[string]map[string]string{},
	}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return r.results, fmt.Errorf("what go test -json said: %w: %.200s", err, lines.Bytes())
		}
		r.take(e)
	}
	return r.results, lines.Err()
}

// reader reads the events of one run.
type reader struct {
	progress      io.Writer
	date, machine string
	results       Results
	engines       map[string]string            // that a package runs with now, as testbed.Engines.Announce said
	output        map[string]*strings.Builder  // of tests and packages that have not ended, by key
	figures       map[string]map[string]string // of tests that have not ended, by key
}

// module is the beginning of the packages' paths.
const module = "github.com/switchyard-gateway/switchyard/"

func (e event) key() string { return Test{strings.TrimPrefix(e.Package, module), e.Test}.String() }

func (r *reader) take(e event) {
	switch e.Action {
	case "output", "build-output":
		r.keep(e)
	case "pass", "fail", "skip":
		r.end(e)
	}
}

// keep keeps a line of output, and the figure in it.
func (r *reader) keep(e event) {
	if engines, ok := strings.CutPrefix(e.Output, testbed.EnginesPrefix); ok {
		r.engines[e.Package] = strings.TrimSpace(engines)
		return
	}
	key := e.key()
	if r.output[key] == nil {
		r.output[key] = &strings.Builder{}
	}
	r.output[key].WriteString(e.Output)
	_, text, ok := strings.Cut(e.Output, ": "+testbed.MeasuredPrefix)
	if !ok {
		return
	}
	var m testbed.Measurement
	if json.Unmarshal([]byte(text), &m) != nil {
		return // somebody's words that begin alike
	}
	key = topLevel(e).key()
	if r.figures[key] == nil {
		r.figures[key] = map[string]string{}
	}
	r.figures[key][m.Engines] = m.Figure
	_, _ = fmt.Fprintf(r.progress, "%s %s: %s\n", m.ID, m.Engines, m.Figure)
}

// topLevel is the event of the test of which e's is a part.
func topLevel(e event) event {
	e.Test, _, _ = strings.Cut(e.Test, "/")
	return e
}

// end takes the end of a test, or of a package.
func (r *reader) end(e event) {
	key := e.key()
	if e.Action == "fail" && r.output[key] != nil {
		if engines := r.engines[e.Package]; engines != "" && e.Test != "" {
			r.results.Log += "with " + engines + ":\n"
		}
		r.results.Log += r.output[key].String()
	}
	delete(r.output, key)
	if e.Test == "" {
		_, _ = fmt.Fprintf(r.progress, "%s %s\n", e.Action, e.Package)
		if e.Action == "fail" {
			r.results.Failed = append(r.results.Failed, e.Package)
		}
		return
	}
	if e.Action == "skip" || !testName.MatchString(e.Test) || strings.Contains(e.Test, "/") {
		return
	}
	r.book(e, key)
}

// book adds one run of a test, with its figures if it passed.
func (r *reader) book(e event, key string) {
	run := r.results.Runs[key]
	run.Date, run.Machine = r.date, r.machine
	if e.Action == "fail" {
		run.Failed++
		if engines := r.engines[e.Package]; engines != "" && !slices.Contains(run.FailedWith, engines) {
			run.FailedWith = append(run.FailedWith, engines)
		}
	} else {
		run.Passed++
		for engines, text := range r.figures[key] {
			if run.Figures == nil {
				run.Figures = map[string]string{}
			}
			run.Figures[engines] = text
		}
	}
	delete(r.figures, key)
	r.results.Runs[key] = run
}

// testName is a test, benchmark or fuzz target whose name begins with an id.
var testName = regexp.MustCompile(`\b(Test|Benchmark|Fuzz)([MSWH])(\d\d)[A-Za-z0-9]*\b`)
