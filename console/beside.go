package console

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// markedLine is a line of an answer.
type markedLine struct {
	Text    string
	Differs bool // from the answer beside it
}

// beside puts two answers beside each other, and marks what one says otherwise than
// the other: of JSON the values at each path, of other texts all.
func beside(a, b []byte) (left, right []markedLine) {
	x, y := parseValue(a), parseValue(b)
	if x == nil || y == nil {
		differ := !bytes.Equal(a, b)
		return textLines(a, differ), textLines(b, differ)
	}
	return x.marked(y), y.marked(x)
}

// textLines are the lines of an answer, JSON in its structure.
func textLines(text []byte, differ bool) []markedLine {
	var all []markedLine
	for line := range strings.Lines(indented(bytes.ToValidUTF8(text, []byte("\ufffd")))) {
		all = append(all, markedLine{strings.TrimRight(line, "\r\n"), differ})
	}
	return all
}

// value is a JSON value, in the order in which it is written.
type value struct {
	open  json.Delim // { or [; 0: neither
	text  string     // as it is written, if it is neither
	keys  []string
	items []*value
}

// parseValue reads JSON; nil if it is none.
func parseValue(text []byte) *value {
	if !json.Valid(text) { // which bounds the depth as well
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return readValue(d)
}

func readValue(d *json.Decoder) *value {
	token, err := d.Token()
	if err != nil {
		return nil
	}
	open, ok := token.(json.Delim)
	if !ok {
		text, _ := json.Marshal(token) // it was read as JSON
		return &value{text: string(text)}
	}
	v := &value{open: open}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return nil
			}
			text, _ := key.(string)
			v.keys = append(v.keys, text)
		}
		item := readValue(d)
		if item == nil {
			return nil
		}
		v.items = append(v.items, item)
	}
	_, err = d.Token() // the end
	if err != nil {
		return nil
	}
	return v
}

// marked are the lines of a value, beside another one; nil: there is none.
func (v *value) marked(other *value) []markedLine { return v.lines(other, "", "", "") }

func (v *value) lines(other *value, indent, before, after string) []markedLine {
	shut := map[json.Delim]string{'{': "}", '[': "]"}[v.open]
	differs := other == nil || other.open != v.open
	switch {
	case v.open == 0:
		return []markedLine{{indent + before + v.text + after, differs || !sameScalar(v.text, other.text)}}
	case len(v.items) == 0:
		return []markedLine{{indent + before + v.open.String() + shut + after, differs || len(other.items) > 0}}
	}
	all := []markedLine{{indent + before + v.open.String(), differs}}
	for i, item := range v.items {
		key, comma := "", ","
		if v.open == '{' {
			text, _ := json.Marshal(v.keys[i])
			key = string(text) + ": "
		}
		if i == len(v.items)-1 {
			comma = ""
		}
		var beside *value
		if !differs {
			beside = other.at(v, i)
		}
		all = append(all, item.lines(beside, indent+"  ", key, comma)...)
	}
	return append(all, markedLine{indent + shut + after, differs})
}

// at is the item that has the place of one of another value; nil if there is none.
func (v *value) at(of *value, i int) *value {
	if v.open == '[' {
		if i < len(v.items) {
			return v.items[i]
		}
		return nil
	}
	for k, key := range v.keys {
		if key == of.keys[i] {
			return v.items[k]
		}
	}
	return nil
}

// sameScalar reports whether two scalars are the same value: 20 and 20.0 are.
func sameScalar(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
