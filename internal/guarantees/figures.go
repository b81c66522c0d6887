package guarantees

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Run is how a test ended when it ran last, with some engines.
type Run struct {
	Date    string `json:"date"` // of the day, in UTC
	Machine string `json:"machine"`
	Passed  int    `json:"passed"`           // how often
	Failed  int    `json:"failed,omitempty"` // how often
	// FailedWith are the engines with which it failed, in the order of their runs;
	// empty where there is no choice of them.
	FailedWith []string          `json:"failedWith,omitempty"`
	Figures    map[string]string `json:"figures,omitempty"`
}

// Test is a test by the folder of its package, from the root of the repository,
// and its name.
type Test struct{ Folder, Name string }

// String is the key of the test's run in Figures.
func (t Test) String() string { return t.Folder + " " + t.Name }

// Figures are the runs of tests, by Test.String. The keys of Run.Figures are
// engines, as in "front=own upstream=own", or empty.
type Figures map[string]Run

// ReadFigures reads the file at path; there are none if there is no file.
func ReadFigures(path string) (Figures, error) {
	f := Figures{}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Write writes the file at path.
func (f Figures) Write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), fs.FileMode(0o644))
}

// Add replaces the runs of those tests that ran, and forgets those of tests that
// are gone.
func (f Figures) Add(runs Figures, tests map[string][]Test) {
	maps.Copy(f, runs)
	there := map[string]bool{}
	for _, all := range tests {
		for _, t := range all {
			there[t.String()] = true
		}
	}
	maps.DeleteFunc(f, func(key string, _ Run) bool { return !there[key] })
}

// preferred are the engines whose figures are shown, the first that there are.
var preferred = []string{"front=own upstream=own", "", "front=std upstream=std", "front=own upstream=std", "front=std upstream=own"}

// shown is the figure of a test that the page shows.
func (r Run) shown() (text, engines string, ok bool) {
	for _, engines := range preferred {
		if text, ok := r.Figures[engines]; ok {
			return text, engines, true
		}
	}
	return "", "", false
}

// with says with which engines the test failed, if that is known.
func (r Run) with() string {
	if len(r.FailedWith) == 0 {
		return ""
	}
	return " with " + strings.Join(r.FailedWith, ", ")
}

// machines are those of the runs of these tests, sorted.
func (f Figures) machines(tests map[string][]Test) []string {
	var all []string
	for _, some := range tests {
		for _, t := range some {
			if r, ok := f[t.String()]; ok {
				all = append(all, r.Machine)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
