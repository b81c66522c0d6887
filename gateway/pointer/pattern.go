package pointer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Pattern is a parsed pointer.
type Pattern struct{ tokens []string }

// anything is the token that stands for any member and any element.
const anything = "*"

// Parse parses a pointer: one token or more, each with its slash in front.
func Parse(s string) (Pattern, error) {
	if !strings.HasPrefix(s, "/") {
		return Pattern{}, errors.New("a pointer begins with /")
	}
	tokens := strings.Split(s[1:], "/")
	for i, token := range tokens {
		if err := escapes(token); err != nil {
			return Pattern{}, err
		}
		tokens[i] = schema.UnescapeToken(token)
	}
	return Pattern{tokens}, nil
}

// escapes reports a ~ that is none of ~0 and ~1.
func escapes(token string) error {
	for i := range len(token) {
		if token[i] == '~' && (i+1 == len(token) || token[i+1] != '0' && token[i+1] != '1') {
			return fmt.Errorf("in %s, ~ is written as ~0 and / as ~1", strconv.Quote(token))
		}
	}
	return nil
}

// AppendToken appends a name as a token, with its slash in front.
func AppendToken(dst []byte, name string) []byte {
	dst = append(dst, '/')
	for i := range len(name) {
		switch name[i] {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, name[i])
		}
	}
	return dst
}

// index is the array index that a token stands for, -1 for none: RFC 6901,
// section 4, allows digits without leading zeros.
func index(token string) int {
	n, err := strconv.Atoi(token)
	if err != nil || n < 0 || strconv.Itoa(n) != token {
		return -1
	}
	return n
}
