package deployments

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	// MaxSecretFile is how many bytes a file with a secret can hold.
	MaxSecretFile = 64 << 10

	// ownVariables begins the names of variables that hold the gateway's own
	// settings and secrets: those are not for everybody who can commit.
	ownVariables = "SWITCHYARD_"
)

// Secrets looks up what placeholders in headers stand for. Only the command
// reads the environment and files; tests pass maps. A nil function finds
// nothing.
type Secrets struct {
	Env func(name string) (string, bool)
	// Own are variables that hold the gateway's own secrets under any other names
	// than those that begin as its settings do; letter case aside.
	Own []string
	// File reads a file by its absolute path. It must not wait for special
	// files, and need not read more than MaxSecretFile + 1 bytes.
	File func(path string) (string, error)
	// Assumed is what Env and File say of secrets that this machine does not hold,
	// where it only checks; it is not looked into. Empty: it holds all.
	Assumed string
}

// ForbiddenFileError is the error of a file that exists for others than those who
// commit; its text says why, and goes to them.
type ForbiddenFileError string

func (e ForbiddenFileError) Error() string {
	return "the file must not be read for a deployment: " + string(e)
}

// resolver looks every placeholder up once, so that all headers of a revision
// have the same value of it.
type resolver struct {
	secrets Secrets
	known   map[schema.Placeholder]secret
}

type secret struct {
	value string
	err   error
}

// expand fills in the placeholders of a header's value. Errors never tell what
// a placeholder stands for.
func (r *resolver) expand(value string) (string, error) {
	return schema.Expand(value, func(p schema.Placeholder) (string, error) {
		p.Offset, p.Len = 0, 0
		found, ok := r.known[p]
		if !ok {
			found = r.lookUp(p)
			r.known[p] = found
		}
		if found.err == nil && strings.ContainsFunc(found.value, forbidden) {
			return "", fmt.Errorf("%s holds a line end or another control character, which no header can", p)
		}
		return found.value, found.err
	})
}

// header is the value of a header field.
func (r *resolver) header(h schema.Header) (string, schema.Diagnostics) {
	value, err := r.expand(h.Value.V)
	if err != nil {
		return "", schema.Diagnostics{{Position: h.Value.Pos, Rule: schema.RuleSecret, Message: fmt.Sprintf("header %s: %s", h.Name.V, err)}}
	}
	return value, nil
}

// text is what a placeholder that stands alone stands for, which may have many
// lines.
func (r *resolver) text(value string) (string, error) {
	return schema.Expand(value, func(p schema.Placeholder) (string, error) {
		found := r.lookUp(p)
		return found.value, found.err
	})
}

func (r *resolver) lookUp(p schema.Placeholder) secret {
	read := r.variable
	if p.Kind == schema.PlaceholderFile {
		read = r.file
	}
	value, err := read(p.Name)
	switch {
	case err != nil:
		return secret{err: fmt.Errorf("%s: %w", p, err)}
	case value == "":
		return secret{err: fmt.Errorf("%s is empty", p)}
	}
	return secret{value: value}
}

func (r *resolver) variable(name string) (string, error) {
	if len(name) >= len(ownVariables) && strings.EqualFold(name[:len(ownVariables)], ownVariables) {
		return "", fmt.Errorf("variables that begin with %s are the gateway's own; give the secret another name", ownVariables)
	}
	if slices.ContainsFunc(r.secrets.Own, func(own string) bool { return strings.EqualFold(own, name) }) {
		return "", errors.New("the variable holds a secret of the gateway itself; give the deployment's another name")
	}
	if r.secrets.Env != nil {
		if value, ok := r.secrets.Env(name); ok {
			return value, nil
		}
	}
	return "", errors.New("the environment variable is not set for the gateway")
}

// file is the content of a file without the line end that editors put at its
// end. What the system says about a failure is not repeated: only its kind is
// known to be harmless.
func (r *resolver) file(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", errors.New("the path must be absolute")
	}
	value, err := "", fs.ErrNotExist
	if r.secrets.File != nil {
		value, err = r.secrets.File(path)
	}
	forbidden, isForbidden := errors.AsType[ForbiddenFileError](err)
	switch {
	case isForbidden:
		return "", forbidden
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("the file does not exist where the gateway runs")
	case errors.Is(err, fs.ErrPermission):
		return "", errors.New("the gateway is not permitted to read the file")
	case err != nil:
		return "", errors.New("the file cannot be read")
	case len(value) > MaxSecretFile:
		return "", fmt.Errorf("the file is larger than %d KiB", MaxSecretFile>>10)
	}
	value, _ = strings.CutSuffix(value, "\n")
	value, _ = strings.CutSuffix(value, "\r")
	return value, nil
}

// forbidden reports whether a header field's value cannot hold r (RFC 9110,
// section 5.5).
func forbidden(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }
