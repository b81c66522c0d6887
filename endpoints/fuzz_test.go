package endpoints_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// FuzzBodyKey compares with encoding/json: what it holds for valid, and what its
// tokens say when they are followed along the pointer.
func FuzzBodyKey(f *testing.F) {
	for _, document := range []string{
		`{"user": {"id": "u1"}}`, `{"a": [1, {"b": true}, null]}`, `[[1], -0.5e+3]`, `{"a": 1, "a": 2}`, `{"\u0061": "\ud83d\ude00\ud800"}`,
		`{"a": "\u00`, `{"a": 01}`, `{"a":1}x`, "\xff", "{\"a\":\"\xff\"}", `{"":{"":""}}`, `tru`, `"a"`, ` 1 `, `{"a":1,}`, `[,]`, `{"a~/b": "c"}`,
		strings.Repeat("[", 999) + "1" + strings.Repeat("]", 999), strings.Repeat("[", 1001) + strings.Repeat("]", 1001),
		"\"\\u\x1100a\"",
	} {
		for _, pointer := range []string{"/a", "/user/id", "/a/1/b", "/0/0", "/", "/a~0~1b", "/1"} {
			f.Add([]byte(document), pointer)
		}
	}
	r := request(f, "/")
	f.Fuzz(func(t *testing.T, document []byte, pointer string) {
		key, err := schema.ParseKey("body:" + pointer)
		if err != nil {
			t.Skip()
		}
		before := bytes.Clone(document)
		got, ok := endpoints.Keys{key}.Subject(r, document, nil)
		if !bytes.Equal(before, document) {
			t.Fatal("the body was changed")
		}
		want := reference(document, pointer)
		if len(want) > endpoints.MaxSubject {
			want = ""
		}
		if got != want || ok != (want != "") {
			t.Errorf("%q in %q: %q, want %q", pointer, document, got, want)
		}
	})
}

// reference is the value at pointer as encoding/json sees it.
func reference(document []byte, pointer string) string {
	if !json.Valid(document) || depth(document) > 1000 {
		return ""
	}
	at := document
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if at = child(at, token); at == nil {
			return ""
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(at))
	decoder.UseNumber()
	token, err := decoder.Token()
	if err != nil {
		return ""
	}
	switch token.(type) {
	case string, bool, json.Number:
		return fmt.Sprint(token)
	default:
		return ""
	}
}

// child is the first member or the element of that name, nil if there is none.
func child(value []byte, name string) []byte {
	decoder := json.NewDecoder(bytes.NewReader(value))
	opening, err := decoder.Token()
	if err != nil {
		return nil
	}
	for i := 0; decoder.More(); i++ {
		found := strconv.Itoa(i)
		if opening == json.Delim('{') {
			key, err := decoder.Token()
			if err != nil {
				return nil
			}
			found, _ = key.(string)
		}
		var element json.RawMessage
		if err := decoder.Decode(&element); err != nil {
			return nil
		}
		if found == name {
			return element
		}
	}
	return nil
}

// depth is the deepest nesting of a valid document.
func depth(document []byte) int {
	deepest, open := 0, 0
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		deepest = max(deepest, open)
	}
}
