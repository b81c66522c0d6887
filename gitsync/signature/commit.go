package signature

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Commit is a commit object and what of it is signed. It is immutable.
type Commit struct {
	Time      time.Time // when it was committed, as the committer says
	payload   []byte    // what is signed
	signature []byte    // armored; empty if there is none
}

// The headers that hold signatures. That over the SHA-256 form of the commit
// says nothing about this form, and is left out of what is signed, as git does.
const (
	signatureHeader = "gpgsig"
	sha256Header    = "gpgsig-sha256"
)

var (
	errTwice  = errors.New("it has two signatures, of which one could hide the other; sign it once")
	errHeader = errors.New("its header is not one that git writes")
)

// Parse reads the content of a commit object, without the object's own header.
// Headers that two readers could understand in two ways, such as a second tree,
// are an error, so that what was signed is what is served.
func Parse(raw []byte) (*Commit, error) {
	c := &Commit{}
	var names []string
	rest := raw
	for {
		name, value, after, err := header(rest)
		if err != nil {
			return nil, err
		}
		if name == "" {
			c.payload = append(c.payload, rest...) // the empty line and the message
			break
		}
		if name == signatureHeader {
			if c.signature != nil {
				return nil, errTwice
			}
			c.signature = unfold(value)
		}
		if name != signatureHeader && name != sha256Header {
			c.payload = append(c.payload, rest[:len(rest)-len(after)]...)
			names = append(names, name)
		}
		if name == "committer" {
			if c.Time, err = committed(value); err != nil {
				return nil, err
			}
		}
		rest = after
	}
	return c, ordered(names)
}

// header cuts the first header with its continued lines off; its name is empty
// at the end of the headers.
func header(text []byte) (name string, value, after []byte, err error) {
	if len(text) == 0 || text[0] == '\n' {
		return "", nil, nil, nil
	}
	end := 0
	for {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return "", nil, nil, errHeader
		}
		if end += i + 1; end == len(text) || text[end] != ' ' {
			break
		}
	}
	word, value, found := bytes.Cut(text[:end], []byte(" "))
	if !found || len(word) == 0 || bytes.ContainsAny(word, "\n\x00") {
		return "", nil, nil, errHeader
	}
	return string(word), value, text[end:], nil
}

// unfold takes the space away that each continued line begins with.
func unfold(value []byte) []byte {
	return bytes.ReplaceAll(value, []byte("\n "), []byte("\n"))
}

// ordered proves that tree, parents, author and committer come first, in this
// order, and never again.
func ordered(names []string) error {
	for len(names) > 2 && names[0] == "tree" && names[1] == "parent" {
		names = append([]string{"tree"}, names[2:]...)
	}
	first := []string{"tree", "author", "committer"}
	if len(names) < len(first) || !slices.Equal(names[:len(first)], first) {
		return errHeader
	}
	for _, name := range names[len(first):] {
		if name == "parent" || slices.Contains(first, name) {
			return errHeader
		}
	}
	return nil
}

// committed reads the time of "NAME <ADDRESS> SECONDS ZONE".
func committed(value []byte) (time.Time, error) {
	fields := bytes.Fields(value[bytes.LastIndexByte(value, '>')+1:])
	if len(fields) != 2 {
		return time.Time{}, errHeader
	}
	seconds, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, fmt.Errorf("%w: its date cannot be read", errHeader)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
