package serve_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/commitstatus"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/gitea"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var giteaDir = flag.String("gitea", "", "the folder of a Gitea that .ci/gitea has built, which the gateway works with")

// atGitea is a gateway that follows a repository at Gitea, does not poll, and tells
// Gitea what became of commits.
type atGitea struct {
	*running
	clone  *clone
	server *gitea.Server
	hook   gitea.Hook
	secret atomic.Value // of string: what the gateway expects of the hook
}

// models is the repository's name.
const models = "models"

// Pushes to a Gitea serve by its webhook, it is told what became of them, and it takes
// what the console commits.
func TestGitea(t *testing.T) {
	s := gitea.Start(t, *giteaDir, "")
	repository := s.Create(t, models)
	token := s.Token(t, gitea.Admin, "write:repository")
	g := &atGitea{server: s, clone: newClone(t, strings.Replace(repository, "http://", "http://any:"+token+"@", 1))}
	g.secret.Store(hookSecret)
	g.clone.commit(static("1"))
	g.clone.push()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	auth := gitsync.Auth{TokenFile: file}
	g.running = start(t, serve.Options{
		WebhookSecrets: func() (string, error) { return g.secret.Load().(string), nil },
		Repository:     gitsync.Options{URL: repository, Branch: "main", Poll: time.Hour, StateDir: t.TempDir(), Auth: auth},
		CommitStatus:   &commitstatus.Options{Forge: commitstatus.Gitea, Repository: repository, Token: func() (string, error) { return token, nil }},
		Console:        &serve.ConsoleOptions{Write: true, Users: editors(t), Auth: auth},
	}, static("0"))
	g.hook = gitea.Hook{
		Type: "gitea", Events: []string{"push"}, Active: true,
		Config: map[string]string{"url": g.url + "/-/webhook", "content_type": "json", "secret": hookSecret},
	}
	s.Call(t, http.MethodPost, gitea.Repo(models)+"/hooks", g.hook, &g.hook)
	t.Run("a push serves", g.pushServes)
	t.Run("deliveries are refused", g.refusesDeliveries)
	t.Run("commits have a status", g.hasStatuses)
	t.Run("the console commits", g.takesCommits)
}

// answers waits until the endpoint has an answer.
func (g *atGitea) answers(t *testing.T, want string) {
	t.Helper()
	testbed.Eventually(t, "the answer "+want, func() bool {
		_, body := g.call(http.MethodGet, g.url+"/v1/e", "")
		return body == want
	})
}

// delivered waits for a number of deliveries that Gitea has ended, and gives the newest.
func (g *atGitea) delivered(t *testing.T, n int) (newest gitea.Delivery) {
	t.Helper()
	testbed.Eventually(t, fmt.Sprint(n, " deliveries in Gitea's log"), func() bool {
		all := g.server.Deliveries(t, models, g.hook.ID)
		if len(all) > 0 {
			newest = all[0]
		}
		return len(all) == n
	})
	return newest
}

func (g *atGitea) pushServes(t *testing.T) {
	g.clone.commit(static("2"))
	g.clone.push()
	g.answers(t, "2")
	if got := g.delivered(t, 1); got.Status != http.StatusAccepted || !strings.Contains(got.Answer, `"accepted"`) {
		t.Errorf("Gitea's log says %+v", got)
	}
	g.clone.git("push", "-q", "origin", "main:unrelated")
	if got := g.delivered(t, 2); got.Status != http.StatusAccepted || !strings.Contains(got.Answer, `"ignored"`) {
		t.Errorf("of a branch that nobody follows Gitea's log says %+v", got)
	}
}

// sends has the webhook's payload sent in another form.
func (g *atGitea) sends(t *testing.T, kind string) {
	t.Helper()
	g.hook.Config["content_type"] = kind
	g.server.Call(t, http.MethodPatch, fmt.Sprint(gitea.Repo(models), "/hooks/", g.hook.ID), g.hook, nil)
}

func (g *atGitea) refusesDeliveries(t *testing.T) {
	n := len(g.server.Deliveries(t, models, g.hook.ID))
	refused := func(what, answer, says string) {
		t.Helper()
		g.clone.commit(static(answer))
		g.clone.push()
		n++
		if got := g.delivered(t, n); got.Status != http.StatusUnauthorized || !strings.Contains(got.Answer, says) {
			t.Errorf("%s: Gitea's log says %+v", what, got)
		}
		if _, body := g.call(http.MethodGet, g.url+"/v1/e", ""); body != "2" {
			t.Errorf("%s: %s serves", what, body)
		}
	}
	g.secret.Store("another secret")
	refused("another secret", "3", "not made with a secret of this webhook")
	g.secret.Store(hookSecret)
	g.sends(t, "form")
	refused("a form", "4", "application/json")
	g.sends(t, "json")
	g.clone.commit(static("5"))
	g.clone.push()
	g.answers(t, "5")
}

