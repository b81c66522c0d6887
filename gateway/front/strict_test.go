//go:build linux

package front_test

import (
	"regexp"
	"strconv"
	"strings"
)

// The grammar of RFC 9112, as regular expressions: another hand's reading of it than that of follow.go.
var (
	strictLine   = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f#]+) (HTTP/1[.][0-9])\r\n")
	strictField  = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r\n")
	strictChunk  = regexp.MustCompile("^([0-9A-Fa-f]{1,16})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
	strictCount  = regexp.MustCompile("^[0-9]+$")
	strictCoding = regexp.MustCompile("^[Cc][Hh][Uu][Nn][Kk][Ee][Dd]$")
	strictHost   = regexp.MustCompile(`^[0-9A-Za-z!$%&'()*+,.:;=\[\]_~-]*$`)
	strictBlank  = regexp.MustCompile("^[\r\n]{0,4}")
)

// strictRequests are the requests at the beginning of a stream that are complete and beyond any doubt, and what follows
// them.
func strictRequests(stream string) (requests []string, rest string) {
	for {
		in := stream[len(strictBlank.FindString(stream)):]
		n := strictRequest(in)
		if n == 0 {
			return requests, stream
		}
		requests, stream = append(requests, in[:n]), in[n:]
	}
}

// strictRequest is the length of the request that in begins with, 0 for none.
func strictRequest(in string) int {
	line := strictLine.FindStringSubmatch(in)
	if line == nil || line[1] == "PRI" {
		return 0
	}
	fields, rest, ok := strictFields(in[len(line[0]):])
	hosts, codings, lengths := fields["host"], fields["transfer-encoding"], fields["content-length"]
	switch {
	case !ok, len(hosts) > 1, len(hosts) == 0 && line[3] != "HTTP/1.0":
		return 0
	case len(hosts) == 1 && !strictHost.MatchString(hosts[0]):
		return 0
	case len(codings) > 0 && (len(codings) > 1 || len(lengths) > 0 || line[3] == "HTTP/1.0" || !strictCoding.MatchString(codings[0])):
		return 0
	case len(codings) > 0:
		rest, ok = strictChunks(rest)
	case len(lengths) > 1, len(lengths) == 1 && !strictCount.MatchString(lengths[0]):
		return 0
	case len(lengths) == 1:
		var n int
		if n, ok = strictSize(lengths[0], 10, rest); ok {
			rest = rest[n:]
		}
	}
	if !ok {
		return 0
	}
	return len(in) - len(rest)
}

// strictSize reads a size that the stream is long enough for.
func strictSize(digits string, base int, stream string) (int, bool) {
	n, err := strconv.ParseInt(digits, base, 63)
	return int(n), err == nil && n <= int64(len(stream))
}

// strictFields reads field lines and the empty line behind them.
func strictFields(in string) (fields map[string][]string, rest string, ok bool) {
	fields = map[string][]string{}
	for {
		if rest, ok = strings.CutPrefix(in, "\r\n"); ok {
			return fields, rest, true
		}
		field := strictField.FindStringSubmatch(in)
		if field == nil {
			return nil, "", false
		}
		name := strings.ToLower(field[1])
		fields[name] = append(fields[name], field[2])
		in = in[len(field[0]):]
	}
}

// strictChunks reads chunked content with its trailer section.
func strictChunks(in string) (rest string, ok bool) {
	for {
		line := strictChunk.FindStringSubmatch(in)
		if line == nil || len(line[0]) > 2050 {
			return "", false
		}
		in = in[len(line[0]):]
		n, ok := strictSize(line[1], 16, in)
		if !ok {
			return "", false
		}
		if n == 0 {
			trailer, rest, ok := strictFields(in)
			return rest, ok && trailer["host"] == nil && trailer["content-length"] == nil && trailer["transfer-encoding"] == nil
		}
		if in, ok = strings.CutPrefix(in[n:], "\r\n"); !ok {
			return "", false
		}
	}
}
