package demo

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// entry is what the demo reads of a line of the log.
type entry struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Event   string    `json:"event"`
	Message string    `json:"message"`
	Commit  string    `json:"commit"`

	RequestID         string  `json:"requestId"`
	Endpoint          string  `json:"endpoint"`
	Backend           string  `json:"backend"`
	Role              string  `json:"role"`
	Branch            string  `json:"branch"`
	DeploymentName    string  `json:"deploymentName"`
	DeploymentVersion int     `json:"deploymentVersion"`
	SubjectID         string  `json:"subjectId"`
	Outcome           string  `json:"outcome"`
	Status            int     `json:"status"`
	ErrorKind         string  `json:"errorKind"`
	DurationMs        float64 `json:"durationMs"`

	Diagnostics []string `json:"diagnostics"`
}

// decoder is an io.Writer for the lines of a log; it hands each to every reader
// in turn. It is safe for concurrent use.
type decoder struct {
	readers []func(entry)
	lines   []func([]byte) // get the lines as they are, which are not theirs to keep

	mu   sync.Mutex
	rest []byte // the begun line
}

func (d *decoder) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest = append(d.rest, p...)
	for {
		line, rest, whole := bytes.Cut(d.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		d.rest = rest
		for _, read := range d.lines {
			read(line)
		}
		var e entry
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		for _, read := range d.readers {
			read(e)
		}
	}
}
