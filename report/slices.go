package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report/stat"
)

// maxSlices bounds the values of a key that are told apart.
const maxSlices = 1000

// SliceKey is what pairs are sliced by.
type SliceKey struct {
	kind   string // commit, subject, version or header
	header string // in small letters
}

// ParseSliceKey reads a key: commit, subject, version (of the deployment), or
// header:NAME of a header field that is captured.
func ParseSliceKey(s string) (SliceKey, error) {
	kind, name, named := strings.Cut(s, ":")
	switch {
	case !named && slices.Contains([]string{"commit", "subject", "version"}, kind):
		return SliceKey{kind: kind}, nil
	case kind == "header" && name != "":
		return SliceKey{kind: kind, header: strings.ToLower(name)}, nil
	}
	return SliceKey{}, fmt.Errorf("%q is nothing to slice by; there are commit, subject, version and header:NAME", s)
}

// String is the key as ParseSliceKey reads it.
func (k SliceKey) String() string {
	if k.kind == "header" {
		return "header:" + k.header
	}
	return k.kind
}

// of is the value that a record has.
func (k SliceKey) of(r *records.Record) string {
	switch k.kind {
	case "commit":
		return r.Commit
	case "subject":
		return r.Subject
	case "version":
		return strconv.Itoa(r.DeploymentVersion)
	default:
		return r.RequestHeader(k.header)
	}
}

// slicing is pairs by the values of a key.
type slicing struct {
	key    SliceKey
	values map[string]*slice
	others int64
}

// slice is the pairs of one value.
type slice struct {
	value                    string
	pairs                    int64
	agree, differ            int64
	liveFailed, mirrorFailed int64
	latency                  stat.Moments
}

func newSlicing(key SliceKey) slicing { return slicing{key: key, values: map[string]*slice{}} }

func (s *slicing) add(value string, p *pair, live side) {
	one := s.values[value]
	if one == nil {
		if len(s.values) >= maxSlices {
			s.others++
			return
		}
		one = &slice{value: strings.Clone(value)}
		s.values[one.value] = one
	}
	one.pairs++
	switch p.said.Agree {
	case records.Agrees:
		one.agree++
	case records.Differs:
		one.differ++
	case records.NotCompared:
	}
	if live.outcome == records.Error {
		one.liveFailed++
	}
	if p.mirror.outcome == records.Error {
		one.mirrorFailed++
	}
	if live.outcome == records.OK && p.mirror.outcome == records.OK {
		one.latency.Add(p.mirror.duration - live.duration)
	}
}

// report shows the largest slices.
func (s *slicing) report(pairs int64) Slicing {
	all := make([]*slice, 0, len(s.values))
	for _, one := range s.values {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *slice) int { return cmp.Or(cmp.Compare(b.pairs, a.pairs), cmp.Compare(a.value, b.value)) })
	out := Slicing{Key: s.key.String(), Slices: []Slice{}, Others: s.others}
	for i, one := range all {
		if i >= shownTop {
			out.Others += one.pairs
			continue
		}
		out.Slices = append(out.Slices, one.report(pairs))
	}
	return out
}

func (s *slice) report(pairs int64) Slice {
	compared := s.agree + s.differ
	out := Slice{
		Value: s.value, Pairs: s.pairs, Share: share(s.pairs, pairs), Interval: stat.Wilson(s.agree, compared, Level),
		LiveErrors: share(s.liveFailed, s.pairs), MirrorErrors: share(s.mirrorFailed, s.pairs), LatencyMs: s.latency.Mean(),
	}
	if compared > 0 {
		rate := share(s.agree, compared)
		out.Agreement = &rate
	}
	return out
}
