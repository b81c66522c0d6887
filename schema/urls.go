package schema

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// urls is the replicas of a version: one URL or a list.
func (d *document) urls(n node) []Value[string] {
	items, ok := d.oneOrMore(n, "url")
	if !ok {
		return nil
	}
	urls := make([]Value[string], 0, len(items))
	for _, item := range items {
		v, ok := d.str(item, "url")
		if !ok {
			continue
		}
		if problem := urlProblem(v.V); problem != "" {
			d.report(v.Pos, RuleURL, "%s", problem)
			continue
		}
		if slices.ContainsFunc(urls, func(u Value[string]) bool { return u.V == v.V }) {
			d.report(v.Pos, RuleURL, "the replica %s is listed twice", quoted(v.V))
			continue
		}
		urls = append(urls, v)
	}
	return urls
}

// urlProblem says why s is no URL of a replica; it is empty for a good one. It
// never repeats more of the URL than its scheme, host and port, for the rest
// may be secret.
func urlProblem(s string) string {
	if strings.Contains(s, "${") {
		return "a URL cannot hold a ${...} placeholder; only header values can"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return `the URL cannot be read; write it as "http://host:port/path"`
	case u.User != nil:
		return "the URL holds credentials; set a header with ${env:NAME} or ${file:PATH} instead"
	case u.Scheme == "" || u.Opaque != "" && u.Scheme != "http" && u.Scheme != "https":
		return `the URL has no scheme; write it as "http://host:port/path"`
	case u.Scheme != "http" && u.Scheme != "https":
		return "the URL has the scheme " + quoted(u.Scheme) + "; http and https are allowed"
	case u.Hostname() == "":
		return `the URL has no host; write it as "http://host:port/path"`
	case strings.HasSuffix(u.Host, ":"):
		return "the URL has a : behind its host and no port; 1 to 65535 are allowed"
	case !portAllowed(u):
		return "the URL has the port " + quoted(u.Port()) + "; 1 to 65535 are allowed"
	case u.RawQuery != "" || u.ForceQuery:
		return "the URL has a query; the caller's query is passed on instead"
	case strings.Contains(s, "#"):
		return "the URL has a fragment, which no server ever sees; remove it"
	case strings.ContainsFunc(s, unicode.IsSpace):
		return "the URL holds a blank; write it as %20"
	}
	return hostProblem(u.Hostname())
}

func portAllowed(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

// hostProblem refuses what url.Parse lets pass and no resolver takes.
func hostProblem(host string) string {
	if !isHost(host) {
		return "the URL has the host " + quoted(host) + "; letters, digits, - . and _ are allowed (write other scripts in punycode)"
	}
	return ""
}
