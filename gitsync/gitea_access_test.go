package gitsync_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/gitea"
)

// A token that is refused is told so, and is exchanged by writing its file.
func giteaRefusesTokens(t *testing.T, s *gitea.Server) {
	h := host(t, s, "tokens")
	first := h.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	h.push()
	const stranger = "eve"
	s.Call(t, http.MethodPost, "/admin/users", map[string]any{
		"username": stranger, "email": "eve@example.com", "password": "staple staple staple", "must_change_password": false,
	}, nil)
	file := h.options.Auth.TokenFile
	write(t, file, "0123456789012345678901234567890123456789")
	f := follow(t, h.options, nil)
	refused := func(what, token string, want error) {
		t.Helper()
		write(t, file, token)
		err := f.sync()
		if !errors.Is(err, want) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("no token of Gitea's", "abcdef0123456789abcdef0123456789abcdef01", gitsync.ErrAuth)
	refused("another scope", s.Token(t, gitea.Admin, "read:issue"), gitsync.ErrAuth)
	good := s.Token(t, gitea.Admin, "read:repository")
	write(t, file, good)
	if live := f.mustSync(); live.Commit() != first {
		t.Errorf("%s is live", live.Commit())
	}
	s.Revoke(t, gitea.Admin, good)
	second := h.commit("main", "two", files{"endpoints/a.yaml": "a\n"})
	h.push()
	refused("a revoked token", good, gitsync.ErrAuth)
	refused("somebody who may not look", s.Token(t, stranger, "read:repository"), gitsync.ErrNoRepository)
	if live := f.Status().Live; live.Commit() != first {
		t.Errorf("%s is live", live.Commit())
	}
	write(t, file, s.Token(t, gitea.Admin, "read:repository"))
	if live := f.mustSync(); live.Commit() != second {
		t.Errorf("%s is live", live.Commit())
	}
	if strings.Contains(f.log.String(), good) {
		t.Error("the token is in the log")
	}
}

// What Gitea's ssh server refuses, it tells in its own words.
func giteaRefusesKeys(t *testing.T, s *gitea.Server) {
	h := host(t, s, "keys")
	h.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	h.push()
	good := h.deployKey(true)
	unknown, foreign := good, good
	_, unknown.KeyFile = sshKey(t)
	other, _ := sshKey(t)
	foreign.KnownHostsFile = filepath.Join(t.TempDir(), "known_hosts")
	address := strings.TrimPrefix(strings.Split(s.SSH(""), "/"+gitea.Admin)[0], "ssh://git@")
	write(t, foreign.KnownHostsFile, knownhosts.Line([]string{address}, other.PublicKey())+"\n")
	for _, tt := range []struct {
		name string
		url  string
		auth gitsync.Auth
		want error
		says string
	}{
		{"a key that Gitea does not know", s.SSH(h.name), unknown, gitsync.ErrAuth, ""},
		{"a host key that is not known here", s.SSH(h.name), foreign, gitsync.ErrHostKey, ""},
		{"no such repository", s.SSH("nowhere"), good, gitsync.ErrNoRepository, "Cannot find repository"},
		{"a key for another one", s.SSH(h.name), host(t, s, "elsewhere").deployKey(true), gitsync.ErrNoRepository, "not authorized"},
	} {
		o := h.options
		o.URL, o.Auth = tt.url, tt.auth
		if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A repository that was renamed is found under its new name, with the token.
func giteaRenames(t *testing.T, s *gitea.Server) {
	h := host(t, s, "before")
	h.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	h.push()
	f := follow(t, h.options, nil)
	f.mustSync()
	s.Call(t, http.MethodPatch, gitea.Repo(h.name), map[string]any{"name": "after"}, nil)
	h.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	h.push()
	h.compare(t, "after the change", f.mustSync())
}
