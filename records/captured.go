package records

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Captured is a captured message, as a record's Request or Response has it.
type Captured struct {
	ContentType string // empty: the message had none
	Encoding    string // of Body; empty: it is as the content type says
	Bytes       int64  // of the body as it passed
	Body        []byte // what is here of it: JSON without white space, or the bytes themselves
	Whole       bool   // Body is all of it
	Redacted    bool   // some of Body was replaced before it was written
	HasQuery    bool   // of a request: its URL had a query, which is not here
	Fields      []Field
}

// Field is a captured header field.
type Field struct{ Name, Value string }

// Redaction is what stands in captured bodies for what must not be written.
const Redaction = "[redacted]"

// ParseCaptured reads a captured message. It is false for what is none, such as the
// empty text of a record that has nothing captured.
func ParseCaptured(object string) (Captured, bool) {
	var c Captured
	parsed := gjson.Parse(object)
	if object == "" || !gjson.Valid(object) || !parsed.IsObject() {
		return c, false
	}
	truncated := true
	sound := true
	parsed.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "contentType":
			c.ContentType = text(v)
		case "contentEncoding":
			c.Encoding = text(v)
		case "bytes":
			c.Bytes = integer(v)
		case "truncated":
			truncated = v.Type != gjson.False
		case "hasQuery":
			c.HasQuery = v.Type == gjson.True
		case "body":
			c.Body, c.Redacted = []byte(v.Raw), strings.Contains(v.Raw, `"`+Redaction+`"`)
		case "bodyBase64":
			var err error
			c.Body, err = base64.StdEncoding.DecodeString(text(v))
			sound = err == nil
		case "headers":
			c.Fields = fields(v)
		}
		return true
	})
	c.Whole = sound && !truncated && (len(c.Body) > 0 || c.Bytes == 0)
	return c, true
}

func fields(object gjson.Result) (all []Field) {
	if !object.IsObject() {
		return nil
	}
	object.ForEach(func(name, v gjson.Result) bool {
		if v.Type == gjson.String {
			all = append(all, Field{Name: name.Str, Value: v.Str})
		}
		return true
	})
	return all
}

// maxDepth is how deep into a document Places looks; what is captured is not deeper.
const maxDepth = 200

// Places are the JSON pointers (RFC 6901) to what was redacted in a document, the first
// most of them, and whether these are all. In what is no JSON there are none: it is never
// redacted in part.
func Places(document []byte, most int) (pointers []string, all bool) {
	if !gjson.ValidBytes(document) {
		return nil, true
	}
	p := places{most: most}
	all = p.look(gjson.ParseBytes(document), "", 0)
	return p.found, all
}

// places looks for what was redacted.
type places struct {
	most  int
	found []string
}

// look is false when it could not see everything.
func (p *places) look(v gjson.Result, at string, depth int) (all bool) {
	if !v.IsObject() && !v.IsArray() {
		if v.Type != gjson.String || v.Str != Redaction {
			return true
		}
		if len(p.found) == p.most {
			return false
		}
		p.found = append(p.found, at)
		return true
	}
	if depth == maxDepth {
		return false
	}
	all, element, list := true, 0, v.IsArray()
	v.ForEach(func(name, inside gjson.Result) bool {
		token := escape(name.Str)
		if list {
			token = strconv.Itoa(element)
			element++
		}
		all = p.look(inside, at+"/"+token, depth+1)
		return all
	})
	return all
}

// escape writes a name as a token of a pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
