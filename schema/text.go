package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// byteOrderMark at the start of a file is passed over, as some editors write
// it. Columns are counted without it.
const byteOrderMark = "\uFEFF"

// badCharacter finds the first byte of text that no document may hold and says
// what it is; the offset is negative when there is none. YAML 1.1 and 1.2
// disagree on whether U+0085, U+2028 and U+2029 end a line, so that one file
// would mean two things: they may only be written as escapes.
func badCharacter(text []byte) (offset int, problem string) {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F {
				return i, controlCharacter(rune(c))
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, fmt.Sprintf("the byte 0x%02x is not UTF-8; save the file in UTF-8", c)
		case r == 0x85 || r == 0x2028 || r == 0x2029:
			return i, fmt.Sprintf("the line separator %U is not allowed; write it as an escape in double quotes", r)
		case r < 0xA0 || r == 0xFFFE || r == 0xFFFF:
			return i, controlCharacter(r)
		case r == 0xFEFF:
			return i, "a byte order mark is only allowed at the start of the file"
		}
		i += size
	}
	return -1, ""
}

func controlCharacter(r rune) string {
	if r == 0 {
		return "the file holds a NUL byte; it is no text"
	}
	return fmt.Sprintf("the control character %U is not allowed; write it as an escape in double quotes", r)
}

// place is the line and column of a byte offset in text, both counted from 1,
// the column in characters. Lines end as YAML ends them: with LF, CR LF or CR.
func place(text []byte, offset int) (line, column int) {
	line, start := 1, 0
	for i := range offset {
		switch {
		case text[i] == '\n':
		case text[i] == '\r' && (i+1 >= len(text) || text[i+1] != '\n'):
		default:
			continue
		}
		line, start = line+1, i+1
	}
	return line, utf8.RuneCount(text[start:offset]) + 1
}

// lines splits text into its lines without their ends. Their number is that of
// the line ends plus one.
func lines(text []byte) []string {
	var all []string
	for {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			return append(all, string(text))
		}
		all = append(all, string(text[:i]))
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		text = text[i+1:]
	}
}

var userinfo = regexp.MustCompile(`://[^/?#\s"']*@`)

// apiKey is what an API key looks like; see the package access. It stands where
// its hash ought to.
var apiKey = regexp.MustCompile(`sy_[A-Za-z0-9_-]{43,}`)

// redacted is a line of a file with API keys and the credentials of URLs starred
// out, as it may be printed; its columns stay as they are.
func redacted(line string) string {
	line = apiKey.ReplaceAllStringFunc(line, func(s string) string { return s[:3] + strings.Repeat("*", len(s)-3) })
	return userinfo.ReplaceAllStringFunc(line, func(s string) string {
		hidden := []byte("://")
		for range utf8.RuneCountInString(s) - len("://@") {
			hidden = append(hidden, '*')
		}
		return string(append(hidden, '@'))
	})
}
