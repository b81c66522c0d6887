package draft

import "strings"

// LineFeeds is a text whose lines all end with a line feed, as the texts of forms
// are compared.
func LineFeeds(s string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// Restore gives the lines of an edited text the ends that they have in the document
// that it was made of, and new ones those that are usual there. The last line gets one,
// too.
func Restore(text string, of []byte) []byte {
	if text == LineFeeds(string(of)) {
		return append([]byte{}, of...) // not nil, which would be no document
	}
	newline := "\n"
	if strings.Contains(string(of), "\r\n") {
		newline = "\r\n"
	}
	was, is := linesOf(string(of), newline), linesOf(text, "\n")
	plain := strings.Join(is, "")
	begin, end := alike(was, is)
	for i, line := range is {
		switch {
		case i < begin:
			is[i] = was[i]
		case i >= len(is)-end:
			is[i] = was[i+len(was)-len(is)]
		default:
			is[i] = strings.TrimSuffix(line, "\n") + newline
		}
	}
	restored := strings.Join(is, "")
	if LineFeeds(restored) != plain { // a CR of one line has met the LF of the next
		restored = strings.ReplaceAll(plain, "\n", newline)
	}
	return []byte(restored)
}

// alike is how many lines two texts have in common at their begin and end, whatever
// ends them.
func alike(was, is []string) (begin, end int) {
	same := func(i, j int) bool { return strings.TrimRight(was[i], "\r\n") == strings.TrimRight(is[j], "\r\n") }
	shorter := min(len(was), len(is))
	for begin < shorter && same(begin, begin) {
		begin++
	}
	for end < shorter-begin && same(len(was)-1-end, len(is)-1-end) {
		end++
	}
	return begin, end
}

// linesOf are the lines of a text with their ends; the last one gets one if it has
// none.
func linesOf(text, newline string) (all []string) {
	for text != "" {
		i := strings.IndexAny(text, "\r\n")
		switch {
		case i < 0:
			return append(all, text+newline)
		case strings.HasPrefix(text[i:], "\r\n"):
			i++
		}
		all, text = append(all, text[:i+1]), text[i+1:]
	}
	return all
}
