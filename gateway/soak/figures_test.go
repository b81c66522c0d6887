package soak_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// figure is what a soak test measured last.
type figure struct {
	Date string
	Text string
}

// figures are by id and engines.
type figures map[string]map[string]figure

const figuresPath = "testdata/figures.json"

func readFigures() (figures, error) {
	f := figures{}
	text, err := os.ReadFile(figuresPath)
	if os.IsNotExist(err) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	return f, json.Unmarshal(text, &f)
}

// measured prints a figure for an id, in one line that programs can read, and
// keeps it for the page if the test has passed so far.
func measured(t *testing.T, id, format string, args ...any) {
	t.Helper()
	f := figure{time.Now().UTC().Format(time.DateOnly), fmt.Sprintf(format, args...)}
	line, err := json.Marshal(map[string]string{"id": id, "engines": running.String(), "date": f.Date, "figure": f.Text})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("measured %s", line)
	if t.Failed() {
		return
	}
	all, err := readFigures()
	if err != nil {
		t.Fatal(err)
	}
	if all[id] == nil {
		all[id] = map[string]figure{}
	}
	all[id][running.String()] = f
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(figuresPath, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ms writes durations in milliseconds.
func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// newest is the figure of one id for the page: that of both own engines, or else
// any.
func (f figures) newest(id string) (string, bool) {
	for _, e := range []string{"front=own upstream=own", "front=std upstream=std", "front=own upstream=std", "front=std upstream=own"} {
		if got, ok := f[id][e]; ok {
			return strings.ReplaceAll(got.Text, "|", "\\|") + " (" + got.Date + ", " + e + ")", true
		}
	}
	return "", false
}
