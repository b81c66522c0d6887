package schema

import "strings"

// longestNearest bounds the names that Nearest compares, in bytes: it is also
// called with what strangers send.
const longestNearest = 128

// Nearest is the name among those given that a person who wrote name most
// likely meant: the one with the fewest insertions, deletions, changes and
// swaps of neighbouring letters, letter case aside, or else one that begins
// alike and is longer or shorter. It is false when none is near enough. Of
// equally near names the first wins.
func Nearest(name string, among []string) (string, bool) {
	if name == "" || len(name) > longestNearest {
		return "", false
	}
	want := []rune(strings.ToLower(name))
	best, found := "", false
	limit := cutoff(len(want))
	for _, candidate := range among {
		if len(candidate) > longestNearest {
			continue
		}
		if n := distance(want, []rune(strings.ToLower(candidate)), limit); n <= limit {
			best, found = candidate, true
			limit = n - 1
		}
	}
	if !found {
		return extended(name, among)
	}
	return best, found
}

// extended is the first of the names that goes on where name ends, or ends
// where name goes on.
func extended(name string, among []string) (string, bool) {
	const least = 3 // letters in common
	for _, candidate := range among {
		short, long := strings.ToLower(name), strings.ToLower(candidate)
		if len(short) > len(long) {
			short, long = long, short
		}
		if len(short) >= least && strings.HasPrefix(long, short) {
			return candidate, true
		}
	}
	return "", false
}

// cutoff is the number of mistakes up to which a name of that many letters is
// still taken for another one.
func cutoff(letters int) int {
	switch {
	case letters < 3:
		return 0
	case letters < 6:
		return 1
	case letters < 12:
		return 2
	default:
		return 3
	}
}

// distance is the optimal string alignment distance (Damerau-Levenshtein in
// which no part is edited twice) of a and b, or anything above limit as soon as
// it is known to be above limit.
func distance(a, b []rune, limit int) int {
	if limit < 0 || len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var rows [3][longestNearest + 1]int
	before, last, row := rows[0][:len(b)+1], rows[1][:len(b)+1], rows[2][:len(b)+1]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			n := min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, before[j-2]+1)
			}
			row[j] = n
			least = min(least, n)
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
