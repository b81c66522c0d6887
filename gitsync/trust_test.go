package gitsync_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestSSHTrust(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	url, auth := sshServer(t, r, nil)
	o := options(url)
	t.Run("unknown host key", func(t *testing.T) {
		_, other := sshServer(t, r, nil)
		o.Auth = gitsync.Auth{KeyFile: auth.KeyFile, KnownHostsFile: other.KnownHostsFile}
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrHostKey) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("host keys of another kind are known", func(t *testing.T) {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.NewPublicKey(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		line := knownhosts.Line([]string{strings.TrimSuffix(strings.TrimPrefix(url, "ssh://git@"), r.bare)}, key)
		o.Auth = gitsync.Auth{KeyFile: auth.KeyFile, KnownHostsFile: filepath.Join(t.TempDir(), "known_hosts")}
		write(t, o.Auth.KnownHostsFile, line+"\n")
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrHostKey) || !strings.Contains(err.Error(), "known are keys of [ecdsa-sha2-nistp256], it offers [ssh-ed25519]") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("no known_hosts", func(t *testing.T) {
		o.Auth = gitsync.Auth{KeyFile: auth.KeyFile, KnownHostsFile: filepath.Join(t.TempDir(), "none")}
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrHostKey) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("wrong key", func(t *testing.T) {
		_, key := sshKey(t)
		o.Auth = gitsync.Auth{KeyFile: key, KnownHostsFile: auth.KnownHostsFile}
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrAuth) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("no such repository", func(t *testing.T) {
		o := o
		o.Auth = auth
		o.URL = url + "/none"
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrNoRepository) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("refused in Gitea's way", func(t *testing.T) {
		r := newRepo(t)
		r.instead = "echo; printf 'error:\\nerror: Cannot find repository: ada/none\\nerror:\\n' >&2; exit 1"
		o := o
		o.URL, o.Auth = sshServer(t, r, nil)
		_, err := gitsync.Read(t.Context(), o, "")
		if !errors.Is(err, gitsync.ErrNoRepository) || !strings.HasSuffix(err.Error(), " (error: Cannot find repository: ada/none)") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("server hangs up", func(t *testing.T) {
		o := o
		o.URL, o.Auth = sshServer(t, r, func(c *ssh.ServerConfig) {
			c.MaxAuthTries = 1
			c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSASHA512}
		})
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrAuth) && !errors.Is(err, gitsync.ErrUnreachable) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestSSHAgent(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	url, auth := sshServer(t, r, nil)
	pem, err := os.ReadFile(auth.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer l.Close()
	serving.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = agent.ServeAgent(keys, conn)
	})
	o := options(url)
	o.Auth = gitsync.Auth{AgentSocket: l.Addr().String(), KnownHostsFile: auth.KnownHostsFile}
	live, err := gitsync.Read(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	r.compare(t, "with an agent", live)
}
