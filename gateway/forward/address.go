package forward

import (
	"errors"
	"net/url"
	"strings"
)

// errPath and errQuery are the one thing each that may be wrong with them.
var errPath = errors.New(`the path has a segment "." or "..", or a broken escape`)

var errQuery = errors.New("the query has a blank, a control character or a # in it")

// Join writes to dst the URL of a replica with the rest of the caller's escaped
// path, checked by CheckPath, and its raw query, checked by CheckQuery, appended.
// Escapes and slashes stay as they are written, so that "%2F" does not become a
// separator on the way. It is an error when rest has a broken escape.
func Join(dst, replica *url.URL, rest, query string) error {
	*dst = url.URL{Scheme: replica.Scheme, Host: replica.Host}
	path := replica.EscapedPath()
	if rest != "" {
		path = strings.TrimSuffix(path, "/") + rest
	}
	dst.Path = path
	if strings.IndexByte(path, '%') >= 0 {
		plain, err := url.PathUnescape(path)
		if err != nil {
			return errPath
		}
		dst.Path, dst.RawPath = plain, path
	}
	dst.RawQuery = query
	if base := replica.RawQuery; base != "" {
		dst.RawQuery = base
		if query != "" {
			dst.RawQuery = base + "&" + query
		}
	}
	return nil
}

// CheckQuery refuses a raw query that cannot stand in a request line (RFC 9112 3.2): HTTP/2
// carries it all the same.
func CheckQuery(raw string) error {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == 0x7f || c == '#' {
			return errQuery
		}
	}
	return nil
}

// CheckPath refuses paths that a deployment could resolve to something above its
// URL: dot segments, also escaped, and also where only some servers see a
// segment (after an escaped slash, a backslash, or before a parameter "..;x").
func CheckPath(rest string) error {
	if rest == "" {
		return nil
	}
	if rest[0] != '/' {
		return errPath
	}
	dots, only := 0, true // in the segment so far: its dots, and whether there is nothing else
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		if c == '%' {
			if i+2 >= len(rest) || unhex(rest[i+1]) > 15 || unhex(rest[i+2]) > 15 {
				return errPath
			}
			c = unhex(rest[i+1])<<4 | unhex(rest[i+2])
			i += 2
		}
		switch c {
		case '.':
			dots++
		case '/', '\\', ';':
			if only && (dots == 1 || dots == 2) {
				return errPath
			}
			dots, only = 0, c != ';' // what follows a semicolon is no segment of its own
		default:
			only = false
		}
	}
	if only && (dots == 1 || dots == 2) {
		return errPath
	}
	return nil
}
