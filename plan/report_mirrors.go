package plan

import (
	"bytes"
	"strings"
)

// mirrorLine says how a mirror changes.
func (p *Plan) mirrorLine(m *Mirror) line {
	l := line{m.Change.mark(), say("mirror ", value(m.Name)), nil}
	switch m.Change {
	case Added:
		l.text = say(p.deployedText(&m.To.Deployment), ", copies of "+percent(m.To.Percent/100)+" of subjects")
		if !m.To.Enabled {
			l.text = say(p.deployedText(&m.To.Deployment), ", switched off")
		}
		if judged := judgementText(m.To); judged != nil {
			l.text = say(l.text, "; ", judged)
		}
	case Removed:
		l.text = say("removed; it was ", p.deployedText(&m.From.Deployment))
	case Changed:
		l.text = joined(p.mirrorParts(m), "; ")
	}
	return l
}

func (p *Plan) mirrorParts(m *Mirror) []phrase {
	var parts []phrase
	switch {
	case m.From.Enabled && !m.To.Enabled:
		parts = append(parts, say("switched off"))
	case !m.From.Enabled && m.To.Enabled:
		parts = append(parts, say("switched on"))
	}
	if m.From.Deployment != m.To.Deployment && m.From.Enabled == m.To.Enabled {
		parts = append(parts, p.deployedChange(&m.From.Deployment, &m.To.Deployment))
	} else if m.To.Enabled != m.From.Enabled {
		parts = append(parts, p.deployedText(&m.To.Deployment))
	}
	if m.Redefined {
		parts = append(parts, say(p.deployedText(&m.To.Deployment), " is declared otherwise, see deployments"))
	}
	if len(m.Settings) > 0 {
		parts = append(parts, say(values(m.Settings, ""), " changed"))
	}
	if m.From.Percent != m.To.Percent {
		parts = append(parts, say("percent ", number(m.From.Percent), " -> ", number(m.To.Percent)))
	}
	if !m.From.judgedAs(m.To) {
		parts = append(parts, judgementChange(m.From, m.To))
	}
	var copies []string
	if m.NewlySampled > 0 {
		copies = append(copies, percent(m.NewlySampled)+" of subjects newly copied")
	}
	if m.NoLongerSampled > 0 {
		copies = append(copies, percent(m.NoLongerSampled)+" no longer")
	}
	if len(copies) > 0 {
		parts = append(parts, say(strings.Join(copies, ", ")))
	}
	return parts
}

// judgementText says how the answers of a new mirror are judged, nil if as by
// default.
func judgementText(to *MirrorState) phrase {
	var parts []phrase
	switch {
	case string(to.Compare) == notCompared:
		parts = append(parts, say("answers are not compared"))
	case string(to.Compare) != "{}":
		parts = append(parts, say("compare ", value(to.Compare)))
	}
	if to.Noise {
		parts = append(parts, say("noise"))
	}
	if string(to.Gates) != "null" {
		parts = append(parts, say("gates ", value(to.Gates)))
	}
	return joined(parts, "; ")
}

// notCompared is what is written of answers that are not compared.
const notCompared = "false"

func judgementChange(from, to *MirrorState) phrase {
	var parts []phrase
	if !bytes.Equal(from.Compare, to.Compare) {
		parts = append(parts, say("compare ", value(from.Compare), " -> ", value(to.Compare)))
	}
	switch {
	case to.Noise && !from.Noise:
		parts = append(parts, say("now noise: a yardstick for other mirrors"))
	case from.Noise && !to.Noise:
		parts = append(parts, say("no longer noise"))
	}
	if !bytes.Equal(from.Gates, to.Gates) {
		parts = append(parts, say("gates ", gatesValue(from), " -> ", gatesValue(to)))
	}
	return joined(parts, "; ")
}

func gatesValue(s *MirrorState) phrase {
	if string(s.Gates) == "null" {
		return say("none")
	}
	return say(value(s.Gates))
}
