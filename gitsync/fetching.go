package gitsync

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// fetching is a request for objects, without history.
type fetching struct {
	wants []plumbing.Hash
	// held are commits that are here with all their trees and files, though
	// without their parents.
	held []plumbing.Hash
	// filter leaves objects out, as in git rev-list --filter; empty for none.
	filter string
	// plain asks for what is wanted by its own name, not for the history of commits.
	plain bool
}

// shallow tells whether the server can be asked for commits without history,
// and thus be told of commits held without it.
func (g *greeting) shallow() bool {
	if g.version == 2 {
		return g.capabilities.offers("fetch", "shallow")
	}
	return g.capabilities.has("shallow")
}

// filters tells whether the server leaves out what it is asked to.
func (g *greeting) filters() bool {
	if g.version == 2 {
		return g.capabilities.offers("fetch", "filter")
	}
	return g.capabilities.has("filter")
}

// encode is the request as the server that greeted understands it.
func (f fetching) encode(g *greeting) []byte {
	if g.version == 2 {
		return f.encode2(g)
	}
	return f.encode0(g)
}

func (f fetching) encode2(g *greeting) []byte {
	b := appendPkt(nil, "command=fetch\n")
	b = appendPkt(b, agentLine)
	b = append(b, sendDelim...)
	for _, option := range []string{"thin-pack\n", "no-progress\n", "ofs-delta\n"} {
		b = appendPkt(b, option)
	}
	for _, h := range f.wants {
		b = appendPkt(b, "want "+h.String()+"\n")
	}
	b = f.depth(b, g)
	for _, h := range f.held {
		b = appendPkt(b, "have "+h.String()+"\n")
	}
	b = appendPkt(b, "done\n")
	return append(b, sendFlush...)
}

// encode0 writes the request of versions 0 and 1, which has its options on the
// first line. All that is held is told at once, with "done": there is one
// round, whichever form of acknowledgement the server is asked for. The forms
// of multi_ack are asked for as some servers speak no other. Nothing is asked for
// that was not offered: servers may refuse that.
func (f fetching) encode0(g *greeting) []byte {
	options := []string{""}
	for _, either := range [][]string{
		{"ofs-delta"}, {"thin-pack"}, {"multi_ack_detailed", "multi_ack"}, {"side-band-64k", "side-band"}, {"no-progress"}, {"shallow"},
	} {
		if i := slices.IndexFunc(either, g.capabilities.has); i >= 0 {
			options = append(options, either[i])
		}
	}
	if f.filter != "" {
		options = append(options, "filter")
	}
	if g.capabilities.has("agent") {
		options = append(options, strings.TrimSpace(agentLine))
	}
	var b []byte
	for _, h := range f.wants {
		b = appendPkt(b, "want "+h.String()+strings.Join(options, " ")+"\n")
		options = nil
	}
	b = f.depth(b, g)
	b = append(b, sendFlush...)
	for _, h := range f.held {
		b = appendPkt(b, "have "+h.String()+"\n")
	}
	return appendPkt(b, "done\n")
}

// depth appends what both versions say alike.
func (f fetching) depth(b []byte, g *greeting) []byte {
	if g.shallow() && !f.plain {
		for _, h := range f.held {
			b = appendPkt(b, "shallow "+h.String()+"\n")
		}
		b = appendPkt(b, "deepen 1\n")
	}
	if f.filter != "" {
		b = appendPkt(b, "filter "+f.filter+"\n")
	}
	return b
}

// answer finds the pack in what the server sends for the request. The pack ends
// with io.EOF only when the server has said that it is complete.
func (f fetching) answer(g *greeting, r io.Reader) (io.Reader, error) {
	in := &pktReader{r: r}
	if g.version == 2 {
		return answer2(in)
	}
	if g.shallow() && !f.plain {
		if err := skipTo(in, pktFlush); err != nil {
			return nil, fmt.Errorf("shallow commits: %w", err)
		}
	}
	if !g.capabilities.has("side-band") && !g.capabilities.has("side-band-64k") {
		return r, acknowledged(in)
	}
	return acknowledgedBand(in)
}

// answer2 skips the sections before the pack.
func answer2(in *pktReader) (io.Reader, error) {
	for range 10 {
		kind, section, err := in.text()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case kind != pktData:
			return nil, errors.New("the answer holds no pack")
		case section == "packfile":
			return &band{in: in}, nil
		}
		if err := skipTo(in, pktDelim); err != nil {
			return nil, fmt.Errorf("section %.100q: %w", section, err)
		}
	}
	return nil, errors.New("the answer has too many sections")
}

// skipTo reads up to a mark.
func skipTo(in *pktReader, mark pktKind) error {
	for {
		kind, _, err := in.next()
		switch {
		case err != nil:
			return noEOF(err)
		case kind == mark:
			return nil
		case kind != pktData:
			return errors.New("it ends too early")
		}
	}
}

// acknowledged reads the lines of the server about what is held, up to the one
// that is the last: the pack follows without any frame.
func acknowledged(in *pktReader) error {
	for {
		kind, line, err := in.text()
		switch {
		case err != nil:
			return noEOF(err)
		case kind != pktData || line != "NAK" && !strings.HasPrefix(line, "ACK "):
			return fmt.Errorf("%.100q is no acknowledgement", line)
		case strings.Count(line, " ") < 2: // "ACK name common" goes on
			return nil
		}
	}
}

// acknowledgedBand is acknowledged for a pack in bands, whose first line ends
// the acknowledgements without doubt.
func acknowledgedBand(in *pktReader) (io.Reader, error) {
	for {
		kind, data, err := in.next()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case kind != pktData || len(data) == 0:
			return nil, errors.New("the answer holds no pack")
		case data[0] <= bandError:
			b := &band{in: in}
			return b, b.take(data)
		case !strings.HasPrefix(string(data), "NAK") && !strings.HasPrefix(string(data), "ACK "):
			return nil, fmt.Errorf("%.100q is no acknowledgement", data)
		}
	}
}

// The bands of an answer; see gitprotocol-pack(5).
const (
	bandData     = 1
	bandProgress = 2
	bandError    = 3
)

// band reads what a server sends as the data of an answer in bands.
type band struct {
	in   *pktReader
	said io.Writer // gets what is meant for people; nil: nobody wants it
	left []byte
	done bool
}

// Read gives data. io.EOF means that the server marked the end.
func (b *band) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.done {
			return 0, io.EOF
		}
		kind, data, err := b.in.next()
		switch {
		case err != nil:
			return 0, noEOF(err)
		case kind == pktFlush:
			b.done = true
		case kind != pktData:
			return 0, errors.New("a mark within the pack")
		default:
			if err := b.take(data); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *band) take(data []byte) error {
	if len(data) == 0 {
		return errors.New("an empty line within the pack")
	}
	switch data[0] {
	case bandData:
		b.left = data[1:]
	case bandProgress:
		if b.said != nil {
			_, _ = b.said.Write(data[1:]) // keeps what it can
		}
	case bandError:
		return refusalError(data[1:])
	default:
		return fmt.Errorf("band %d", data[0])
	}
	return nil
}
