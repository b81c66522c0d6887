package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Format is a way to print diagnostics.
type Format string

// The formats of Print.
const (
	FormatText   Format = "text"   // for people: each with its source line and a caret
	FormatJSON   Format = "json"   // for programs: an array of objects
	FormatGitHub Format = "github" // for GitHub Actions: workflow commands that annotate a change
)

// Formats lists the formats of Print.
func Formats() []Format { return []Format{FormatText, FormatJSON, FormatGitHub} }

// Print writes diagnostics. Color applies to text only; whether w is a terminal
// is for the caller to say. Whatever a file holds, the text has no control
// characters but line ends, tabs and the colors.
func Print(w io.Writer, ds Diagnostics, format Format, color bool) error {
	var b bytes.Buffer
	switch format {
	case FormatText:
		p := textPrinter{b: &b, color: color}
		for _, d := range ds {
			p.print(d)
		}
	case FormatJSON:
		printJSON(&b, ds)
	case FormatGitHub:
		for _, d := range ds {
			printGitHub(&b, d)
		}
	default:
		return fmt.Errorf("unknown format %s; allowed are %s, %s and %s", quoted(string(format)), FormatText, FormatJSON, FormatGitHub)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printed is the JSON shape of a diagnostic. Every field is always there; line
// and column are 0 for a file as a whole.
type printed struct {
	File    string `json:"file"`
	Branch  string `json:"branch"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    Rule   `json:"rule"`
	Message string `json:"message"`
	Source  string `json:"source"`
}

func printJSON(b *bytes.Buffer, ds Diagnostics) {
	all := make([]printed, len(ds))
	for i, d := range ds {
		all[i] = printed{d.File, d.Branch, d.Line, d.Column, d.Rule, d.Message, d.Source}
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(all) // strings and integers always have a form, and a buffer takes all
}

// printGitHub writes a workflow command. GitHub can annotate only files of the
// commit that it checks, so that another branch's position goes into the text.
func printGitHub(b *bytes.Buffer, d Diagnostic) {
	b.WriteString("::error ")
	message := d.Message
	switch {
	case d.Branch != "":
		message = d.Position.String() + ": " + message
	case d.File != "":
		b.WriteString("file=" + property(d.File) + ",")
		if d.Line > 0 {
			b.WriteString("line=" + strconv.Itoa(d.Line) + ",col=" + strconv.Itoa(d.Column) + ",")
		}
	}
	b.WriteString("title=" + property(string(d.Rule)) + "::" + data(message) + "\n")
}

// data escapes the text of a workflow command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
