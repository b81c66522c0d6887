package plan

import (
	"bytes"
	_ "embed" // the JSON Schema
	"encoding/json"
	"fmt"
	"io"
)

// Format is a way to print a plan.
type Format string

// The formats of Print.
const (
	FormatText     Format = "text"     // for people at a terminal
	FormatMarkdown Format = "markdown" // for a comment on a pull request; GitHub's and GitLab's dialect
	FormatJSON     Format = "json"     // for programs; see JSONSchema
)

// Formats lists the formats of Print.
func Formats() []Format { return []Format{FormatText, FormatMarkdown, FormatJSON} }

//go:embed plan.schema.json
var jsonSchema []byte

// JSONSchema is the JSON Schema (draft 2020-12) of what Print writes as JSON. The
// caller may change what it gets.
func JSONSchema() []byte { return bytes.Clone(jsonSchema) }

// Print writes a plan. Color applies to text only; whether w is a terminal is for
// the caller to say. Whatever is committed, no format has control characters of
// it, and Markdown no formatting or mention.
func Print(w io.Writer, p *Plan, format Format, color bool) error {
	var b bytes.Buffer
	switch format {
	case FormatText:
		printText(&b, p, color)
	case FormatMarkdown:
		printMarkdown(&b, p)
	case FormatJSON:
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(p); err != nil {
			return fmt.Errorf("encode the plan: %w", err)
		}
	default:
		return fmt.Errorf("unknown format %q; allowed are %s, %s and %s", string(format), FormatText, FormatMarkdown, FormatJSON)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// heading names both sides.
func (p *Plan) heading() phrase {
	return say(p.From.phrase(), " -> ", p.To.phrase())
}

func (s Source) phrase() phrase {
	if s.Commit == "" || s.Commit == s.Name {
		return say(value(s.Name))
	}
	return say(value(s.Name), " (", value(s.Commit[:min(len(s.Commit), 12)]), ")")
}
