package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Setting is something that an endpoint or a key says, in words, before and
// after. Empty is what is not said.
type Setting struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Key is an API key that changes.
type Key struct {
	Name       string    `json:"name"`
	Change     Kind      `json:"change"`
	Replaced   bool      `json:"replaced"`           // it is another key by the same name
	NowNamed   string    `json:"nowNamed,omitempty"` // of one that is removed or replaced: what the old one is called afterwards; empty: it is refused
	Settings   []Setting `json:"settings"`           // those that change; of a key that is added, those that it has
	StreamsEnd []string  `json:"streamsEnd"`         // endpoints whose streams end that are open with the key, sorted
}

// settings are those in two lists of the same names that differ.
func settings(from, to []Setting) []Setting {
	all := []Setting{}
	for i := range to {
		if from[i].To != to[i].To {
			all = append(all, Setting{to[i].Name, from[i].To, to[i].To})
		}
	}
	return all
}

// guardSettings say what an endpoint asks of its callers.
func guardSettings(g schema.Guard) []Setting {
	forward := ""
	if g.ForwardKey {
		forward = "true"
	}
	return []Setting{{Name: "access", To: string(g.Access)}, {Name: "forwardKey", To: forward}, {Name: "limits", To: limits(g.Limits)}, {Name: "cors", To: corsText(g.CORS)}}
}

func corsText(c *schema.CORS) string {
	if c == nil {
		return ""
	}
	parts := []string{strings.Join(c.Origins, ", ") + ": " + strings.Join(c.Methods, ", ")}
	if len(c.Headers) > 0 {
		parts = append(parts, "headers "+strings.Join(c.Headers, ", "))
	}
	if len(c.Expose) > 0 {
		parts = append(parts, "exposes "+strings.Join(c.Expose, ", "))
	}
	if c.Credentials {
		parts = append(parts, "with credentials")
	}
	return strings.Join(append(parts, "for "+c.MaxAge.String()), "; ")
}

func limits(l schema.Allowance) string {
	if l == (schema.Allowance{}) {
		return ""
	}
	return l.String()
}

// keySettings say what a key is good for; nil is no key.
func keySettings(k *access.Key) []Setting {
	if k == nil {
		k = &access.Key{}
	}
	expires := ""
	if !k.Expires.IsZero() {
		expires = k.Expires.Format(time.RFC3339)
	}
	return []Setting{
		{Name: "endpoints", To: strings.Join(slices.Sorted(slices.Values(k.Endpoints)), ", ")},
		{Name: "expires", To: expires},
		{Name: "limits", To: limits(k.Limits)},
	}
}

// keys are the API keys of the revision.
func (r Revision) keys() *access.Set {
	if r.Trees[r.Branch].FS == nil {
		return &access.Set{}
	}
	set, _ := access.Load(r.Revision) // it was found free of problems
	return set
}

// compareKeys lists the keys that change, by name, and notes when it changes for
// all endpoints whether one is needed.
func (c *comparison) compareKeys(p *Plan) {
	p.Keys = []Key{}
	from, to := c.from.keys(), c.to.keys()
	for _, pair := range pairs(from.Keys(), to.Keys(), func(k *access.Key) string { return k.Name }) {
		if k := c.compareKey(pair.From, pair.To, to); k.Change != Changed || k.Replaced || len(k.Settings) > 0 {
			p.Keys = append(p.Keys, k)
		}
	}
	switch {
	case p.From.Problems > 0:
	case from.Len() == 0 && to.Len() > 0:
		p.Notes = append(p.Notes, "The first API keys: callers of every endpoint that does not say access need one from now on, unless the gateway's --access says otherwise.")
	case from.Len() > 0 && to.Len() == 0:
		p.Notes = append(p.Notes, "No API key is left: every endpoint that does not say access is open to everybody, unless the gateway's --access says otherwise.")
	}
}

// compareKey compares two keys of a name, one of which may be nil.
func (c *comparison) compareKey(was, is *access.Key, to *access.Set) Key {
	k := Key{Change: Changed, Settings: settings(keySettings(was), keySettings(is)), StreamsEnd: []string{}}
	if was == nil {
		k.Name, k.Change = is.Name, Added
		return k
	}
	k.Name = was.Name
	if is == nil {
		k.Change, k.Settings = Removed, []Setting{}
	} else {
		k.Replaced = !was.Same(is)
	}
	still := to.Again(was)
	if still != nil && still.Name != k.Name {
		k.NowNamed = still.Name
	}
	for _, e := range c.from.Endpoints {
		if was.Allows(e.Name) && (still == nil || !still.Allows(e.Name)) {
			k.StreamsEnd = append(k.StreamsEnd, e.Name)
		}
	}
	return k
}

// keysSummary counts the keys that change, for the summary; empty if none does.
func (p *Plan) keysSummary() string {
	counts := map[Kind]int{}
	for _, k := range p.Keys {
		counts[k.Change]++
	}
	var parts []string
	for _, change := range []Kind{Added, Removed, Changed} {
		if n := counts[change]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, change))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "API keys: " + strings.Join(parts, ", ")
}

// keyBlocks describes the keys that change.
func (p *Plan) keyBlocks() []block {
	all := make([]block, len(p.Keys))
	for i, k := range p.Keys {
		b := block{mark: k.Change.mark(), title: say(value(k.Name))}
		switch {
		case k.Change == Added:
			b.lead = say("new")
		case k.Change == Removed && k.NowNamed != "":
			b.lines = []line{{markRemoved, say("hash"), say("removed, the same key is ", value(k.NowNamed), " now")}}
		case k.Change == Removed:
			b.lines = []line{{markRemoved, say("hash"), say("removed, whoever calls with the key gets 401")}}
		case k.NowNamed != "":
			b.lines = []line{{markAlarm, say("hash"), say("of another key, the old one is ", value(k.NowNamed), " now")}}
		case k.Replaced:
			b.lines = []line{{markAlarm, say("hash"), say("of another key, whoever calls with the old one gets 401")}}
		}
		b.lines = append(b.lines, settingLines(k.Change, k.Settings)...)
		if len(k.StreamsEnd) > 0 {
			b.lines = append(b.lines, line{markAlarm, say("open streams"), say("end within two seconds at ", values(k.StreamsEnd, ""))})
		}
		all[i] = b
	}
	return all
}

// settingLines say how settings change. That callers may no longer call, or that
// anybody may, is what somebody has to look at.
func settingLines(change Kind, all []Setting) []line {
	lines := make([]line, len(all))
	for i, s := range all {
		l := line{alarmIf(change == Changed && (s.Name == "access" || s.Name == "endpoints")), say(s.Name), say(orNone(s.From), " -> ", orNone(s.To))}
		switch {
		case change == Added:
			l.mark, l.text = markAdded, orNone(s.To)
		case s.Name == "expires" && s.To != "":
			l.text = say(l.text, ", when its open streams end")
		}
		lines[i] = l
	}
	return lines
}

func orNone(s string) phrase {
	if s == "" {
		return say("not said")
	}
	return say(value(s))
}
