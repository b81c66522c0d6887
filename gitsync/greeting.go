package gitsync

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// greeting is what upload-pack says first: a version and capabilities, and in
// versions 0 and 1 also where all references stand.
type greeting struct {
	version      int // 0, where 1 is the same, or 2
	capabilities capabilities
	refs         references // nil in version 2, where they are asked for
	guessed      bool       // nobody said so
}

// guess is what nearly every server would say. To be asked takes it up to a
// fifth of its time for a first sync.
func guess() *greeting {
	return &greeting{version: 2, capabilities: capabilities{"ls-refs": "", "fetch": "shallow filter"}, guessed: true}
}

// capabilities are what a server offers, with their values if they have one.
// Of those that come more than once the values are joined by spaces.
type capabilities map[string]string

func (c capabilities) has(name string) bool {
	_, ok := c[name]
	return ok
}

// offers tells whether name is among the values of a capability.
func (c capabilities) offers(capability, name string) bool {
	for value := range strings.FieldsSeq(c[capability]) {
		if value == name {
			return true
		}
	}
	return false
}

func (c capabilities) add(text string) {
	name, value, _ := strings.Cut(text, "=")
	if old := c[name]; old != "" {
		value = old + " " + value
	}
	c[name] = value
}

// references are where references stand, by their full names. Those of
// annotated tags are peeled to what is tagged.
type references map[string]plumbing.Hash

const (
	// maxRefs bounds how many references are read.
	maxRefs = 1 << 20
	// maxCapabilities bounds, in bytes, what a server may say that it can; git says
	// some hundred.
	maxCapabilities = 64 << 10
)

// errSilent is a server that ended before it said anything.
var errSilent = errors.New("the server said nothing")

// readGreeting reads the first message of gitprotocol-pack(5) or
// gitprotocol-v2(5), after the line that names the service, if it is there
// (gitprotocol-http(5)).
func readGreeting(r io.Reader) (*greeting, error) {
	in := &pktReader{r: r}
	kind, line, err := in.text()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && string(in.buf[:2]) == "\n\x00" {
		return nil, errSilent // Gitea writes an empty line first where it says on stderr why it ends
	}
	if err == nil && kind == pktData && strings.HasPrefix(line, "# service=") {
		if kind, _, err = in.text(); err == nil && kind != pktFlush {
			return nil, errors.New("no flush after the name of the service")
		}
		if err == nil {
			kind, line, err = in.text()
		}
	}
	switch {
	case err != nil:
		return nil, noEOF(err)
	case kind == pktData && line == "version 2":
		return readGreeting2(in)
	case kind == pktData && line == "version 1":
		kind, line, err = in.text()
	}
	if err != nil {
		return nil, noEOF(err)
	}
	return readGreeting0(in, kind, line)
}

func readGreeting2(in *pktReader) (*greeting, error) {
	g := &greeting{version: 2, capabilities: capabilities{}}
	for said := 0; said <= maxCapabilities; {
		kind, line, err := in.text()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case kind == pktFlush:
			if err := g.check(); err != nil {
				return nil, err
			}
			return g, nil
		case kind != pktData:
			return nil, errors.New("a mark among the capabilities")
		}
		g.capabilities.add(line)
		said += len(line) + 1
	}
	return nil, errors.New("capabilities without end")
}

// readGreeting0 reads references; the first line holds the capabilities, too.
// A repository without references sends none, or a placeholder.
func readGreeting0(in *pktReader, kind pktKind, line string) (*greeting, error) {
	g := &greeting{capabilities: capabilities{}, refs: references{}}
	if kind == pktData {
		first, offered, _ := strings.Cut(line, "\x00")
		for text := range strings.FieldsSeq(offered) {
			g.capabilities.add(text)
		}
		if err := g.check(); err != nil {
			return nil, err
		}
		line = first
	}
	for kind == pktData {
		if err := g.refs.add(line); err != nil {
			return nil, err
		}
		if len(g.refs) > maxRefs {
			return nil, errors.New("references without end")
		}
		var err error
		if kind, line, err = in.text(); err != nil {
			return nil, noEOF(err)
		}
	}
	if kind != pktFlush {
		return nil, errors.New("a mark among the references")
	}
	return g, nil
}

func (g *greeting) check() error {
	if format := g.capabilities["object-format"]; format != "" && !g.capabilities.offers("object-format", "sha1") {
		return &problem{kind: ErrFormat, detail: "object names are " + format}
	}
	return nil
}

// add takes a line of version 0: a name and a reference, peeled ones marked by
// "^{}". Lines of shallow repositories say nothing about references.
func (r references) add(line string) error {
	if strings.HasPrefix(line, "shallow ") {
		return nil
	}
	hash, name, err := cutHash(line)
	if err != nil {
		return err
	}
	if name == "capabilities^{}" {
		return nil
	}
	r[strings.TrimSuffix(name, "^{}")] = hash // the peeled one comes second
	return nil
}

// add2 takes a line of the answer to ls-refs. A reference without a commit yet
// is left out.
func (r references) add2(line string) error {
	if strings.HasPrefix(line, "unborn ") {
		return nil
	}
	hash, rest, err := cutHash(line)
	if err != nil {
		return err
	}
	name, attributes, _ := strings.Cut(rest, " ")
	for attribute := range strings.FieldsSeq(attributes) {
		if peeled, ok := strings.CutPrefix(attribute, "peeled:"); ok {
			if !plumbing.IsHash(peeled) {
				return fmt.Errorf("%.100q is no object name", peeled)
			}
			hash = plumbing.NewHash(peeled)
		}
	}
	r[name] = hash
	return nil
}

// cutHash splits a line into the object name it begins with and what follows
// after a space.
func cutHash(line string) (plumbing.Hash, string, error) {
	hash, rest, ok := strings.Cut(line, " ")
	if !ok || rest == "" || !plumbing.IsHash(hash) {
		return plumbing.ZeroHash, "", fmt.Errorf("%.100q is no reference", line)
	}
	return plumbing.NewHash(hash), rest, nil
}

// lsRefs asks a server of version 2 for the references that begin with one of
// prefixes.
func lsRefs(prefixes []string) []byte {
	b := appendPkt(nil, "command=ls-refs\n")
	b = appendPkt(b, agentLine)
	b = append(b, sendDelim...)
	b = appendPkt(b, "peel\n")
	for _, prefix := range prefixes {
		b = appendPkt(b, "ref-prefix "+prefix+"\n")
	}
	return append(b, sendFlush...)
}

// agent tells servers who asks. Some answer only what calls itself git.
const (
	userAgent = "git/2 (switchyard)"
	agentLine = "agent=git/2-switchyard\n"
)

// readRefs reads the answer to lsRefs, at most the given number of references.
func readRefs(r io.Reader, most int) (references, error) {
	in := &pktReader{r: r}
	refs := references{}
	for range most {
		kind, line, err := in.text()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case kind == pktFlush:
			return refs, nil
		case kind != pktData:
			return nil, errors.New("a mark among the references")
		}
		if err := refs.add2(line); err != nil {
			return nil, err
		}
	}
	return refs, nil
}
