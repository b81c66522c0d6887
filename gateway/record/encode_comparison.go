package record

import (
	"math"
	"strconv"
)

// appendComparison writes what came of comparing a copy's answer.
func appendComparison(dst []byte, c *Comparison) []byte {
	if c.LiveOutcome != "" {
		dst = append(dst, `,"`+FieldLiveStatus+`":`...)
		dst = appendIntOrNull(dst, c.LiveStatus)
		dst = append(dst, `,"`+FieldLiveOutcome+`":`...)
		dst = AppendString(dst, string(c.LiveOutcome))
		dst = append(dst, `,"`+FieldLiveDuration+`":`...)
		dst = appendMillis(dst, c.LiveDuration)
		dst = append(dst, `,"`+FieldLiveTTFB+`":`...)
		if c.LiveTTFB > 0 {
			dst = appendMillis(dst, c.LiveTTFB)
		} else {
			dst = append(dst, null...)
		}
	}
	dst = append(dst, `,"`+FieldAgree+`":`...)
	switch c.Agree {
	case Agrees:
		dst = append(dst, "true"...)
	case Differs:
		dst = append(dst, "false"...)
	case Unknown:
		dst = append(dst, null...)
	}
	if len(c.Diff) > 0 {
		dst = appendDiff(dst, c.Diff)
	}
	return appendFindings(dst, c)
}

func appendDiff(dst []byte, diff []Difference) []byte {
	dst = append(dst, `,"`+FieldDiff+`":[`...)
	for i, d := range diff {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"`+FieldDiffPath+`":`...)
		dst = AppendString(dst, d.Path)
		dst = appendValue(dst, `,"`+FieldDiffLive+`":`, d.Live)
		dst = appendValue(dst, `,"`+FieldDiffMirror+`":`, d.Mirror)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendValue(dst []byte, name string, v Value) []byte {
	switch v.Kind {
	case Absent:
		return dst
	case JSON:
		return append(append(dst, name...), v.Text...)
	case Text:
		return AppendString(append(dst, name...), v.Text)
	}
	return dst
}

// appendFindings writes what was found besides differences.
func appendFindings(dst []byte, c *Comparison) []byte {
	if c.Labeled {
		dst = append(dst, `,"`+FieldLabelLive+`":`...)
		dst = AppendString(dst, c.LabelLive)
		dst = append(dst, `,"`+FieldLabelMirror+`":`...)
		dst = AppendString(dst, c.LabelMirror)
	}
	if c.Scored {
		dst = append(dst, `,"`+FieldScoreLive+`":`...)
		dst = appendFloat(dst, c.ScoreLive)
		dst = append(dst, `,"`+FieldScoreMirror+`":`...)
		dst = appendFloat(dst, c.ScoreMirror)
		dst = append(dst, `,"`+FieldScoreDelta+`":`...)
		dst = appendFloat(dst, c.ScoreMirror-c.ScoreLive)
	}
	if c.Measured {
		dst = append(dst, `,"`+FieldSimilarity+`":`...)
		dst = appendFloat(dst, c.Similarity)
	}
	if c.Noise {
		dst = append(dst, `,"`+FieldNoise+`":true`...)
	}
	if c.Unpaired != "" {
		dst = append(dst, `,"`+FieldUnpaired+`":`...)
		dst = AppendString(dst, string(c.Unpaired))
	}
	return dst
}

// appendFloat writes a number in its shortest form; what JSON cannot write, as the
// difference of two very large ones may be, is null.
func appendFloat(dst []byte, v float64) []byte {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return append(dst, null...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
