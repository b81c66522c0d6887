package console

import (
	"strings"

	"github.com/switchyard-gateway/switchyard/plan"
)

// explain puts the plan into words and shares.
func (v *verdict) explain() {
	var text strings.Builder
	if err := plan.Print(&text, v.Plan, plan.FormatText, false); err == nil {
		v.Text = text.String()
	}
	for i := range v.Plan.Endpoints {
		live := v.Plan.Endpoints[i].Live
		if live == nil {
			continue
		}
		v.Of, v.Share = live.Of, live.Moved
		for _, m := range live.Moves {
			v.Moved = append(v.Moved, moved{m.From, m.To, m.Share})
		}
	}
}

// OK reports whether the change can be committed.
func (v *verdict) OK() bool {
	return v.Conflict == nil && v.Taken == "" && len(v.Faults) == 0 && v.Good()
}
