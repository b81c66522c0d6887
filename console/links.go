package console

import (
	"net/url"
	"strings"
)

// web is the address of a repository's pages, where it follows from its URL:
// GitHub, GitLab, Gitea and Forgejo have them where the repository is cloned from.
func web(repository string) (*url.URL, bool) {
	if rest, ok := strings.CutPrefix(repository, "git@"); ok && !strings.Contains(rest, "://") {
		repository = "ssh://git@" + strings.Replace(rest, ":", "/", 1)
	}
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" {
		return nil, false
	}
	switch u.Scheme {
	case "https", "http":
	case "ssh":
		u = &url.URL{Scheme: "https", Host: u.Hostname(), Path: u.Path}
	default:
		return nil, false
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
	return u, true
}

// mergeLink is where a merge of a branch is asked for; empty if that cannot be
// told.
func mergeLink(repository, into, branch string) string {
	u, ok := web(repository)
	if !ok {
		return ""
	}
	if strings.Contains(u.Host, "gitlab") {
		u.RawQuery = url.Values{"merge_request[source_branch]": {branch}, "merge_request[target_branch]": {into}}.Encode()
		u.Path += "/-/merge_requests/new"
		return u.String()
	}
	u.Path += "/compare/" + into + "..." + branch
	return u.String()
}

// commitLink is where a commit is shown; empty if that cannot be told.
func commitLink(repository, commit string) string {
	u, ok := web(repository)
	if !ok {
		return ""
	}
	if strings.Contains(u.Host, "gitlab") {
		u.Path += "/-"
	}
	u.Path += "/commit/" + commit
	return u.String()
}
