package plan

import (
	"strconv"
)

// answerText says who answers for a backend.
func (p *Plan) answerText(s *BackendState) phrase {
	if s.Deployment == nil {
		return say("static ", value(s.Static))
	}
	return p.deployedText(s.Deployment)
}

// answerChange says how that changes.
func (p *Plan) answerChange(from, to *BackendState) phrase {
	switch {
	case from.Deployment == nil && to.Deployment == nil:
		return say("static ", value(from.Static), " -> ", value(to.Static))
	case from.Deployment == nil || to.Deployment == nil:
		return say(p.answerText(from), " -> ", p.answerText(to))
	}
	return p.deployedChange(from.Deployment, to.Deployment)
}

// deployedText is a version of a deployment, such as "pricing latest (6)".
func (p *Plan) deployedText(d *Deployed) phrase {
	return say(p.deploymentName(d.Branch, d.Name), " ", d.versionText())
}

// deploymentName names the branch only where it is not the endpoints branch.
func (p *Plan) deploymentName(branch, name string) phrase {
	if branch == p.branch {
		return say(value(name))
	}
	return say(value(name), " on ", value(branch))
}

func (d *Deployed) versionText() phrase {
	switch {
	case d.Alias == "":
		return say("version ", value(strconv.Itoa(d.Version)))
	case d.Version == 0:
		return say(value(d.Alias))
	}
	return say(value(d.Alias), " (", value(strconv.Itoa(d.Version)), ")")
}

// deployedChange says only what differs: "pricing: latest 6 -> 7" when what is
// written stays and stands for another version.
func (p *Plan) deployedChange(from, to *Deployed) phrase {
	switch {
	case from.address() != to.address():
		return say(p.deployedText(from), " -> ", p.deployedText(to))
	case from.Alias == to.Alias && from.Alias != "":
		return say(p.deploymentName(to.Branch, to.Name), ": ", value(to.Alias), " ",
			value(strconv.Itoa(from.Version)), " -> ", value(strconv.Itoa(to.Version)))
	}
	return say(p.deploymentName(to.Branch, to.Name), ": ", from.versionText(), " -> ", to.versionText())
}

func (d *Deployed) address() address { return address{d.Branch, d.Name} }

// deploymentBlocks describes the deployments that change.
func (p *Plan) deploymentBlocks() []block {
	all := make([]block, len(p.Deployments))
	for i := range p.Deployments {
		d := &p.Deployments[i]
		b := block{mark: d.Change.mark(), title: p.deploymentName(d.Branch, d.Name)}
		for j := range d.Versions {
			b.lines = append(b.lines, versionLine(&d.Versions[j]))
		}
		for _, a := range d.Aliases {
			b.lines = append(b.lines, aliasLine(a))
		}
		all[i] = b
	}
	return all
}

func versionLine(v *Version) line {
	l := line{v.Change.mark(), say("version ", value(strconv.Itoa(v.Number))), nil}
	var parts []phrase
	switch v.Change {
	case Removed:
		parts = append(parts, say("removed"))
	case Added:
		parts = append(parts, say("added, ", values(v.URLs.To, "")))
	case Changed:
		parts = versionParts(v)
	}
	parts = append(parts, usesText(v.UsedBy))
	l.text = joined(parts, "; ")
	return l
}

func versionParts(v *Version) []phrase {
	var parts []phrase
	if c := v.URLs; c != nil {
		parts = append(parts, say("url ", values(c.From, "none"), " -> ", values(c.To, "none")))
	}
	if c := v.Methods; c != nil {
		parts = append(parts, say("methods ", values(c.From, "any"), " -> ", values(c.To, "any")))
	}
	for _, h := range []struct {
		what  string
		names []string
	}{{"added", v.HeadersAdded}, {"removed", v.HeadersRemoved}, {"changed", v.HeadersChanged}} {
		if len(h.names) > 0 {
			parts = append(parts, say("header ", values(h.names, ""), " "+h.what))
		}
	}
	if len(v.Settings) > 0 {
		parts = append(parts, say(values(v.Settings, ""), " changed"))
	}
	return parts
}

func usesText(uses []Use) phrase {
	names := make([]string, len(uses))
	for i, u := range uses {
		names[i] = u.Endpoint + "/" + u.Name
	}
	if len(names) == 0 {
		return say("no endpoint uses it")
	}
	return say("used by ", values(names, ""))
}

func aliasLine(a Alias) line {
	l := line{markChanged, say("alias ", value(a.Name)), say(value(strconv.Itoa(a.From)), " -> ", value(strconv.Itoa(a.To)))}
	switch {
	case a.From == 0:
		l.mark, l.text = markAdded, say("version ", value(strconv.Itoa(a.To)))
	case a.To == 0:
		l.mark, l.text = markRemoved, say("removed; it was version ", value(strconv.Itoa(a.From)))
	}
	return l
}
