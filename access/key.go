package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// A key is a prefix, by which scanners of secrets know it, and 256 random bits
// in the alphabet of base64url (RFC 4648, section 5).
const (
	prefix  = "sy_"
	letters = 43
	length  = len(prefix) + letters
)

// NewKey makes a key and its hash. The key is to be shown once and kept nowhere.
func NewKey() (text string, hash schema.KeyHash) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand
	text = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return text, Hash(text)
}

// Hash is what git holds of a key.
func Hash(text string) schema.KeyHash {
	var room [length]byte // on the stack
	return sha256.Sum256(append(room[:0], text...))
}

// HashText is a hash as it is written in YAML.
func HashText(h schema.KeyHash) string { return "sha256:" + hex.EncodeToString(h[:]) }

// IsKey reports whether a text has the form of a key.
func IsKey(text string) bool {
	if len(text) != length || text[:len(prefix)] != prefix {
		return false
	}
	for i := len(prefix); i < length; i++ {
		if !letter(text[i]) {
			return false
		}
	}
	return true
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Redact stars out every key in a text, with whatever letters follow it. A text
// without one is returned as it is.
func Redact(text string) (redacted string, found bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], prefix)
		if i < 0 {
			return text, found
		}
		begin := from + i
		end := begin + len(prefix)
		for end < len(text) && letter(text[end]) {
			end++
		}
		from = end
		if end-begin >= length {
			text, found = text[:begin]+prefix+"***"+text[end:], true
			from = begin + len(prefix+"***")
		}
	}
}
