package gitsync

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// readCredentials finds what is stored for a repository in a file as in
// git-credential-store(1): a URL a line with user name and password in it. A line
// with a path is for the repository there only, and wins over one for the whole
// server. Neither errors nor anything else show what stands in the file.
func readCredentials(path string, a address, user string) (name, password string, ends time.Time, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "", ends, &problem{kind: ErrAuth, detail: "credentials file: " + err.Error()}
	}
	found, skipped := storedFor(string(data), a, user)
	if found == nil {
		detail := fmt.Sprintf("credentials file %s has nothing for %s://%s", path, a.scheme, a.host)
		if skipped > 0 {
			detail += fmt.Sprintf("; %d of its lines are no URLs with user name and password", skipped)
		}
		return "", "", ends, &problem{kind: ErrAuth, detail: detail}
	}
	password, _ = found.User.Password()
	return found.User.Username(), password, ends, nil
}

// storedFor is the first line that fits best, nil if none does, and counts the
// lines that cannot be understood.
func storedFor(text string, a address, user string) (found *url.URL, skipped int) {
	path := strings.Trim(a.path, "/")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		u, err := url.Parse(line)
		if err != nil || u.User == nil || u.Host == "" {
			skipped++
			continue
		}
		if password, has := u.User.Password(); !has || password == "" {
			skipped++
			continue
		}
		if !strings.EqualFold(u.Scheme, a.scheme) || !strings.EqualFold(u.Host, a.host) || user != "" && u.User.Username() != user {
			continue
		}
		stored := strings.Trim(u.Path, "/")
		if stored == "" && found == nil || stored == path && (found == nil || strings.Trim(found.Path, "/") == "") {
			found = u
		}
	}
	return found, skipped
}
