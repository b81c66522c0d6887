package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshWire runs git-upload-pack or git-receive-pack on an ssh server. The
// connection is kept between visits, each of which runs the program anew.
type sshWire struct {
	service    string
	address    address
	auth       Auth
	knownHosts string
	max        int64 // bytes of one answer, without what comes before its pack
	dialer     func(ctx context.Context, network, addr string) (net.Conn, error)
	bytes      *atomic.Int64 // received
	kept       *ssh.Client   // nil without a connection
	since      time.Time     // when it was made
}

const (
	// oldestSSH is the age at which a connection is made anew, so that changed
	// keys and known hosts take effect.
	oldestSSH = time.Hour
	// answerSSH bounds how long a kept connection may take to show that it lives.
	answerSSH = 5 * time.Second
	// leaveSSH bounds how long the end of the program is waited for.
	leaveSSH = time.Second
)

func newSSHWire(a address, o Options, service string) (*sshWire, error) {
	auth := o.Auth
	if a.password != "" {
		return nil, errors.New("passwords are not supported for ssh; use a key file or an agent")
	}
	if auth.App != nil {
		return nil, errors.New("a GitHub App signs in over https; give the repository's https URL")
	}
	if auth.KeyFile == "" && auth.AgentSocket == "" {
		return nil, errors.New("ssh needs a key file or an agent")
	}
	if a.user == "" {
		a.user = "git"
	}
	received := &atomic.Int64{}
	w := &sshWire{service: service, address: a, auth: auth, max: o.MaxBytes, knownHosts: auth.KnownHostsFile, dialer: dialer(received), bytes: received}
	if w.knownHosts == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		w.knownHosts = filepath.Join(home, ".ssh", "known_hosts")
	}
	return w, nil
}

func (w *sshWire) received() int64 { return w.bytes.Load() }

// forget has nothing to let go of: every visit is greeted.
func (w *sshWire) forget() *greeting { return nil }

func (w *sshWire) hidden() secrets { return nil }

func (w *sshWire) explain(ctx context.Context, kind, err error) error {
	return explained(ctx, w.hidden(), kind, err)
}

// close ends the connection and waits for its goroutines.
func (w *sshWire) close() {
	if w.kept == nil {
		return
	}
	_ = w.kept.Close()
	_ = w.kept.Wait() // tells only that the connection is closed
	w.kept = nil
}

// visit runs upload-pack, on the connection that is kept if it still answers.
func (w *sshWire) visit(ctx context.Context) (visit, error) {
	v := &sshVisit{wire: w}
	if w.kept != nil && time.Since(w.since) < oldestSSH && w.lives(ctx) {
		err := v.begin(ctx)
		if err == nil || errors.Is(err, ErrNoRepository) {
			return v, err
		}
	}
	w.close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	client, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	w.kept, w.since = client, time.Now()
	return v, v.begin(ctx)
}

// lives asks the server for any answer at all. One that does not come in time
// ends the connection, which is then of no more use.
func (w *sshWire) lives(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answerSSH)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = w.kept.Close() })
	defer stop()
	_, _, err := w.kept.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// dial connects and authenticates.
func (w *sshWire) dial(ctx context.Context) (*ssh.Client, error) {
	addr := w.address.dialAddress("22")
	config, done, err := w.config(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := w.dialer(ctx, "tcp", addr)
	if err != nil {
		return nil, w.explain(ctx, ErrUnreachable, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var hostKey error
	known := false
	check := config.HostKeyCallback
	config.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
		if hostKey = check(host, remote, key); hostKey != nil {
			hostKey = &problem{kind: ErrHostKey, detail: fmt.Sprintf("%s offers %s %s", host, key.Type(), ssh.FingerprintSHA256(key))}
		}
		known = hostKey == nil
		return hostKey
	}
	c, channels, requests, err := ssh.NewClientConn(conn, addr, config)
	if err == nil {
		return ssh.NewClient(c, channels, requests), nil
	}
	_ = conn.Close()
	return nil, handshakeError(ctx, err, hostKey, known)
}

func handshakeError(ctx context.Context, err, hostKey error, known bool) error {
	var lost net.Error
	kinds, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case hostKey != nil:
		return hostKey
	case ok && kinds.What == "host key": // asked for is only what is known of the server
		return &problem{kind: ErrHostKey, detail: fmt.Sprintf("known are keys of %s, it offers %s", kinds.SupportedAlgorithms, kinds.RequestedAlgorithms)}
	case known && !errors.As(err, &lost) && !errors.Is(err, io.EOF):
		return &problem{kind: ErrAuth, detail: err.Error()}
	default:
		return &problem{kind: ErrUnreachable, detail: err.Error()}
	}
}

// config reads the key or opens the agent; done closes it again.
func (w *sshWire) config(ctx context.Context, addr string) (config *ssh.ClientConfig, done func(), err error) {
	hosts, err := gitssh.NewKnownHostsDb(w.knownHosts)
	if err != nil {
		return nil, nil, &problem{kind: ErrHostKey, detail: w.knownHosts + ": " + err.Error()}
	}
	config = &ssh.ClientConfig{
		User:              w.address.user,
		HostKeyCallback:   hosts.HostKeyCallback(),
		HostKeyAlgorithms: hosts.HostKeyAlgorithms(addr),
	}
	if w.auth.KeyFile == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", w.auth.AgentSocket)
		if err != nil {
			return nil, nil, &problem{kind: ErrAuth, detail: "agent: " + err.Error()}
		}
		config.Auth = []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		return config, func() { stop(); _ = conn.Close() }, nil
	}
	signer, err := SSHKey{w.auth.KeyFile, w.auth.Passphrase}.read()
	if err != nil {
		return nil, nil, &problem{kind: ErrAuth, detail: "key file: " + err.Error()}
	}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	return config, func() {}, nil
}
