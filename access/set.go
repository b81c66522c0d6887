package access

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Key is a declared key. It is immutable.
type Key struct {
	Name      string
	Index     int      // in Set.Keys
	Endpoints []string // patterns of names
	Expires   time.Time
	Limits    schema.Allowance

	hash schema.KeyHash
	all  bool // of the endpoints
}

// Set is the keys of a revision, sorted by name. It is immutable and safe for
// concurrent use.
type Set struct {
	keys   []*Key
	byHash map[schema.KeyHash]*Key
}

// Keys are the keys, which must not be changed.
func (s *Set) Keys() []*Key { return s.keys }

// Len is how many keys there are.
func (s *Set) Len() int { return len(s.keys) }

// Find is the key with that text, nil if there is none. It allocates nothing.
func (s *Set) Find(text string) *Key {
	if !IsKey(text) {
		return nil
	}
	hash := Hash(text)
	k := s.byHash[hash]
	if k == nil || subtle.ConstantTimeCompare(k.hash[:], hash[:]) != 1 {
		return nil
	}
	return k
}

// mostCandidates bounds how many keys are looked up for one text: it takes chance to have
// one, and malice to have more.
const mostCandidates = 16

// Within reports whether there is a key in a text: any that begins where no letter of keys
// stands before, and one of the set wherever it stands. For long texts of random letters,
// such as the tokens of others, have some in them that look like a key.
func (s *Set) Within(text string) bool {
	candidates := 0
	for begin := strings.Index(text, prefix); begin >= 0 && begin+length <= len(text); {
		if candidate := text[begin : begin+length]; IsKey(candidate) {
			candidates++
			if begin == 0 || !letter(text[begin-1]) || candidates > mostCandidates || s.Find(candidate) != nil {
				return true
			}
		}
		next := strings.Index(text[begin+1:], prefix)
		if next < 0 {
			break
		}
		begin += 1 + next
	}
	return false
}

// Again is the key with the text of one of another revision, nil if there is none any more.
func (s *Set) Again(k *Key) *Key { return s.byHash[k.hash] }

// Expired reports whether the key is no longer good.
func (k *Key) Expired(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// Allows reports whether the key is good for an endpoint.
func (k *Key) Allows(endpoint string) bool {
	if k.all {
		return true
	}
	for _, p := range k.Endpoints {
		if Matches(p, endpoint) {
			return true
		}
	}
	return false
}

// Matches reports whether a name is that of a pattern, in which * stands for any
// characters. Of a name that fits in
// several ways the shortest is tried for each star, so that it takes one pass
// for each star and no pattern is slow.
func Matches(pattern, name string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}

// Same reports whether two keys are the same text.
func (k *Key) Same(other *Key) bool { return k.hash == other.hash }
