package gitsync

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/memory"
)

// push moves one reference by gitprotocol-pack(5), "Pushing Data To a Server".
type push struct {
	wire wire
	ref  string
	old  plumbing.Hash // where it stands; zero: nowhere
	made composition
}

// receiver is what takes a push to an address.
func (o Options) receiver(a address) (wire, error) {
	switch a.scheme {
	case "file":
		return localWire{path: a.path}, nil
	case "ssh":
		return newSSHWire(a, o, receivePack)
	default:
		return newHTTPWire(a, o, receivePack)
	}
}

// compose makes the commit, if the reference stands where it should.
func (p *push) compose(ctx context.Context, from source, publication Publication, o Options) error {
	if publication.Committer == (Person{}) {
		publication.Committer = publication.Author
	}
	if publication.Time.IsZero() {
		publication.Time = time.Now()
	}
	s, err := from.open(ctx, []string{p.ref})
	if err != nil {
		return err
	}
	defer s.close()
	if err := p.stands(ctx, s); err != nil {
		return err
	}
	p.made = composition{key: o.SigningKey, base: plumbing.NewHash(publication.Base), held: newStore(o.MaxBytes), session: s, made: memory.NewStorage()}
	err = p.made.make(ctx, publication)
	if errors.Is(err, errNotOurs) {
		err = &problem{kind: ErrNoRevision, detail: "the server does not give out " + publication.Base}
	}
	return err
}

// stands is a *MovedError when the reference is elsewhere.
func (p *push) stands(ctx context.Context, s session) error {
	tips, err := s.tips(ctx, []string{p.ref})
	if err != nil {
		return err
	}
	return p.compare(tips)
}

func (p *push) compare(tips references) error {
	tip := tips[p.ref]
	if tip == p.old {
		return nil
	}
	moved := &MovedError{Branch: strings.TrimPrefix(p.ref, branchRef(""))}
	if !tip.IsZero() {
		moved.Tip = tip.String()
	}
	return moved
}

// run pushes, and gives what the server said.
func (p *push) run(ctx context.Context) (said string, err error) {
	v, err := p.wire.visit(ctx)
	if err != nil {
		return "", err
	}
	whole := false
	defer func() { v.close(whole) }()
	g := v.greeting()
	if err := p.compare(g.refs); err != nil {
		whole = true
		return "", err
	}
	request, err := p.request(g)
	if err != nil {
		return "", err
	}
	answer, err := v.exchange(ctx, request)
	if err != nil {
		return "", err
	}
	defer answer.Close()
	said, err = p.answer(ctx, g, answer)
	whole = err == nil
	return said, err
}

// request is the command and the pack.
func (p *push) request(g *greeting) ([]byte, error) {
	options := []string{strings.TrimSpace(agentLine)}
	for _, option := range []string{"report-status", "side-band-64k"} {
		if g.capabilities.has(option) {
			options = append(options, option)
		}
	}
	line := p.old.String() + " " + p.made.commit.String() + " " + p.ref + "\x00" + strings.Join(options, " ")
	b := append(appendPkt(nil, line), sendFlush...)
	w := bytes.NewBuffer(b)
	if err := p.made.pack(w); err != nil {
		return nil, fmt.Errorf("make a pack: %w", err)
	}
	return w.Bytes(), nil
}

// largestReport bounds what a server says about one reference.
const largestReport = 64 << 10

// errUnreported is a push of which the server did not say what became of it.
var errUnreported = fmt.Errorf("%w: it does not say what became of the push", ErrUnreachable)

// answer reads what became of the push, up to the end: hooks may still run, and
// say something, after the report.
func (p *push) answer(ctx context.Context, g *greeting, answer io.Reader) (string, error) {
	var heard stderr
	if g.capabilities.has("side-band-64k") {
		answer = &band{in: &pktReader{r: answer}, said: &heard}
	}
	report, err := io.ReadAll(io.LimitReader(answer, largestReport))
	if err == nil {
		_, err = io.Copy(io.Discard, answer)
	}
	said := legible(p.wire.hidden(), heard.String())
	status := packp.NewReportStatus()
	unread := status.Decode(bytes.NewReader(report))
	switch {
	case unread == nil:
		return said, p.judge(status, said)
	case err != nil:
		return said, p.wire.explain(ctx, errUnreported, err)
	default:
		return said, &problem{kind: errUnreported, detail: p.wire.hidden().hide(unread.Error())}
	}
}

// judge is nil when the server has moved the reference.
func (p *push) judge(status *packp.ReportStatus, said string) error {
	const well = "ok"
	reason := ""
	if status.UnpackStatus != well {
		reason = "unpack: " + status.UnpackStatus
	}
	for _, command := range status.CommandStatuses {
		switch {
		case string(command.ReferenceName) != p.ref:
		case command.Status == well && reason == "":
			return nil
		case command.Status != well:
			reason = cmp.Or(reason, command.Status)
		}
	}
	if reason == "" {
		return errUnreported
	}
	return &DeclinedError{
		Branch: strings.TrimPrefix(p.ref, branchRef("")),
		Reason: legible(p.wire.hidden(), reason), Said: said,
	}
}

// outcome is what a failed push has led to: servers say in many ways that a
// reference stands elsewhere, and when a connection is lost the commit may have
// arrived. It is nil if it has.
func (p *push) outcome(ctx context.Context, from source, failed error) error {
	if errors.Is(failed, ErrMoved) || ctx.Err() != nil {
		return failed
	}
	s, err := from.open(ctx, []string{p.ref})
	if err != nil {
		return failed
	}
	defer s.close()
	moved, ok := errors.AsType[*MovedError](p.stands(ctx, s))
	switch {
	case !ok:
		return failed
	case moved.Tip == p.made.commit.String():
		return nil
	default:
		return moved
	}
}

// colours are the orders to a terminal that git's hooks like to print.
var colours = regexp.MustCompile("\x1b\\[[0-9;?]*[@-~]")

// legible is what a server says to people, without secrets, control characters such
// as those that colour a terminal, and the empty lines "error:" that Gitea puts
// around what it says.
func legible(hide secrets, text string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(strings.ToValidUTF8(hide.redact(text), "?"), func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimRightFunc(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) && r != '\t' {
				return -1
			}
			return r
		}, colours.ReplaceAllString(line, "")), unicode.IsSpace)
		if line != "" && line != "error:" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
