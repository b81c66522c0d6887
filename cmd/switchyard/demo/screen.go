package demo

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// The colours of a terminal that the demo uses.
const (
	plain  = ""
	dim    = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// screen prints for people. Each of its methods may be called at any time by any
// goroutine; what one call prints stays together.
type screen struct {
	out   io.Writer
	color bool

	mu *sync.Mutex // of out
}

func newScreen(out io.Writer, color bool) screen {
	return screen{out: out, color: color, mu: new(sync.Mutex)}
}

func (s screen) paint(color, text string) string {
	if !s.color || color == plain {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (s screen) printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format, args...)
}

// heading prints the names of the columns of records.
func (s screen) heading() {
	s.printf("\n%s\n", s.paint(bold, fmt.Sprintf(columns, "time", "role", "endpoint", "backend", "deployment", "answer", "ms", "subject", "request")))
}

const columns = "%-12s  %-6s  %-18s %-11s %-23s %-14s %7s  %-7s %s"

// print shows a line of the log: records as rows, what happens to the process
// between them.
func (s screen) print(e entry) {
	switch e.Event {
	case "inference":
		if e.Endpoint != penguinEndpoint { // of which there are too many: a report sums them up
			s.record(e)
		}
	case "swap":
		s.printf("%s\n", s.paint(green, fmt.Sprintf("%-12s  swap    commit %s serves now", clock(e), short(e.Commit))))
	case "reject":
		lines := []string{fmt.Sprintf("%-12s  reject  commit %s is refused, the one before goes on serving", clock(e), short(e.Commit))}
		s.printf("%s\n", s.paint(red, strings.Join(append(lines, e.Diagnostics...), "\n                      ")))
	default:
		if e.Level == "warn" || e.Level == "error" {
			s.printf("%s\n", s.paint(yellow, fmt.Sprintf("%-12s  %-6s  %s", clock(e), e.Event, e.Message)))
		}
	}
}

func (s screen) record(e entry) {
	color := plain
	switch {
	case e.Outcome != "ok":
		color = yellow
	case e.Role == "mirror":
		color = cyan
	}
	deployment := e.DeploymentName
	if deployment != "" {
		deployment = fmt.Sprintf("%s %s %d", e.Branch, e.DeploymentName, e.DeploymentVersion)
	}
	row := fmt.Sprintf(columns, clock(e), e.Role, e.Endpoint, e.Backend, deployment,
		result(e), strconv.FormatFloat(e.DurationMs, 'f', 1, 64), cmp.Or(e.SubjectID, "-"), short(e.RequestID))
	s.printf("%s\n", s.paint(color, row))
}

// result is the status, or why there is none.
func result(e entry) string {
	switch {
	case e.Status != 0 && e.Outcome == "ok":
		return strconv.Itoa(e.Status)
	case e.Status != 0:
		return fmt.Sprintf("%d %s", e.Status, e.Outcome)
	default:
		return e.Outcome + " " + e.ErrorKind
	}
}

func clock(e entry) string { return e.Time.Local().Format("15:04:05.000") }

func short(id string) string { return id[:min(len(id), 8)] }
