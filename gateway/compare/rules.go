package compare

import (
	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/schema"
)

// What patterns are there for.
const (
	markIgnored pointer.Marks = 1 << iota
	markUnordered
	markLabel
	markScore
	markHidden
	markSaid // what a language model said
)

// Rules say how the answers of one mirror are compared. They are immutable and
// safe for concurrent use.
type Rules struct {
	patterns   pointer.Set
	tolerance  tolerance
	text       schema.TextMatch
	similarity float64
	notes      bool // something is looked for besides differences
	hides      bool
}

// NewRules makes rules from what a mirror declares, and from pointer patterns to
// what must not be told, which the schema has checked.
func NewRules(declared *schema.Compare, hidden []string) *Rules {
	r := &Rules{
		tolerance: newTolerance(declared.Tolerance), text: declared.Text, similarity: declared.Similarity,
		notes: declared.Label != "" || declared.Score != "" || declared.Text == schema.TextSimilarity,
		hides: len(hidden) > 0,
	}
	r.add(markIgnored, declared.Ignore...)
	r.add(markUnordered, declared.Unordered...)
	r.add(markLabel, declared.Label)
	r.add(markScore, declared.Score)
	r.add(markHidden, hidden...)
	return r
}

func (r *Rules) add(marks pointer.Marks, patterns ...string) {
	for _, s := range patterns {
		if s == "" {
			continue
		}
		p, err := pointer.Parse(s)
		if err != nil {
			panic("compare: the schema lets a bad pointer pass: " + err.Error())
		}
		r.patterns.Add(p, marks)
	}
}

// said are the places of what a language model said in answers of OpenAI's form.
var said = func() *pointer.Set {
	var set pointer.Set
	for _, s := range []string{
		"/choices/*/text", "/choices/*/finish_reason",
		"/choices/*/message/content", "/choices/*/message/refusal", "/choices/*/message/reasoning_content",
		"/choices/*/message/function_call/name", "/choices/*/message/function_call/arguments",
		"/choices/*/message/tool_calls/*/function/name", "/choices/*/message/tool_calls/*/function/arguments",
		"/output/*/content/*/text", "/output/*/content/*/refusal", "/output/*/name", "/output/*/arguments", "/status",
	} {
		p, err := pointer.Parse(s)
		if err != nil {
			panic("compare: " + err.Error())
		}
		set.Add(p, markSaid)
	}
	return &set
}()
