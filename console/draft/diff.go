package draft

import (
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// DiffLine is a line of a difference: one that goes, comes, or stays near one
// that does.
type DiffLine struct {
	Kind string // "del", "add", "same", or "gap" for lines that are left out
	Old  int    // its number before; 0: it comes
	New  int    // its number after; 0: it goes
	Text string
}

// around is how many lines that stay are shown around those that change.
const around = 3

// mostLines bounds what is compared line by line, as documents are bounded; of
// longer differences the beginning is shown.
const mostLines = 2000

// Diff is how a text differs from another one: the fewest lines. It is empty when
// they are the same.
func Diff(was, is []byte) []DiffLine {
	if string(was) == string(is) {
		return nil
	}
	return near(aligned(lines(was), lines(is)))
}

// aligned puts the lines of two texts side by side.
func aligned(a, b []string) []DiffLine {
	begin := 0
	for begin < min(len(a), len(b)) && a[begin] == b[begin] {
		begin++
	}
	end := 0
	for end < min(len(a), len(b))-begin && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var all []DiffLine
	for i := range begin {
		all = append(all, DiffLine{"same", i + 1, i + 1, a[i]})
	}
	all = append(all, middle(a[begin:len(a)-end], b[begin:len(b)-end], begin)...)
	for i := range end {
		old, now := len(a)-end+i, len(b)-end+i
		all = append(all, DiffLine{"same", old + 1, now + 1, a[old]})
	}
	return all
}

func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// middle compares what is between: by the longest sequence in common.
func middle(a, b []string, offset int) []DiffLine {
	if len(a)*len(b) > mostLines*mostLines {
		a, b = a[:min(len(a), mostLines)], b[:min(len(b), mostLines)]
	}
	longest := make([][]int32, len(a)+1) // of a[i:] and b[j:]
	for i := range longest {
		longest[i] = make([]int32, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	var all []DiffLine
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, DiffLine{"same", offset + i + 1, offset + j + 1, a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			all = append(all, DiffLine{"del", offset + i + 1, 0, a[i]})
			i++
		default:
			all = append(all, DiffLine{"add", 0, offset + j + 1, b[j]})
			j++
		}
	}
	return all
}

// near leaves out the lines that are far from all that change.
func near(all []DiffLine) []DiffLine {
	shown := make([]bool, len(all))
	for i, l := range all {
		if l.Kind == "same" {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			shown[k] = true
		}
	}
	var out []DiffLine
	for i, l := range all {
		switch {
		case shown[i]:
			out = append(out, l)
		case len(out) > 0 && out[len(out)-1].Kind != "gap":
			out = append(out, DiffLine{Kind: "gap"})
		case len(out) == 0:
			out = append(out, DiffLine{Kind: "gap"})
		}
	}
	return out
}

// Lines is a document with its lines numbered.
type Lines struct {
	Path  string
	Lines []DiffLine
}

// Number numbers the lines of a document.
func Number(f schema.File) Lines {
	l := Lines{Path: f.Path}
	for i, text := range lines(f.Data) {
		l.Lines = append(l.Lines, DiffLine{"same", i + 1, i + 1, strings.TrimSuffix(text, "\r")})
	}
	return l
}
