package gitsync_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/gitea"
)

// Commits are pushed where Gitea lets them be, and what it says is told.
func giteaTakesCommits(t *testing.T, s *gitea.Server) {
	h := host(t, s, "commits")
	base := h.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	h.push()
	writer := h.options
	writer.Auth = gitsync.Auth{Token: s.Token(t, gitea.Admin, "write:repository")}
	shell := h.options
	shell.URL, shell.Auth = s.SSH(h.name), h.deployKey(false)
	for name, o := range map[string]gitsync.Options{"http": writer, "ssh": shell} {
		done, err := gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", name+"\n")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := follow(t, h.options, nil)
		if live := f.mustSync(); live.Commit() != done.Commit {
			t.Errorf("%s: %s is live", name, live.Commit())
		}
		_, err = gitsync.Publish(t.Context(), o, publication(base, one("endpoints/a.yaml", "late\n")))
		if moved, ok := errors.AsType[*gitsync.MovedError](err); !ok || moved.Tip != done.Commit {
			t.Errorf("%s: upon an old commit: %v", name, err)
		}
		base = done.Commit
	}
	s.Call(t, http.MethodPost, gitea.Repo(h.name)+"/branch_protections", map[string]any{"rule_name": "main", "enable_push": false}, nil)
	for name, o := range map[string]gitsync.Options{"http": writer, "ssh": shell} {
		p := publication(base, one("endpoints/a.yaml", "protected\n"))
		_, err := gitsync.Publish(t.Context(), o, p)
		if declined, ok := errors.AsType[*gitsync.DeclinedError](err); !ok || declined.Said != "error: Not allowed to push to protected branch main" {
			t.Errorf("%s: to a protected branch: %v", name, err)
		}
		p.Branch, p.New = "console/"+name, true
		done, err := gitsync.Publish(t.Context(), o, p)
		if err != nil || !strings.Contains(done.Said, "/pulls/new/console/"+name) {
			t.Errorf("%s: to a branch of its own: %q, %v", name, done.Said, err)
		}
	}
	reader := h.options // its token may not write
	if _, err := gitsync.Publish(t.Context(), reader, publication(base, one("endpoints/a.yaml", "b\n"))); !errors.Is(err, gitsync.ErrAuth) {
		t.Errorf("with a token that may not write: %v", err)
	}
	reader.URL, reader.Auth = s.SSH(h.name), h.deployKey(true)
	_, err := gitsync.Publish(t.Context(), reader, publication(base, one("endpoints/a.yaml", "b\n")))
	if !errors.Is(err, gitsync.ErrNoRepository) || !strings.Contains(err.Error(), "not authorized to write") {
		t.Errorf("with a key that may not write: %v", err)
	}
}

// Commits serve that are signed by a key that is trusted: that of a person, or that
// of Gitea, with which it signs what is committed on its pages.
func giteaSigns(t *testing.T, s *gitea.Server, own string) {
	h := host(t, s, "signed")
	h.key = signer(t)
	h.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	h.push()
	o := verified(t, h.options, h.key)
	f := follow(t, o, nil)
	h.compare(t, "signed", f.mustSync())
	first := h.tip("main")
	var made struct{ Commit struct{ SHA string } }
	s.Call(t, http.MethodPost, gitea.Repo(h.name)+"/contents/endpoints/b.yaml", map[string]any{
		"content": base64.StdEncoding.EncodeToString([]byte(endpoint())), "message": "By Gitea", "branch": "main",
	}, &made)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnverified) || f.Status().Live.Commit() != first {
		t.Errorf("by Gitea's key: %v", err)
	}
	allow(t, o.Verify.Keys.AllowedSigners, h.key, own)
	if live := f.mustSync(); live.Commit() != made.Commit.SHA {
		t.Errorf("with Gitea's key among the trusted ones %s is live, not %s", live.Commit(), made.Commit.SHA)
	}
}
