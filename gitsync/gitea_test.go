package gitsync_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/gitea"
)

// Gitea, as a forge that many run themselves, is followed and pushed to over both of
// its ways.
func TestGitea(t *testing.T) {
	own := ""
	if *giteaDir != "" {
		own = signer(t)
	}
	s := gitea.Start(t, *giteaDir, "[repository.signing]\nSIGNING_FORMAT = ssh\nSIGNING_KEY = "+own+".pub\n"+
		"SIGNING_NAME = Gitea\nSIGNING_EMAIL = gitea@example.com\nCRUD_ACTIONS = always\n")
	t.Run("is followed over http", func(t *testing.T) { followsGitea(t, host(t, s, "http"), true) })
	t.Run("is followed over ssh", func(t *testing.T) {
		h := host(t, s, "ssh")
		h.options.URL, h.options.Auth = s.SSH(h.name), h.deployKey(true)
		followsGitea(t, h, true)
	})
	t.Run("refuses tokens", func(t *testing.T) { giteaRefusesTokens(t, s) })
	t.Run("refuses keys", func(t *testing.T) { giteaRefusesKeys(t, s) })
	t.Run("renames a repository", func(t *testing.T) { giteaRenames(t, s) })
	t.Run("takes commits", func(t *testing.T) { giteaTakesCommits(t, s) })
	t.Run("signs commits", func(t *testing.T) { giteaSigns(t, s, own) })
}

// Filters can be turned off in Gitea. All of a branch's tip is read then.
func TestGiteaThatFiltersNothing(t *testing.T) {
	s := gitea.Start(t, *giteaDir, "[git]\nDISABLE_PARTIAL_CLONE = true\n")
	followsGitea(t, host(t, s, "models"), false)
}

// hosted is a repository that is pushed to Gitea, which has to have of it what git
// has here.
type hosted struct {
	*repo
	server  *gitea.Server
	name    string
	options gitsync.Options // to follow it with a token that may read
	url     string          // to push to
}

func host(t *testing.T, s *gitea.Server, name string) *hosted {
	t.Helper()
	h := &hosted{repo: newRepo(t), server: s, name: name, options: options(s.Create(t, name))}
	h.options.Auth.TokenFile = filepath.Join(t.TempDir(), "token")
	write(t, h.options.Auth.TokenFile, s.Token(t, gitea.Admin, "read:repository"))
	h.url = strings.Replace(h.options.URL, "http://", "http://any:"+s.Token(t, gitea.Admin, "write:repository")+"@", 1)
	return h
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// push lets Gitea's branches stand where those here stand, and no others be there.
func (h *hosted) push() {
	h.t.Helper()
	h.git("push", "-q", "--force", "--prune", h.url, "refs/heads/*:refs/heads/*")
}

// deployKey lets a new key read the repository over ssh, and maybe write.
func (h *hosted) deployKey(readOnly bool) gitsync.Auth {
	h.t.Helper()
	key, file := sshKey(h.t)
	h.server.Call(h.t, http.MethodPost, gitea.Repo(h.name)+"/keys", map[string]any{
		"title": file, "key": string(ssh.MarshalAuthorizedKey(key.PublicKey())), "read_only": readOnly,
	}, nil)
	return gitsync.Auth{KeyFile: file, KnownHostsFile: h.server.KnownHosts}
}

// followsGitea takes a repository through what happens to repositories.
func followsGitea(t *testing.T, h *hosted, filters bool) {
	f := follow(t, h.options, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrEmpty) {
		t.Errorf("without commits: %v", err)
	}
	const weights = 2 << 20 // of other files
	data := make([]byte, weights)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	h.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	first := h.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev"), "deployments/m.yaml": "m\n", "weights/w.bin": string(data)})
	for _, step := range []struct {
		name   string
		change func()
	}{
		{"the first push", func() {}},
		{"a change", func() { h.commit("main", "two", files{"endpoints/b.yaml": endpoint("dev", "new")}) }},
		{"a change of a named branch", func() { h.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"}) }},
		{"a new branch", func() { h.commit("new", "new", files{"deployments/n.yaml": "n\n"}) }},
		{"a force-push", func() {
			h.write(writing{branch: "main", message: "rewritten", change: files{"endpoints/z.yaml": endpoint("dev", "new")}})
		}},
		{"a rewind", func() { h.move("main", first) }},
		{"a deleted branch", func() { h.remove("dev") }},
		{"the branch again", func() { h.commit("dev", "dev 3", files{"deployments/d.yaml": "dev 3\n"}) }},
	} {
		step.change()
		h.push()
		h.compare(t, step.name, f.mustSync())
		if got := f.Status().LastRead; filters == (got.Bytes > weights/2) && step.name == "the first push" {
			t.Errorf("%s: %d bytes", step.name, got.Bytes)
		}
	}
	if reads := f.Status().Totals.Reads; reads[gitsync.ModeIncremental] == 0 || reads[gitsync.ModeFallback] > 0 {
		t.Errorf("the reads were %v", reads)
	}
	live := h.tip("main")
	h.server.Call(t, http.MethodPatch, gitea.Repo(h.name), map[string]any{"default_branch": "dev"}, nil)
	h.remove("main") // which Gitea takes of no default branch
	h.push()
	if err := f.sync(); !errors.Is(err, gitsync.ErrNoBranch) || f.Status().Live.Commit() != live || f.Status().Held == nil {
		t.Errorf("without its branch: %v, %+v", err, f.Status())
	}
	h.move("main", first)
	h.push()
	h.compare(t, "the endpoints branch again", f.mustSync())
}
