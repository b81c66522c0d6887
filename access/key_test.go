package access_test

import (
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/access"
)

func TestKeysAreOfOneFormAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		text, hash := access.NewKey()
		if !access.IsKey(text) || seen[text] || access.Hash(text) != hash {
			t.Fatalf("%q with the hash %x", text, hash)
		}
		seen[text] = true
	}
}

func TestWhatIsNoKey(t *testing.T) {
	text, _ := access.NewKey()
	for _, s := range []string{
		"", "sy_", "password", text[:len(text)-1], text + "a", " " + text, "SY_" + text[3:], "sk_" + text[3:],
		text[:20] + "+" + text[21:], text[:20] + "\x00" + text[21:], text[:20] + "é" + text[22:], strings.Repeat("a", len(text)),
	} {
		if access.IsKey(s) {
			t.Errorf("%q passes for a key", s)
		}
	}
}

func TestRedactLeavesNothingOfAKey(t *testing.T) {
	one, _ := access.NewKey()
	two, _ := access.NewKey()
	for text, want := range map[string]string{
		"":                            "",
		"/v1/pricing":                 "/v1/pricing",
		"sy_":                         "sy_",
		one:                           "sy_***",
		"/v1/" + one + "/" + two:      "/v1/sy_***/sy_***",
		"a=" + one + "&b=" + two[:45]: "a=sy_***&b=" + two[:45],
		"sy_sy_" + one:                "sy_***",
		one + "trailing":              "sy_***",
		one + ".trailing":             "sy_***.trailing",
	} {
		got, found := access.Redact(text)
		if got != want || found != (text != want) {
			t.Errorf("%q becomes %q, found %v", text, got, found)
		}
	}
}

// FuzzRedact holds that no key is left in what was redacted, and that all that
// is no key is.
func FuzzRedact(f *testing.F) {
	key, _ := access.NewKey()
	f.Add(key)
	f.Add("sy_sy_" + key + key)
	f.Add("/v1/sy_***/" + key[:40])
	f.Fuzz(func(t *testing.T, text string) {
		got, found := access.Redact(text)
		for i := range got {
			if i+46 <= len(got) && access.IsKey(got[i:i+46]) {
				t.Errorf("%q still holds the key at %d", got, i)
			}
		}
		if !found && got != text {
			t.Errorf("%q became %q without a key in it", text, got)
		}
	})
}
