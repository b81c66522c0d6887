package serve_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/commitstatus"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/signature"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// A commit that is held until somebody accepts it is told as well.
func TestForgeIsToldOfWhatIsHeld(t *testing.T) {
	descriptions := make(chan string, 100)
	forge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ State, Description string }
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		if got.State == "failure" {
			descriptions <- got.Description
		}
	}))
	defer forge.Close()
	f := newHookingForge(t)
	f.commit(manyEndpoints(10))
	f.push()
	r := start(t, serve.Options{
		Repository:   gitsync.Options{URL: f.url, Branch: "main", Poll: time.Hour},
		CommitStatus: &commitstatus.Options{Forge: commitstatus.GitHub, API: forge.URL, Project: "o/r", Token: hookSecrets},
	}, static("0"))
	f.git("rm", "-q", "endpoints/e0*.yaml")
	f.commit(nil)
	f.push()
	_, _ = r.call(http.MethodPost, r.admin+"/sync", "")
	if got, want := testbed.Receive(t, "the status", descriptions), "held, not live: 9 of 10 endpoints would vanish; see /status of the gateway"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What becomes of a commit stands beside it at the forge; a forge that does not
// answer holds nothing up.
func TestForgeIsToldWhatBecameOfACommit(t *testing.T) {
	type told struct{ Commit, State, Description, Context string }
	calls := make(chan told, 100)
	forge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got told
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		got.Commit = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		w.WriteHeader(http.StatusCreated)
		calls <- got
	}))
	defer forge.Close()
	r := start(t, serve.Options{CommitStatus: &commitstatus.Options{
		Forge: commitstatus.Gitea, API: forge.URL, Project: "o/r",
		Token: func() (string, error) { return "token", nil },
	}}, static("1"))
	final := func(commit string) told {
		t.Helper()
		for {
			got := testbed.Receive(t, "a commit status", calls)
			if got.Commit == commit && got.State != "pending" {
				return got
			}
		}
	}
	good := r.commit(static("2"))
	r.sync()
	if got, want := final(good), (told{good, "success", "live: 1 endpoint", "switchyard/live"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	bad := r.commit(map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackend: {}\n"})
	if status, _ := r.call(http.MethodPost, r.admin+"/sync", ""); status != http.StatusConflict {
		t.Errorf("sync: %d", status)
	}
	got := final(bad)
	if got.State != "failure" || !strings.Contains(got.Description, "endpoints/e.yaml:2:1: ") || len(got.Description) > 140 {
		t.Errorf("%+v", got)
	}
}

// What is refused for its signature was never offered, and is told nevertheless.
func TestForgeIsToldOfWhatIsNotSigned(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	allowed := filepath.Join(t.TempDir(), "allowed")
	if err := os.WriteFile(allowed, append([]byte("ada@example.com "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	type told struct{ State, Description string }
	calls := make(chan told, 100)
	forge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got told
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		if got.State != "pending" {
			calls <- got
		}
	}))
	defer forge.Close()
	f := newHookingForge(t)
	f.git("config", "gpg.format", "ssh")
	f.git("config", "user.signingkey", key)
	f.git("config", "commit.gpgsign", "true")
	f.commit(static("1"))
	f.push()
	r := start(t, serve.Options{
		Repository: gitsync.Options{
			URL: f.url, Branch: "main", Poll: time.Hour, Verify: &gitsync.Verify{Keys: signature.Keys{AllowedSigners: allowed}},
		},
		CommitStatus: &commitstatus.Options{Forge: commitstatus.GitHub, API: forge.URL, Project: "o/r", Token: hookSecrets},
	}, static("0"))
	if got, want := testbed.Receive(t, "the status of what is signed", calls), (told{"success", "live: 1 endpoint"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	f.git("config", "commit.gpgsign", "false")
	f.commit(static("2"))
	f.push()
	for range 3 { // it is told once
		if status, _ := r.call(http.MethodPost, r.admin+"/sync", ""); status != http.StatusConflict {
			t.Errorf("sync: %d", status)
		}
	}
	f.git("config", "commit.gpgsign", "true")
	f.commit(static("3"))
	f.push()
	r.sync()
	got := testbed.Receive(t, "the status of what is not signed", calls)
	if got.State != "failure" || !strings.HasPrefix(got.Description, "the revision is not verified: ") || !strings.Contains(got.Description, "not signed") {
		t.Errorf("%+v", got)
	}
	if got := testbed.Receive(t, "the status of what is signed again", calls); got.State != "success" {
		t.Errorf("%+v", got)
	}
}
