package plan

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/switchyard-gateway/switchyard/schema"
)

// mark tells at a glance what kind of line it is.
type mark string

const (
	markAdded   mark = "+"
	markRemoved mark = "-"
	markChanged mark = "~"
	markAlarm   mark = "!" // callers lose something, or all are drawn anew
)

// line is one statement about a part of an endpoint or deployment.
type line struct {
	mark mark
	what phrase // the part
	text phrase
}

// block is all about one endpoint or deployment.
type block struct {
	mark  mark
	title phrase
	lead  phrase // the whole of it, if one line is enough
	lines []line
}

func (k Kind) mark() mark {
	switch k {
	case Added:
		return markAdded
	case Removed:
		return markRemoved
	default:
		return markChanged
	}
}

// endpointBlocks describes the endpoints that change.
func (p *Plan) endpointBlocks() []block {
	all := make([]block, len(p.Endpoints))
	for i := range p.Endpoints {
		all[i] = p.endpointBlock(&p.Endpoints[i])
	}
	return all
}

func (p *Plan) endpointBlock(e *Endpoint) block {
	b := block{mark: e.Change.mark(), title: say(value(e.Name))}
	switch e.Change {
	case Removed:
		b.lead = say("removed, callers of ", value("/v1/"+e.Name), " get 404")
		if e.Path != nil {
			b.lead = say(b.lead, "; ", pathText(e))
		}
		return b
	case Added:
		b.lead = say("new")
	case Changed:
	}
	b.lines = append(b.lines, p.liveLines(e)...)
	for i := range e.Backends {
		b.lines = append(b.lines, p.backendLine(e, &e.Backends[i]))
	}
	for _, l := range singleLines(e) {
		if e.Change == Added {
			l.mark = markAdded
		}
		b.lines = append(b.lines, l)
	}
	for i := range e.Mirrors {
		b.lines = append(b.lines, p.mirrorLine(&e.Mirrors[i]))
	}
	return b
}

// liveLines say what happens to callers.
func (p *Plan) liveLines(e *Endpoint) []line {
	if e.Live == nil {
		return nil
	}
	var lines []line
	if l := e.Live; l.Moved > 0 {
		lines = append(lines, line{alarmIf(l.Of == OfSubjects && l.Rebound == ReboundAll), say(l.Of), moveText(l)})
	}
	if l := e.Live; l.OtherAnswer > 0 {
		text := say(percent(l.OtherAnswer), " are answered by another version, deployment or static value than before")
		lines = append(lines, line{markChanged, say("answers"), text})
	}
	return lines
}

func alarmIf(alarm bool) mark {
	if alarm {
		return markAlarm
	}
	return markChanged
}

func moveText(l *Live) phrase {
	if l.Of == OfRequests {
		return say(percent(l.Moved), " go to another backend; none was bound to one before")
	}
	const most = 8
	var moves []phrase
	for _, m := range l.Moves[:min(len(l.Moves), most)] {
		moves = append(moves, say(value(m.From), " -> ", value(m.To), " "+percent(m.Share)))
	}
	if more := len(l.Moves) - most; more > 0 {
		moves = append(moves, say("and "+strconv.Itoa(more)+" smaller moves"))
	}
	return say(percent(l.Moved), " move to another backend: ", joined(moves, ", "))
}

// backendLine says how a backend changes.
func (p *Plan) backendLine(e *Endpoint, b *Backend) line {
	l := line{b.Change.mark(), say("backend ", value(b.Name)), nil}
	of := " of " + e.of()
	switch b.Change {
	case Added:
		l.text = say(p.answerText(b.To), ", weight ", number(b.To.Weight), ": "+percent(b.To.Share)+of)
	case Removed:
		l.text = say("removed; it was ", p.answerText(b.From), " with "+percent(b.From.Share)+of)
	case Changed:
		l.text = joined(p.backendParts(b, of), "; ")
	}
	return l
}

func (p *Plan) backendParts(b *Backend, of string) []phrase {
	var parts []phrase
	if !b.From.answersAs(b.To) {
		parts = append(parts, p.answerChange(b.From, b.To))
	}
	if b.Redefined {
		parts = append(parts, say(p.deployedText(b.To.Deployment), " is declared otherwise, see deployments"))
	}
	share := say(percent(b.To.Share) + of)
	if before := percent(b.From.Share); before != percent(b.To.Share) {
		share = say(before+" -> ", share)
	}
	if b.From.Weight != b.To.Weight {
		share = say("weight ", number(b.From.Weight), " -> ", number(b.To.Weight), ": ", share)
	}
	return append(parts, share)
}

