package gitsync_test

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// sshServer serves the repository over ssh to one key, and gives its URL and
// the credentials. change may alter the server before it starts.
func sshServer(t testing.TB, r *repo, change func(*ssh.ServerConfig)) (string, gitsync.Auth) {
	t.Helper()
	client, keyFile := sshKey(t)
	host, _ := sshKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, os.ErrPermission
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	if change != nil {
		change(config)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.dialed.Add(1)
			r.mu.Lock()
			r.conns = append(r.conns, conn)
			r.mu.Unlock()
			running.Go(func() { serveSSH(conn, config, r) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := knownhosts.Line([]string{l.Addr().String()}, host.PublicKey())
	if err := os.WriteFile(known, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "ssh://git@" + l.Addr().String() + r.bare, gitsync.Auth{KeyFile: keyFile, KnownHostsFile: known}
}

func sshKey(t testing.TB) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, file
}

// serveSSH runs the commands of one connection's sessions in a shell, as sshd does.
func serveSSH(conn net.Conn, config *ssh.ServerConfig, r *repo) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		env := gitEnv()
		for request := range requests {
			var exec struct{ Command string }
			var set struct{ Name, Value string }
			if request.Type == "env" && !r.oldSSH && ssh.Unmarshal(request.Payload, &set) == nil {
				env = append(env, set.Name+"="+set.Value)
				_ = request.Reply(true, nil)
				continue
			}
			if request.Type != "exec" || ssh.Unmarshal(request.Payload, &exec) != nil {
				_ = request.Reply(false, nil)
				continue
			}
			_ = request.Reply(true, nil)
			status := struct{ Status uint32 }{runSSH(cmp.Or(r.instead, exec.Command), env, channel)}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(&status))
			break
		}
		_ = channel.Close()
		for range requests { // drained until the client closes
		}
	}
}

func runSSH(command string, env []string, channel ssh.Channel) uint32 {
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return 1
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(in, channel)
		_ = in.Close()
	}()
	err = cmd.Wait()
	_ = channel.CloseWrite()
	_ = channel.Close()
	<-copied
	if err != nil {
		return 1
	}
	return 0
}
