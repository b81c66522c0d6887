package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// Report is one run of all measurements.
type Report struct {
	Date    string   `json:"date"`    // YYYY-MM-DD
	Quick   bool     `json:"quick"`   // too short for figures to mean much
	Rounds  int      `json:"rounds"`  // of each measurement, peer after peer
	Machine string   `json:"machine"` // in one line
	Peers   []Peer   `json:"peers"`
	Missing []string `json:"missing,omitempty"` // peers that could not be had, and why
	Groups  []Group  `json:"groups"`
	Rows    []Row    `json:"rows"`
}

// Peer is a proxy that was measured.
type Peer struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Group is a table: scenarios that belong together, the first of which the
// others are compared with.
type Group struct {
	Title     string     `json:"title"`
	Text      string     `json:"text"`              // under the title, in Markdown
	Compare   Metric     `json:"compare,omitempty"` // of the others with the first, for each peer; empty: none
	Scenarios []Scenario `json:"scenarios"`
}

// Scenario is one kind of work.
type Scenario struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	Plot  Metric `json:"plot,omitempty"` // that the plot shows; empty: it is not in the plot
}

// Row is one measurement of one peer.
type Row struct {
	Scenario string             `json:"scenario"`
	Peer     string             `json:"peer"`
	Round    int                `json:"round"`
	Values   map[Metric]float64 `json:"values,omitempty"`
	Failed   string             `json:"failed,omitempty"` // why there are no values
}

// Read reads what Write has written.
func Read(path string) (Report, error) {
	var r Report
	text, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read results: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read results %s: %w", path, err)
	}
	return r, nil
}

// Write writes the report as JSON.
func (r Report) Write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// Value is a metric of a peer in a scenario over all rounds, and whether it was
// measured.
func (r Report) Value(scenario, peer string, m Metric) (float64, bool) {
	var all []float64
	for _, row := range r.Rows {
		if v, ok := row.Values[m]; ok && row.Scenario == scenario && row.Peer == peer {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return math.NaN(), false
	}
	switch m.column().worst {
	case highest:
		return slices.Max(all), true
	case lowest:
		return slices.Min(all), true
	case median:
	}
	return Median(all), true
}

// Ratio is how many times as large the metric is for one peer in one scenario as
// for another in another; false if either was not measured or the other is 0.
func (r Report) Ratio(scenario, peer, otherScenario, otherPeer string, m Metric) (float64, bool) {
	v, ok := r.Value(scenario, peer, m)
	other, otherOK := r.Value(otherScenario, otherPeer, m)
	return v / other, ok && otherOK && other != 0
}

// Median is the middle of values, or the mean of the two in the middle; NaN if
// there are none.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// Line is the values of one measurement on one line, for whoever watches.
func Line(values map[Metric]float64) string {
	var parts []string
	for _, c := range columns() {
		if v, ok := values[c.metric]; ok {
			parts = append(parts, c.format(v)+" "+c.title)
		}
	}
	return strings.Join(parts, " · ")
}
