package plan

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// span is a piece of a sentence: words of ours, or a value that somebody wrote.
type span struct {
	text  string
	value bool
}

// phrase is a sentence that each format prints in its way. Values are kept apart
// from words, so that nothing that is committed can pass as formatting.
type phrase []span

// value is a text that somebody wrote.
type value string

// say makes a phrase of words (string), values (value) and phrases.
func say(parts ...any) phrase {
	var all phrase
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			all = append(all, span{text: p})
		case value:
			all = append(all, span{text: shown(string(p)), value: true})
		case phrase:
			all = append(all, p...)
		default:
			panic(fmt.Sprintf("plan: a %T cannot be said", part))
		}
	}
	return all
}

// joined puts phrases together with a separator.
func joined(phrases []phrase, separator string) phrase {
	var all phrase
	for i, p := range phrases {
		if i > 0 {
			all = append(all, span{text: separator})
		}
		all = append(all, p...)
	}
	return all
}

// values lists at most a dozen values, or says in words that there are none.
func values[T ~string](all []T, none string) phrase {
	const most = 12
	if len(all) == 0 {
		return say(none)
	}
	var list []phrase
	for _, v := range all[:min(len(all), most)] {
		list = append(list, say(value(v)))
	}
	if more := len(all) - most; more > 0 {
		list = append(list, say(strconv.Itoa(more)+" more"))
	}
	return joined(list, ", ")
}

// String is the phrase as plain text.
func (p phrase) String() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteString(s.text)
	}
	return b.String()
}

// shown is a value as it may be shown anywhere: visible, and not too long.
func shown(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return visible(s)
}

// visible is s without characters that do more than to be seen.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// percent is a share as people read it. It is never rounded to all or nothing.
func percent(share float64) string {
	p := share * 100
	switch {
	case p == 0 || p == 100:
		return strconv.Itoa(int(p)) + " %"
	case p < 0.0001:
		return "less than 0.0001 %"
	case p > 99.99:
		return "more than 99.99 %"
	case p < 1:
		return strconv.FormatFloat(p, 'g', 2, 64) + " %"
	case p > 99:
		return trimmed(strconv.FormatFloat(p, 'f', 2, 64)) + " %"
	}
	return trimmed(strconv.FormatFloat(p, 'f', 1, 64)) + " %"
}

func trimmed(decimal string) string {
	return strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
}

// number is a weight as it is written.
func number(f float64) value { return value(strconv.FormatFloat(f, 'g', -1, 64)) }
