package draft_test

import (
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console/draft"
)

// FuzzRestore holds that a document comes back from a form as it was if nobody has
// edited it, and else as the text that it was edited to, with the lines before and
// after what was edited as they were.
func FuzzRestore(f *testing.F) {
	f.Add("a\r\nb\nc\rd", "new\n", 1)
	f.Add("", "", 0)
	f.Add("a\n\r\n\r", "x", 2)
	f.Add("a\rb\n", "\n", 2)
	f.Fuzz(func(t *testing.T, document, by string, at int) {
		text := draft.LineFeeds(document)
		if got := draft.Restore(text, []byte(document)); got == nil || string(got) != document {
			t.Fatalf("%q, which nobody has edited, becomes %q", document, got)
		}
		at = max(0, min(at, len(text)))
		edited := text[:at] + draft.LineFeeds(by) + text[at:]
		if edited == text {
			return
		}
		got := draft.Restore(edited, []byte(document))
		want := edited
		if !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if draft.LineFeeds(string(got)) != want {
			t.Fatalf("%q, edited to %q, becomes %q", document, edited, got)
		}
		if strings.Contains(strings.ReplaceAll(document, "\r\n", ""), "\r") {
			return // where a CR may meet an LF, all lines may get the same end
		}
		if kept := firstLines(document, strings.Count(text[:at], "\n")); !strings.HasPrefix(string(got), kept) {
			t.Fatalf("%q, edited to %q, becomes %q, which does not begin with %q", document, edited, got, kept)
		}
	})
}

// firstLines are those of a text with their ends.
func firstLines(text string, lines int) string {
	at := 0
	for range lines {
		at += strings.IndexAny(text[at:], "\r\n") + 1
		if strings.HasSuffix(text[:at], "\r") && strings.HasPrefix(text[at:], "\n") {
			at++
		}
	}
	return text[:at]
}