// commitStatus is what Gitea's API has of a commit.
type commitStatus struct {
	ID                           int64
	Status, Description, Context string
}

// becomes waits until a commit's status is this one.
func (g *atGitea) becomes(t *testing.T, commit, state, says string) {
	t.Helper()
	var newest commitStatus
	defer func() {
		if t.Failed() {
			t.Logf("Gitea has of it %+v", newest)
		}
	}()
	testbed.Eventually(t, state+" as the status", func() bool {
		var all []commitStatus
		g.server.Call(t, http.MethodGet, gitea.Repo(models)+"/commits/"+commit+"/statuses", nil, &all)
		newest = slices.MaxFunc(append(all, commitStatus{}), func(a, b commitStatus) int { return cmp.Compare(a.ID, b.ID) })
		return newest.Status == state && newest.Context == "switchyard/live" && strings.Contains(newest.Description, says)
	})
}

func (g *atGitea) hasStatuses(t *testing.T) {
	good := g.clone.commit(static("6"))
	g.clone.push()
	g.becomes(t, good, "success", "live: 1 endpoint")
	bad := g.clone.commit(map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackend: {}\n"})
	g.clone.push()
	g.becomes(t, bad, "failure", "endpoints/e.yaml:2:1: ")
	if code, said := g.call(http.MethodPost, g.admin+"/pin?commit="+good, ""); code != http.StatusOK {
		t.Fatalf("pin: %d %s", code, said)
	}
	waits := g.clone.commit(static("7"))
	g.clone.push()
	g.becomes(t, waits, "pending", "another revision is pinned")
	if code, said := g.call(http.MethodPost, g.admin+"/unpin", ""); code != http.StatusOK {
		t.Fatalf("unpin: %d %s", code, said)
	}
	g.becomes(t, waits, "success", "live: 1 endpoint")
}

func (g *atGitea) takesCommits(t *testing.T) {
	const document = "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 3}\n  b: {static: 2, weight: 1}\n"
	base := g.clone.commit(map[string]string{"endpoints/e.yaml": document})
	g.clone.push()
	g.wait("swap to "+base, func(l line) bool { return l.Event == "swap" && l.Commit == base })
	c := logIn(t, g.admin)
	form := url.Values{
		"token": {c.token}, "about": {"change"}, "endpoint": {"e"}, "mode": {"form"}, "where": {"direct"},
		"base": {base}, "was": {strings.ReplaceAll(document, "\n", "\r\n")}, "b.b.weight": {"2"},
	}
	g.server.Call(t, http.MethodPost, gitea.Repo(models)+"/branch_protections", map[string]any{"rule_name": "main", "enable_push": false}, nil)
	if page := c.post("/console/publish", form); !strings.Contains(page, "The repository takes no commit on this branch from here") ||
		!strings.Contains(page, "Not allowed to push to protected branch main") {
		t.Errorf("to a protected branch:\n%s", page)
	}
	form.Set("where", "branch")
	form.Set("own", "console/e")
	page := c.post("/console/publish", form)
	var branch struct {
		Commit struct {
			Author struct{ Name, Email string }
		}
	}
	g.server.Call(t, http.MethodGet, gitea.Repo(models)+"/branches/console%2Fe", nil, &branch)
	if got, want := branch.Commit.Author, (struct{ Name, Email string }{"Jo Doe", "jo@example.com"}); got != want {
		t.Errorf("it is by %+v, want %+v", got, want)
	}
	if !strings.Contains(page, g.server.URL+"/"+gitea.Admin+"/"+models+"/compare/main...console/e") {
		t.Errorf("the page does not lead to a pull request:\n%s", page)
	}
	g.server.Call(t, http.MethodDelete, gitea.Repo(models)+"/branch_protections/main", nil, nil)
	form.Set("where", "direct")
	c.post("/console/publish", form)
	g.becomes(t, g.tip(t), "success", "live: 1 endpoint")
}

// tip is where Gitea's main stands.
func (g *atGitea) tip(t *testing.T) string {
	t.Helper()
	var branch struct{ Commit struct{ ID string } }
	g.server.Call(t, http.MethodGet, gitea.Repo(models)+"/branches/main", nil, &branch)
	return branch.Commit.ID
}
