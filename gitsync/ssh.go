package gitsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshWire runs git-upload-pack on an ssh server. go-git's own ssh transport
// has no deadline while it connects and reads the environment; this one dials
// itself and uses go-git for the protocol.
type sshWire struct {
	address    address
	auth       Auth
	knownHosts string
}

func newSSHWire(a address, auth Auth) (*sshWire, error) {
	if a.password != "" {
		return nil, errors.New("passwords are not supported for ssh; use a key file or an agent")
	}
	if auth.KeyFile == "" && auth.AgentSocket == "" {
		return nil, errors.New("ssh needs a key file or an agent")
	}
	if a.user == "" {
		a.user = "git"
	}
	w := &sshWire{address: a, auth: auth, knownHosts: auth.KnownHostsFile}
	if w.knownHosts == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		w.knownHosts = filepath.Join(home, ".ssh", "known_hosts")
	}
	return w, nil
}

func (w *sshWire) close() {}

func (w *sshWire) explain(err error) error { return secrets(nil).problem(errBroken, err) }

// connect dials, starts git-upload-pack and reads the references. ctx bounds
// the whole session.
func (w *sshWire) connect(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	client, stop, err := w.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &sshSession{client: client, stop: stop}
	if err := s.start(w.address.path); err != nil {
		s.Close()
		return nil, nil, &problem{kind: ErrUnreachable, detail: err.Error()}
	}
	refs, err := s.AdvertisedReferencesContext(ctx)
	if err == nil {
		return s, refs, nil
	}
	s.Close()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if errors.Is(err, packp.ErrEmptyInput) {
		// The server ended without a word of protocol: it says why on stderr.
		return nil, nil, &problem{kind: ErrNoRepository, detail: secrets(nil).hide(s.said.String())}
	}
	return nil, nil, explainRefs(nil, s.head.Bytes(), err)
}

// dial connects and authenticates. stop ends the watch over ctx.
func (w *sshWire) dial(ctx context.Context) (*ssh.Client, func() bool, error) {
	addr := w.address.dialAddress("22")
	config, done, err := w.config(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, &problem{kind: ErrUnreachable, detail: err.Error()}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
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
		return ssh.NewClient(c, channels, requests), stop, nil
	}
	stop()
	_ = conn.Close()
	return nil, nil, handshakeError(ctx, err, hostKey, known)
}

func handshakeError(ctx context.Context, err, hostKey error, known bool) error {
	var lost net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case hostKey != nil:
		return hostKey
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
	key, err := os.ReadFile(w.auth.KeyFile)
	if err != nil {
		return nil, nil, &problem{kind: ErrAuth, detail: "key file: " + err.Error()}
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, nil, &problem{kind: ErrAuth, detail: w.auth.KeyFile + ": " + err.Error()}
	}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	return config, func() {}, nil
}

// sshSession is one run of git-upload-pack.
type sshSession struct {
	client *ssh.Client
	stop   func() bool
	run    *ssh.Session
	in     io.WriteCloser
	out    io.Reader
	head   bytes.Buffer
	said   stderr
	refs   *packp.AdvRefs
}

var _ transport.UploadPackSession = (*sshSession)(nil)

func (s *sshSession) start(path string) (err error) {
	if s.run, err = s.client.NewSession(); err != nil {
		return err
	}
	s.run.Stderr = &s.said
	if s.in, err = s.run.StdinPipe(); err != nil {
		return err
	}
	if s.out, err = s.run.StdoutPipe(); err != nil {
		return err
	}
	return s.run.Start("git-upload-pack '" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'")
}

// AdvertisedReferences reads the references.
func (s *sshSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext reads the references; the connection ends with
// the context it was made with.
func (s *sshSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.refs != nil {
		return s.refs, nil
	}
	refs := packp.NewAdvRefs()
	err := refs.Decode(io.TeeReader(s.out, &firstBytes{&s.head}))
	if errors.Is(err, packp.ErrEmptyAdvRefs) || err == nil && refs.IsEmpty() {
		err = transport.ErrEmptyRemoteRepository
	}
	if err != nil {
		return nil, err
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	s.refs = refs
	return refs, nil
}

// UploadPack sends the request and gives the answer, up to the pack.
func (s *sshSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	var b bytes.Buffer
	if err := req.UploadRequest.Encode(&b); err != nil {
		return nil, err
	}
	if err := req.UploadHaves.Encode(&b, false); err != nil {
		return nil, err
	}
	b.WriteString("0009done\n")
	if _, err := s.in.Write(b.Bytes()); err != nil {
		return nil, err
	}
	resp := packp.NewUploadPackResponse(req)
	return resp, resp.Decode(io.NopCloser(s.out))
}

// Close ends the connection and waits for its goroutines.
func (s *sshSession) Close() error {
	s.stop()
	err := s.client.Close()
	_ = s.client.Wait() // tells only that the connection is closed
	return err
}

// stderr keeps the beginning of what the server says; ssh writes it from a
// goroutine of its own.
type stderr struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (e *stderr) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return (&firstBytes{&e.buf}).Write(p)
}

// String is what the server said.
func (e *stderr) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buf.String()
}
