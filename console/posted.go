package console

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// sumOf is what a document is known by again when a form comes back. Its text does
// not do: browsers send all lines with the same end, and no bytes that are no text.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// lineFeeds is a text whose lines all end with a line feed, as the texts of forms
// are compared.
func lineFeeds(s string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// restore gives the lines of an edited text the ends that they have in the document
// that it was made of, and new ones those that are usual there.
func restore(text string, of []byte) []byte {
	if text == lineFeeds(string(of)) {
		return append([]byte{}, of...) // not nil, which would be no document
	}
	newline := "\n"
	if strings.Contains(string(of), "\r\n") {
		newline = "\r\n"
	}
	was, is := linesOf(string(of), newline), linesOf(text, "\n")
	same := func(i, j int) bool { return strings.TrimRight(was[i], "\r\n") == strings.TrimRight(is[j], "\r\n") }
	begin, end, shorter := 0, 0, min(len(was), len(is))
	for begin < shorter && same(begin, begin) {
		begin++
	}
	for end < shorter-begin && same(len(was)-1-end, len(is)-1-end) {
		end++
	}
	for i := begin; i < len(is)-end; i++ {
		is[i] = strings.TrimSuffix(is[i], "\n") + newline
	}
	return []byte(strings.Join(slices.Concat(was[:begin], is[begin:len(is)-end], was[len(was)-end:]), ""))
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
