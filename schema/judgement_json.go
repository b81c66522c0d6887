package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// compareJSON is a Compare as it is written.
type compareJSON struct {
	Ignore    []string       `json:"ignore,omitempty"`
	Unordered []string       `json:"unordered,omitempty"`
	Tolerance *toleranceJSON `json:"tolerance,omitempty"`
	Label     string         `json:"label,omitempty"`
	Score     string         `json:"score,omitempty"`
	Text      any            `json:"text,omitempty"`
}

type toleranceJSON struct {
	Abs float64 `json:"abs"`
	Rel float64 `json:"rel"`
}

// MarshalJSON gives the form that is written in YAML, without what is the
// default; false for nil.
func (c *Compare) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("false"), nil
	}
	written := compareJSON{Ignore: c.Ignore, Unordered: c.Unordered, Label: c.Label, Score: c.Score}
	if c.Tolerance != nil {
		written.Tolerance = &toleranceJSON{c.Tolerance.Abs, c.Tolerance.Rel}
	}
	switch {
	case c.Text == TextSimilarity && c.Similarity != DefaultSimilarity:
		written.Text = map[string]float64{"similarity": c.Similarity}
	case c.Text != TextExact:
		written.Text = c.Text
	}
	return plainJSON(written)
}

// MarshalJSON gives the form that is written in YAML; null for nil.
func (g *Gates) MarshalJSON() ([]byte, error) {
	if g == nil {
		return []byte("null"), nil
	}
	written := map[string]any{"minPairs": g.MinPairs}
	for _, gate := range g.Gates {
		written[string(gate.Metric)] = gate.String()
	}
	return plainJSON(written)
}

// plainJSON is the JSON of a value with < and > as they are: people read it.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads what MarshalJSON gives.
func (g *Gates) UnmarshalJSON(data []byte) error {
	var written map[string]any
	if err := json.Unmarshal(data, &written); err != nil {
		return err
	}
	read := Gates{MinPairs: DefaultMinPairs}
	for key, value := range written {
		pairs, isNumber := value.(float64)
		text, isText := value.(string)
		switch {
		case key == "minPairs" && isNumber && pairs >= 1:
			read.MinPairs = int(pairs)
		case slices.Contains(Metrics(), Metric(key)) && isText:
			gate, err := ParseGate(Metric(key), text)
			if err != nil {
				return err
			}
			read.Gates = append(read.Gates, gate)
		default:
			return fmt.Errorf("gates have no %s like this", quoted(key))
		}
	}
	slices.SortFunc(read.Gates, func(a, b Gate) int {
		return slices.Index(Metrics(), a.Metric) - slices.Index(Metrics(), b.Metric)
	})
	*g = read
	return nil
}
