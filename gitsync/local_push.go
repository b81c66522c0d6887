package gitsync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

// localWire pushes into a repository on this machine. It runs the program git,
// as git does itself for a path: its hooks, its locks and its settings decide.
type localWire struct{ path string }

func (w localWire) received() int64   { return 0 }
func (w localWire) forget() *greeting { return nil }
func (w localWire) hidden() secrets   { return nil }
func (w localWire) close()            {}

func (w localWire) explain(ctx context.Context, kind, err error) error {
	return explained(ctx, w.hidden(), kind, err)
}

// visit asks for the greeting.
func (w localWire) visit(ctx context.Context) (visit, error) {
	p, err := w.run(ctx, nil, "--advertise-refs")
	if err != nil {
		return nil, err
	}
	greeted, err := readGreeting(p)
	if ended := p.Close(); err != nil {
		detail := secrets(nil).hide(p.said.String())
		if detail == "" {
			return nil, w.explain(ctx, errMisread, errors.Join(err, ended))
		}
		return nil, &problem{kind: errMisread, detail: detail}
	}
	return localVisit{wire: w, greeted: greeted}, nil
}

// run starts receive-pack, which ends with ctx at the latest.
func (w localWire) run(ctx context.Context, request []byte, options ...string) (*program, error) {
	args := append([]string{"receive-pack", "--stateless-rpc"}, options...)
	p := &program{cmd: exec.CommandContext(ctx, "git", append(args, w.path)...)}
	p.cmd.Stdin, p.cmd.Stderr = bytes.NewReader(request), &p.said
	p.cmd.WaitDelay = time.Second // hooks may hold on to what git has left
	var err error
	if p.Reader, err = p.cmd.StdoutPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, &problem{kind: ErrUnreachable, detail: "git, which is needed to push into a repository on this machine: " + err.Error()}
	}
	return p, nil
}

// localVisit is a greeting: each request runs the program anew.
type localVisit struct {
	wire    localWire
	greeted *greeting
}

func (v localVisit) greeting() *greeting { return v.greeted }
func (v localVisit) close(bool)          {}

func (v localVisit) exchange(ctx context.Context, request []byte) (io.ReadCloser, error) {
	return v.wire.run(ctx, request)
}

// program is a run of git, of which the output is read.
type program struct {
	io.Reader
	cmd  *exec.Cmd
	said stderr
}

// Close waits for the end of the program.
func (p *program) Close() error {
	_, _ = io.Copy(io.Discard, p.Reader)
	return p.cmd.Wait()
}
