package front

import "strings"

// The classes of bytes that the grammars of head.go and follow.go are made of.
const (
	tokenByte  byte = 1 << iota // tchar, RFC 9110 section 5.6.2
	valueByte                   // VCHAR, SP and HTAB, RFC 9110 section 5.5 without obs-text
	pathByte                    // what url.URL never escapes in a path
	queryByte                   // pchar, "/", "?", RFC 3986 section 3.4
	hostByte                    // letters, digits, "-", ".", ":" and brackets
	textByte                    // valueByte and obs-text
	targetByte                  // VCHAR but "#", and what is not ASCII, which RFC 3986 forbids and browsers send
)

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// classOf maps each byte to its classes; it never changes.
var classOf = func() (t [256]byte) {
	for i := range t {
		c := string(rune(i))
		switch {
		case i >= 0x80:
			t[i] |= textByte | targetByte
			continue
		case i == '\t' || ' ' <= i && i <= '~':
			t[i] |= valueByte | textByte
		}
		if '!' <= i && i <= '~' && i != '#' {
			t[i] |= targetByte
		}
		mark := func(class byte, set string) {
			if strings.Contains(set, c) {
				t[i] |= class
			}
		}
		mark(tokenByte, letters+digits+"!#$%&'*+-.^_`|~")
		mark(pathByte, letters+digits+"-._~/$&+,:;=@")
		mark(queryByte, letters+digits+"-._~/$&+,:;=@?%!'()*")
		mark(hostByte, letters+digits+"-.:[]")
	}
	return t
}()

// span returns the length of the longest prefix of s that consists of bytes of the class.
func span[T string | []byte](s T, class byte) int {
	for i := range len(s) {
		if classOf[s[i]]&class == 0 {
			return i
		}
	}
	return len(s)
}
