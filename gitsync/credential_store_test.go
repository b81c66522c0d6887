package gitsync

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStoredCredentialsOfARepository(t *testing.T) {
	const store = `
# a comment
https://ada:for%20all@git.example.com
https://grace:one@git.example.com/team/models.git
https://else:x@git.example.com:8443
http://plain:x@git.example.com
https://git.example.com/no/password
not a URL
https://user-only@git.example.com
https://GRACE:two@GIT.EXAMPLE.ORG
`
	for _, c := range []struct{ url, user, want string }{
		{"https://git.example.com/other.git", "", "ada:for all"},
		{"https://git.example.com/team/models.git", "", "grace:one"},
		{"https://git.example.com/team/models.git/", "", "grace:one"},
		{"https://git.example.com/other.git", "grace", ""},
		{"https://git.example.com/team/models.git", "ada", "ada:for all"},
		{"https://git.example.com:8443/x.git", "", "else:x"},
		{"https://git.example.com:1/x.git", "", ""},
		{"https://git.example.org/x.git", "", "GRACE:two"},
		{"https://example.com/x.git", "", ""},
	} {
		a, err := parseAddress(c.url)
		if err != nil {
			t.Fatal(err)
		}
		found, skipped := storedFor(store, a, c.user)
		got := ""
		if found != nil {
			password, _ := found.User.Password()
			got = found.User.Username() + ":" + password
		}
		if got != c.want || skipped != 3 {
			t.Errorf("%s of %q: %q, want %q; %d lines skipped", c.url, c.user, got, c.want, skipped)
		}
	}
}

// FuzzStoredCredentials: what is found is for the server that is asked for, and
// an error shows nothing of the file.
func FuzzStoredCredentials(f *testing.F) {
	f.Add("https://ada:secret@git.example.com\n", "")
	f.Add("https://ada:secret@git.example.com/models.git\r\nhttps://ada@git.example.com", "ada")
	f.Add("://\x00\nhttps://%zz:x@git.example.com", "")
	a, err := parseAddress("https://git.example.com/models.git")
	if err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(f.TempDir(), "store")
	f.Fuzz(func(t *testing.T, text, user string) {
		found, _ := storedFor(text, a, user)
		if found != nil && (found.Host != "" && !strings.EqualFold(found.Host, a.host) || found.Scheme != "https" || user != "" && found.User.Username() != user) {
			t.Errorf("%v", found)
		}
		if found == nil && strings.Contains(text, "hunter2") {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, _, err := readCredentials(file, a, user)
			if !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		}
	})
}
