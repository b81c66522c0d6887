package mirror

import (
	"errors"
	"net/url"
	"strings"
)

var errPath = errors.New(`the path has a segment "." or "..", or a broken escape`)

// join returns a replica's URL with the rest of the caller's escaped path and its
// query appended, as live requests have it: escapes and slashes stay as they are
// written.
func join(replica *url.URL, rest, query string) (*url.URL, error) {
	u := &url.URL{Scheme: replica.Scheme, Host: replica.Host, RawQuery: replica.RawQuery}
	path := replica.EscapedPath()
	if rest != "" {
		path = strings.TrimSuffix(path, "/") + rest
	}
	plain, err := url.PathUnescape(path)
	if err != nil || climbs(rest) {
		return nil, errPath
	}
	u.Path, u.RawPath = plain, path
	switch {
	case u.RawQuery == "":
		u.RawQuery = query
	case query != "":
		u.RawQuery += "&" + query
	}
	return u, nil
}

// climbs reports whether a server might resolve rest to something above the URL
// that it is appended to. Live requests are refused for it, too.
func climbs(rest string) bool {
	if rest == "" {
		return false
	}
	plain, err := url.PathUnescape(rest)
	if err != nil || rest[0] != '/' {
		return true
	}
	for segment := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return true
		}
	}
	return false
}
