// Package beside puts two answers beside each other, line by line, and marks what
// one says otherwise than the other.
//
//	live, mirror := beside.Lines(a, b)
//
// JSON is written in its structure, in the order in which it came, and compared
// value by value at each path: the order of keys and how a number is written are no
// difference. Of any other text all is one, or nothing.
package beside

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Line is a line of an answer.
type Line struct {
	Text    string
	Differs bool // from the answer beside it
}

// Lines puts two answers beside each other.
func Lines(a, b []byte) (left, right []Line) {
	x, y := parse(a), parse(b)
	if x == nil || y == nil {
		differ := !bytes.Equal(a, b)
		return mark(Text(a), differ), mark(Text(b), differ)
	}
	return x.lines(y, "", "", ""), y.lines(x, "", "", "")
}

// Text is an answer with nothing beside it.
func Text(text []byte) []Line {
	if v := parse(text); v != nil {
		return v.lines(v, "", "", "")
	}
	var all []Line
	for line := range bytes.Lines(bytes.ToValidUTF8(text, []byte("\ufffd"))) {
		all = append(all, Line{Text: strings.TrimRight(string(line), "\r\n")})
	}
	return all
}

func mark(all []Line, differ bool) []Line {
	for i := range all {
		all[i].Differs = differ
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

// parse reads JSON; nil if it is none.
func parse(text []byte) *value {
	if !json.Valid(text) { // which bounds the depth as well
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return read(d)
}

func read(d *json.Decoder) *value {
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
		item := read(d)
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

// lines are those of a value, beside another one; nil: there is none.
func (v *value) lines(other *value, indent, before, after string) []Line {
	shut := map[json.Delim]string{'{': "}", '[': "]"}[v.open]
	differs := other == nil || other.open != v.open
	switch {
	case v.open == 0:
		return []Line{{indent + before + v.text + after, differs || !sameScalar(v.text, other.text)}}
	case len(v.items) == 0:
		return []Line{{indent + before + v.open.String() + shut + after, differs || len(other.items) > 0}}
	}
	all := []Line{{indent + before + v.open.String(), differs}}
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
	return append(all, Line{indent + shut + after, differs})
}

// at is the item that has the place of one of another value; nil if there is none.
func (v *value) at(of *value, i int) *value {
	if v.open == '[' {
		if i < len(v.items) {
			return v.items[i]
		}
		return nil
	}
	if i < len(v.keys) && v.keys[i] == of.keys[i] { // which tells apart keys that are there twice
		return v.items[i]
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
