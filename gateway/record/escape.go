package record

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// plain holds for the bytes that stand for themselves in a JSON string: visible
// ASCII except the quote and the backslash.
var plain = func() (table [256]bool) {
	for b := ' '; b <= '~'; b++ {
		table[b] = b != '"' && b != '\\'
	}
	return table
}()

// AppendString appends s as a JSON string (RFC 8259, section 7). Bytes that are
// not UTF-8 become U+FFFD, one each.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if !plain[s[i]] {
			return appendEscaped(dst, s, i)
		}
	}
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendEscaped writes the rest of AppendString's string, s[:i] of which is plain.
func appendEscaped(dst []byte, s string, i int) []byte {
	start := 0
	for i < len(s) {
		if plain[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if stands(r, size) {
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, r)
		i += size
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// stands reports whether a rune beyond ASCII, decoded from size bytes, needs no escape.
func stands(r rune, size int) bool {
	switch {
	case r < utf8.RuneSelf:
		return false
	case r == '\u2028' || r == '\u2029':
		return false
	case r == utf8.RuneError:
		return size > 1 // written so by the caller, not a sign of broken UTF-8
	}
	return true
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u',
		hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}
