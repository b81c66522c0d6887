package edit

import (
	"bytes"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// filter tells cheaply of most bodies that there is nothing to remove from them:
// the names do not stand in them. It is all that such bodies cost.
type filter struct {
	names []rareName // empty: every body passes
}

// rareName is a name and the place of the byte in it that is the least likely to
// be met in JSON.
type rareName struct {
	name string
	at   int
}

// newFilter is of use where names are written in one way only, if not with \u.
func newFilter(remove []string) (f filter) {
	for _, pointer := range remove {
		name := pointer[strings.LastIndexByte(pointer, '/')+1:]
		other := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == '~' }
		if index(name) >= 0 || strings.ContainsFunc(name, other) {
			return filter{}
		}
		f.names = append(f.names, rareName{name, rarest(name)})
	}
	return f
}

// rarest is the place of the byte of a name that stands last among the bytes that
// JSON is made of.
func rarest(name string) int {
	const common = `"0123456789.-etaoinsrhldcumfpgwybvkxjqz`
	at, rank := 0, -1
	for i := range len(name) {
		n := strings.IndexByte(common, name[i])
		if n < 0 {
			return i
		}
		if n > rank {
			at, rank = i, n
		}
	}
	return at
}

// passes reports whether one of the names may stand in the body.
func (f filter) passes(body [][]byte) bool {
	if len(f.names) == 0 {
		return true
	}
	for i, data := range body {
		if bytes.Contains(data, []byte(`\u`)) || i > 0 && seam(`\u`, body[i-1], data) {
			return true
		}
		for _, n := range f.names {
			if n.in(data) || i > 0 && seam(n.name, body[i-1], data) {
				return true
			}
		}
	}
	return false
}

// in reports whether the name stands in data.
func (n rareName) in(data []byte) bool {
	for from := n.at; ; from++ {
		i := bytes.IndexByte(data[min(from, len(data)):], n.name[n.at])
		if i < 0 {
			return false
		}
		from += i
		if begin := from - n.at; bytes.HasPrefix(data[begin:], []byte(n.name)) {
			return true
		}
	}
}

// seam reports whether a text may begin in one piece and end in the next: whether
// it does, or what follows is so short that it may end after that.
func seam(text string, before, after []byte) bool {
	var room [2 * schema.MaxMemberName]byte
	most := min(len(text), schema.MaxMemberName) - 1
	both := append(room[:0], before[max(len(before)-most, 0):]...)
	both = append(both, after[:min(most, len(after))]...)
	return len(after) < most || bytes.Contains(both, []byte(text))
}
