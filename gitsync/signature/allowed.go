package signature

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// allowed is one line of a file of allowed signers.
type allowed struct {
	principals string
	key        []byte
	git        bool // its namespaces include git's
	after      time.Time
	before     time.Time // zero: no end
}

// parseAllowed reads the format of ssh-keygen(1), ALLOWED SIGNERS. What is not
// supported is an error, so that nobody relies on what has no effect.
func parseAllowed(data []byte) ([]allowed, error) {
	var out []allowed
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		one, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", number, err)
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, errors.New(" it lists nobody")
	}
	return out, nil
}

// parseLine reads PRINCIPALS [OPTIONS] KEY. The principals may be quoted.
func parseLine(line string) (allowed, error) {
	var a allowed
	rest := ""
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		a.principals, rest, _ = strings.Cut(quoted, `"`)
	} else if i := strings.IndexAny(line, " \t"); i > 0 {
		a.principals, rest = line[:i], line[i:]
	}
	if a.principals == "" || strings.TrimSpace(rest) == "" {
		return a, errors.New("a line is PRINCIPALS [OPTIONS] KEYTYPE KEY")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
	if err != nil {
		return a, errors.New("its key cannot be read; a line is PRINCIPALS [OPTIONS] KEYTYPE KEY")
	}
	if _, certified := key.(*ssh.Certificate); certified {
		return a, errors.New("it lists a certificate, which is not supported; list the key")
	}
	a.key, a.git = key.Marshal(), true
	for _, option := range options {
		if err := a.set(option); err != nil {
			return a, err
		}
	}
	if !a.before.IsZero() && !a.before.After(a.after) {
		return a, errors.New("valid-before is not later than valid-after")
	}
	return a, nil
}

func (a *allowed) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToLower(name) {
	case "cert-authority":
		return errors.New("cert-authority is not supported; list the keys themselves")
	case "namespaces":
		a.git = matches(value, namespace)
	case "valid-after":
		a.after, err = parseTime(value)
	case "valid-before":
		a.before, err = parseTime(value)
	default:
		return fmt.Errorf("option %q is not known; namespaces, valid-after and valid-before are", name)
	}
	return err
}

// matches tells whether a list of patterns, as in ssh_config(5), takes text. One
// that is negated refuses it whatever the others say.
func matches(patterns, text string) bool {
	taken := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		pattern, negated := strings.CutPrefix(strings.TrimSpace(pattern), "!")
		switch {
		case !glob(pattern, text):
		case negated:
			return false
		default:
			taken = true
		}
	}
	return taken
}

// glob knows * and ?.
func glob(pattern, text string) bool {
	for ; pattern != ""; pattern = pattern[1:] {
		switch {
		case pattern[0] == '*':
			rest := strings.TrimLeft(pattern, "*")
			return slices.ContainsFunc(suffixes(text), func(s string) bool { return rest == "" || glob(rest, s) })
		case text == "" || pattern[0] != '?' && pattern[0] != text[0]:
			return false
		}
		text = text[1:]
	}
	return text == ""
}

func suffixes(text string) []string {
	out := make([]string, len(text)+1)
	for i := range out {
		out[i] = text[i:]
	}
	return out
}

// parseTime reads YYYYMMDD[HHMM[SS]], in the machine's time zone, or with a Z in UTC.
func parseTime(text string) (time.Time, error) {
	digits, utc := strings.CutSuffix(text, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	at, err := time.ParseInLocation(layout, digits, zone)
	if layout == "" || err != nil {
		return at, fmt.Errorf("%q is no time; write YYYYMMDD or YYYYMMDDHHMM[SS], with a Z for UTC", text)
	}
	return at, nil
}

// permitted gives the principals of the key. As git does it asks for any of
// them: a principal says who the key's owner is, not which commits it may sign.
func permitted(lines []allowed, key ssh.PublicKey, at time.Time) (string, error) {
	err := errors.New("is not among the allowed signers; add the key if its owner may decide what serves")
	for _, a := range lines {
		switch {
		case !bytes.Equal(a.key, key.Marshal()):
		case !a.git:
			err = errors.New("is allowed for other namespaces only; add git to its namespaces")
		case at.Before(a.after) || !a.before.IsZero() && !at.Before(a.before):
			err = errors.New("was not valid when the commit was made; see valid-after and valid-before")
		default:
			return a.principals, nil
		}
	}
	return "", err
}