// of is what the shares of an endpoint's backends are shares of.
func (e *Endpoint) of() string {
	switch {
	case e.Live != nil:
		return e.Live.Of
	case e.Assignment != nil && len(e.Assignment.To) > 0:
		return OfSubjects
	}
	return OfRequests
}

// singleLines say how the values change that an endpoint has once.
func singleLines(e *Endpoint) []line {
	var lines []line
	if c := e.Assignment; c != nil {
		text, alarm := assignmentText(e, c)
		lines = append(lines, line{alarmIf(alarm), say("assignment"), text})
	}
	if c := e.Path; c != nil {
		lines = append(lines, line{alarmIf(c.From != "" && e.PathTaker != e.Name), say("path"), pathText(e)})
	}
	if c := e.Fallback; c != nil {
		lines = append(lines, line{markChanged, say("fallback"), fromTo(e, say(value(cmp.Or(c.From, "none"))), say(value(cmp.Or(c.To, "none"))))})
	}
	if c := e.Timeout; c != nil && (e.Change != Added || c.To != schema.Timeout{}.String()) {
		lines = append(lines, line{markChanged, say("timeout"), fromTo(e, say(value(c.From)), say(value(c.To)))})
	}
	if c := e.Sampling; c != nil && (e.Change != Added || len(e.Mirrors) > 0 && !isDefaultSampling(c.To)) {
		lines = append(lines, line{markChanged, say("sampling"), samplingText(e, c)})
	}
	if e.Capture != nil {
		lines = append(lines, captureLine(e))
	}
	lines = append(lines, settingLines(e.Change, e.Settings)...)
	return lines
}

func samplingText(e *Endpoint, c *Change[[]string]) phrase {
	text := fromTo(e, values(c.From, "none"), values(c.To, "none"))
	if e.Change == Added {
		return text
	}
	anew := func(m Mirror) bool { return m.NewlySampled > 0 && m.NoLongerSampled > 0 }
	if slices.ContainsFunc(e.Mirrors, anew) {
		return say(text, "; who is copied is drawn anew")
	}
	return say(text, "; whom none of the keys that stay in front finds may be copied or not as it falls")
}

func isDefaultSampling(keys []string) bool {
	return slices.Equal(keys, ladder(schema.DefaultSampling()))
}

// fromTo is both values of an endpoint that was there before, or the one of a new one.
func fromTo(e *Endpoint, from, to phrase) phrase {
	if e.Change == Added {
		return to
	}
	return say(from, " -> ", to)
}

func assignmentText(e *Endpoint, c *Change[[]string]) (text phrase, alarm bool) {
	text = fromTo(e, values(c.From, "at random"), values(c.To, "at random"))
	if e.Live == nil {
		return text, false
	}
	switch l := e.Live; {
	case len(c.From) == 0:
		return say(text, "; from now on each subject keeps its backend"), false
	case l.Rebound == ReboundNone:
		return say(text, "; whom only the new keys find is bound from now on, all others keep their backend"), false
	case l.MovedAnew == 0:
		return say(text, "; nobody moves, since there is one choice"), false
	case len(c.To) == 0:
		return say(text, "; no subject keeps its backend, each request is drawn"), true
	case l.Rebound == ReboundAll:
		return say(text, "; all subjects are drawn anew, but for those whose value is the same in both"), true
	default:
		return say(text, "; those who have none of the keys that stay in front are drawn anew, and "+percent(l.MovedAnew)+" of them move"), true
	}
}

func pathText(e *Endpoint) phrase {
	from, to := value(e.Path.From), value(e.Path.To)
	var text phrase
	switch {
	case e.Change == Removed:
	case from == "":
		return say("also served under ", to)
	case to == "":
		text = say(from, " is removed; ")
	default:
		text = say(from, " -> ", to, "; ")
	}
	switch e.PathTaker {
	case "":
		return say(text, "callers of ", from, " get 404")
	case e.Name:
		return say(text, "callers of ", from, " are still served, with a longer rest of the path")
	}
	return say(text, "callers of ", from, " get the endpoint ", value(e.PathTaker))
}
