package gitsync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshVisit is a conversation with one run of the program, or, in versions 0
// and 1, which give one answer only, with one run for each request. When the
// context of visit ends, the connection ends.
type sshVisit struct {
	wire    *sshWire
	stop    func() bool
	run     *ssh.Session
	in      io.WriteCloser
	out     io.Reader // all that the program says
	said    stderr
	greeted *greeting
	used    bool // the program has been asked for something
}

func (v *sshVisit) greeting() *greeting { return v.greeted }

// begin starts upload-pack and reads its greeting. On an error the connection
// is given up.
func (v *sshVisit) begin(ctx context.Context) error {
	client := v.wire.kept
	v.stop = context.AfterFunc(ctx, func() { _ = client.Close() })
	err := v.start()
	if err == nil {
		v.greeted, err = readGreeting(v.bounded())
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, errSilent) {
		v.end() // stderr is complete then
	}
	v.close(false)
	if errors.Is(err, errSilent) && ctx.Err() == nil {
		// The server ended without a word of protocol: it says why on stderr.
		return &problem{kind: ErrNoRepository, detail: secrets(nil).hide(legible(nil, v.said.String()))}
	}
	return v.wire.explain(ctx, errMisread, err)
}

func (v *sshVisit) start() (err error) {
	if v.run, err = v.wire.kept.NewSession(); err != nil {
		return err
	}
	v.run.Stderr = &v.said
	if v.in, err = v.run.StdinPipe(); err != nil {
		return err
	}
	if v.out, err = v.run.StdoutPipe(); err != nil {
		return err
	}
	if v.wire.service == uploadPack {
		_ = v.run.Setenv("GIT_PROTOCOL", "version=2") // many servers refuse it, and speak version 0
	}
	path := strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(v.wire.address.path)
	return v.run.Start(v.wire.service + " '" + path + "'")
}

// exchange sends a request. The answer of version 2 ends where its reader finds
// the end, with nothing behind it.
func (v *sshVisit) exchange(ctx context.Context, request []byte) (io.ReadCloser, error) {
	if v.used && v.greeted.version < 2 {
		v.end()
		again := &sshVisit{wire: v.wire}
		if err := again.begin(ctx); err != nil {
			return nil, err
		}
		v.stop, v.run, v.in, v.out, v.greeted = again.stop, again.run, again.in, again.out, again.greeted
	}
	v.used = true
	if _, err := v.in.Write(request); err != nil {
		return nil, v.wire.explain(ctx, errBroken, err)
	}
	return io.NopCloser(v.bounded()), nil
}

// bounded is what the program says next. Whoever says more than fits before the
// pack, which is bounded when it is read, is cut short, as over http.
func (v *sshVisit) bounded() io.Reader { return io.LimitReader(v.out, v.wire.max+beforePack) }

// close ends the run. The connection is kept if all went well.
func (v *sshVisit) close(whole bool) {
	if whole {
		v.end()
		return
	}
	v.stop()
	v.wire.close()
}

// end takes leave of upload-pack, which ends by itself then.
func (v *sshVisit) end() {
	if !v.stop() {
		v.wire.close() // the context has ended, and the connection with it
		return
	}
	client := v.wire.kept
	late := time.AfterFunc(leaveSSH, func() { _ = client.Close() })
	defer late.Stop()
	_, _ = io.WriteString(v.in, sendFlush) // in all versions: nothing more is wanted
	_ = v.in.Close()
	_, _ = io.CopyN(io.Discard, v.out, 64<<10)
	_ = v.run.Close()
	_ = v.run.Wait() // how it ended does not matter any more
}

// stderr keeps the beginning of what the server says; ssh writes it from a
// goroutine of its own.
type stderr struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps what there is room for.
func (e *stderr) Write(p []byte) (int, error) {
	const most = 4 << 10
	e.mu.Lock()
	defer e.mu.Unlock()
	if room := most - e.buf.Len(); room > 0 {
		e.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// String is what the server said.
func (e *stderr) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buf.String()
}
