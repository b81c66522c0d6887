package schema

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// decimal is the grammar of numbers in JSON. YAML has more ways to write one,
// and its versions disagree about them: 010 is eight in one and ten in another.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// wholeNumber is the grammar of integers.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// quoted is s in double quotes for a message, cut when it is long.
func quoted(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// describe says what a node is, for messages about what it ought to be.
func describe(n node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == nullTag && n.Value == "":
		return "nothing"
	case n.Tag == strTag:
		return "the text " + quoted(n.Value)
	case n.Tag == intTag || n.Tag == floatTag:
		return "the number " + n.Value
	case n.Tag == timestampTag:
		return "the date " + n.Value
	default:
		return n.Value
	}
}

// mistyped reports that a node is of another kind than what takes.
func (d *document) mistyped(n node, what, wanted string) {
	d.report(n.pos, RuleType, "%s must be %s, not %s", what, wanted, describe(n))
}

// str is a text. What reads as another type must be quoted, so that no text
// depends on the version of YAML.
func (d *document) str(n node, what string) (Value[string], bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == strTag:
		return Value[string]{n.Value, n.pos}, true
	case n.Kind == yaml.ScalarNode && n.Value != "":
		d.report(n.pos, RuleType, "%s must be a text, not %s; quote it: %q", what, describe(n), n.Value)
	default:
		d.mistyped(n, what, "a text")
	}
	return Value[string]{}, false
}

// number is a finite number.
func (d *document) number(n node, what string) (Value[float64], bool) {
	switch {
	case overflows(n):
		d.report(n.pos, RuleValue, "%s is out of range: %s", what, n.Value)
	case n.Kind != yaml.ScalarNode || n.Tag != intTag && n.Tag != floatTag:
		d.report(n.pos, RuleType, "%s must be a number, not %s%s", what, describe(n), unquote(n))
	case !decimal.MatchString(n.Value):
		d.notDecimal(n, what)
	default:
		v, err := strconv.ParseFloat(n.Value, 64)
		if err == nil {
			return Value[float64]{v + 0, n.pos}, true // + 0 makes -0 a 0
		}
		d.report(n.pos, RuleValue, "%s is out of range: %s", what, n.Value)
	}
	return Value[float64]{}, false
}

// overflows reports whether a node is a number that is too large for yaml.v3,
// such as 1e999, which it then reads as a text. That is nobody's intent.
func overflows(n node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Tag == strTag && decimal.MatchString(n.Value)
}

// unquote is the advice for a number that was written as a text.
func unquote(n node) string {
	if n.Kind != yaml.ScalarNode || n.Tag != strTag {
		return ""
	}
	switch {
	case decimal.MatchString(n.Value) && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return "; remove the quotes"
	case len(n.Value) > 1 && decimal.MatchString(n.Value[:len(n.Value)-1]) && n.Value[len(n.Value)-1] == '%':
		return "; remove the %"
	}
	return ""
}

// notDecimal reports a number that is written in one of YAML's further ways.
func (d *document) notDecimal(n node, what string) {
	if v, err := strconv.ParseFloat(n.Value, 64); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) || n.Value[len(n.Value)-1] > '9' && n.Tag == floatTag {
		d.report(n.pos, RuleValue, "%s must be a finite number, not %s", what, n.Value)
		return
	}
	d.report(n.pos, RuleValue, "%s must be written in plain decimal digits, not as %s", what, n.Value)
}

// integer is a whole number from least to most.
func (d *document) integer(n node, what string, least, most int) (Value[int], bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != intTag && n.Tag != floatTag:
		d.report(n.pos, RuleType, "%s must be an integer, not %s%s", what, describe(n), unquote(n))
	case n.Tag == floatTag && !wholeNumber.MatchString(n.Value):
		d.mistyped(n, what, "an integer")
	case !wholeNumber.MatchString(n.Value):
		d.notDecimal(n, what)
	default:
		v, err := strconv.Atoi(n.Value)
		if err == nil && v >= least && v <= most {
			return Value[int]{v, n.pos}, true
		}
		d.report(n.pos, RuleValue, "%s must be %s, not %s", what, span(least, most), n.Value)
	}
	return Value[int]{}, false
}

// span says what integers are allowed.
func span(least, most int) string {
	if least == math.MinInt {
		return "an integer of 64 bits"
	}
	if most == math.MaxInt {
		return fmt.Sprintf("%d or above", least)
	}
	return fmt.Sprintf("from %d to %d", least, most)
}

// boolean is true or false. The yes, no, on and off of YAML 1.1 are texts in
// YAML 1.2, so they are refused here.
func (d *document) boolean(n node, what string) (bool, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == boolTag {
		return n.Value[0] == 't' || n.Value[0] == 'T', true
	}
	d.mistyped(n, what, "true or false")
	return false, false
}

// list is the items of a list that must not be empty.
func (d *document) list(n node, what string) ([]node, bool) {
	if n.Kind != yaml.SequenceNode {
		d.mistyped(n, what, "a list")
		return nil, false
	}
	if len(n.Content) == 0 {
		d.report(n.pos, RuleValue, "%s must not be empty", what)
		return nil, false
	}
	items := make([]node, len(n.Content))
	for i, item := range n.Content {
		items[i] = d.resolve(item)
	}
	return items, true
}

// oneOrMore is the items of a list, or a single one that stands without a list.
func (d *document) oneOrMore(n node, what string) ([]node, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag != nullTag {
		return []node{n}, true
	}
	if n.Kind != yaml.SequenceNode {
		d.mistyped(n, what, "a text or a list of texts")
		return nil, false
	}
	return d.list(n, what)
}

// bytes is a size from least to most; allowed says so in words.
func (d *document) bytes(n node, what string, least, most int64, allowed string) int64 {
	text := Value[string]{n.Value, n.pos}
	if n.Kind != yaml.ScalarNode || n.Tag != intTag && n.Tag != floatTag {
		var ok bool
		if text, ok = d.str(n, what); !ok {
			return 0
		}
	}
	size, err := ParseSize(text.V)
	switch {
	case err != nil:
		d.report(n.pos, RuleValue, "%s: %s", what, err)
	case size < least || size > most:
		d.report(n.pos, RuleValue, "%s must be %s, not %s", what, allowed, n.Value)
	}
	return size
}
