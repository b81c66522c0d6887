package plan

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	// longestComment is where a comment is cut: GitHub takes 65536 characters.
	longestComment = 60_000

	// commentMark lets a script find its comment again.
	commentMark = "<!-- switchyard plan -->\n"
)

// printMarkdown writes a comment: the summary, a table of the endpoints, and
// under it what can be unfolded of each. It is cut off between two endpoints
// when it would be too long for a comment.
func printMarkdown(b *bytes.Buffer, p *Plan) {
	b.WriteString(commentMark)
	fmt.Fprintf(b, "### Switchyard: %s\n\n%s\n", p.Summary.Text, markdown(p.heading()))
	for _, note := range p.Notes {
		b.WriteString("\n> ⚠️ " + words(visible(note)) + "\n")
	}
	printOverview(b, p.endpointBlocks())
	printDetails(b, "", p.endpointBlocks())
	printDetails(b, "deployment ", p.deploymentBlocks())
	printDetails(b, "key ", p.keyBlocks())
}

// printOverview is one row for each endpoint, with the first that is to be said.
func printOverview(b *bytes.Buffer, blocks []block) {
	if len(blocks) == 0 {
		return
	}
	b.WriteString("\n| | endpoint | |\n|---|---|---|\n")
	for i, k := range blocks {
		if b.Len() > longestComment/2 {
			fmt.Fprintf(b, "| | | %d more |\n", len(blocks)-i)
			return
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", k.sign(), markdown(k.title), markdown(k.gist()))
	}
}

// gist is what is to be said first.
func (k block) gist() phrase {
	if k.lead != nil || len(k.lines) == 0 {
		return k.lead
	}
	first := k.lines[max(0, slices.IndexFunc(k.lines, func(l line) bool { return l.mark == markAlarm }))]
	return say(first.what, ": ", first.text)
}

func printDetails(b *bytes.Buffer, kind string, blocks []block) {
	for i, k := range blocks {
		if len(k.lines) == 0 {
			continue
		}
		if b.Len() > longestComment {
			fmt.Fprintf(b, "\n%d more are left out: `switchyard plan` prints them all.\n", len(blocks)-i)
			return
		}
		fmt.Fprintf(b, "\n<details><summary>%s %s<code>%s</code></summary>\n\n| | | |\n|---|---|---|\n", k.sign(), kind, entities(k.title.String()))
		for _, l := range k.lines {
			fmt.Fprintf(b, "| %s | %s | %s |\n", l.mark.sign(), markdown(l.what), markdown(l.text))
		}
		b.WriteString("\n</details>\n")
	}
}

// sign is the most that has to be said about a block.
func (k block) sign() string {
	for _, l := range k.lines {
		if l.mark == markAlarm {
			return markAlarm.sign()
		}
	}
	if k.mark == markRemoved {
		return markAlarm.sign()
	}
	return k.mark.sign()
}

func (m mark) sign() string {
	switch m {
	case markAdded:
		return "🟢"
	case markRemoved:
		return "🔴"
	case markAlarm:
		return "⚠️"
	default:
		return "🟡"
	}
}

// markdown is a phrase for a cell of a table. Values become code, where nobody is
// mentioned and nothing is formatted.
func markdown(p phrase) string {
	var b strings.Builder
	for _, s := range p {
		if s.value && s.text != "" {
			b.WriteString(code(s.text))
			continue
		}
		b.WriteString(strings.ReplaceAll(s.text, "->", "→"))
	}
	return b.String()
}

// code is a value as code. What would end it, or the cell that it stands in, has
// to be written as HTML.
func code(s string) string {
	if strings.ContainsAny(s, "`|\\<>") || strings.TrimSpace(s) != s {
		return "<code>" + entities(s) + "</code>"
	}
	return "`" + s + "`"
}

// words is a text of ours that may quote names: nothing in it is formatted, and
// nobody is mentioned.
func words(s string) string {
	return strings.ReplaceAll(entities(s), "&#64;", "&#64;<!-- -->")
}

// entities writes all characters as numbers that mean something in Markdown or
// HTML.
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>|~#@&\"'!", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// PrintProblems writes in Markdown why there is no plan: what would serve has
// problems, for which gateways refuse it.
func PrintProblems(w io.Writer, name string, problems schema.Diagnostics) error {
	var text bytes.Buffer
	if err := schema.Print(&text, problems, schema.FormatText, false); err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(commentMark)
	fmt.Fprintf(&b, "### Switchyard: %s\n\n%s cannot serve: gateways refuse it and go on serving what they served before.\n\n",
		counted(len(problems), "problem"), code(visible(name)))
	shown := text.String()
	if len(shown) > longestComment {
		shown = strings.ToValidUTF8(shown[:longestComment], "") + "\n…\n"
	}
	fence := "```"
	for strings.Contains(shown, fence) {
		fence += "`"
	}
	fmt.Fprintf(&b, "%s\n%s%s\n", fence, shown, fence)
	_, err := w.Write(b.Bytes())
	return err
}
