package commitstatus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/commitstatus"
)

const (
	token    = "t0ken-that-nobody-may-see"
	commit   = "0123456789012345678901234567890123456789"
	patience = 30 * time.Second
)

// told is a call as a forge sees it.
type told struct {
	Method, Path string
	Body         map[string]string
	header       http.Header
	at           time.Time
}

// forge is a server that speaks like one.
type forge struct {
	t      *testing.T
	server *httptest.Server
	calls  chan told // room for all calls of a test
	answer func(call int, w http.ResponseWriter, r *http.Request)

	mu sync.Mutex
	n  int
}

func newForge(t *testing.T, answer func(call int, w http.ResponseWriter, r *http.Request)) *forge {
	t.Helper()
	f := &forge{t: t, calls: make(chan told, 1000), answer: answer}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := told{Method: r.Method, Path: r.URL.EscapedPath(), header: r.Header, at: time.Now()}
	if err := json.Unmarshal(body, &call.Body); err != nil {
		f.t.Errorf("the body is no JSON: %v: %s", err, body)
	}
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	if f.answer == nil {
		w.WriteHeader(http.StatusCreated)
	} else {
		f.answer(n, w, r)
	}
	f.calls <- call
}

func (f *forge) next() told {
	f.t.Helper()
	select {
	case c := <-f.calls:
		return c
	case <-time.After(patience):
		f.t.Fatal("the forge was not called")
		panic("unreachable")
	}
}

// reporting is a reporter that runs during a test.
type reporting struct {
	*commitstatus.Reporter
	t   *testing.T
	mu  sync.Mutex
	log bytes.Buffer
}

func (r *reporting) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *reporting) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func report(t *testing.T, o commitstatus.Options) *reporting {
	t.Helper()
	r := &reporting{t: t}
	if o.Token == nil {
		o.Token = func() (string, error) { return token + "\n", nil }
	}
	o.Branch, o.Logger = "main", zerolog.New(r).Level(zerolog.DebugLevel)
	var err error
	if r.Reporter, err = commitstatus.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if text := r.text(); strings.Contains(text, token) {
			t.Errorf("the token is in the log: %s", text)
		}
	})
	return r
}

// counted waits until so many have come to a result.
func (r *reporting) counted(result string, want float64) {
	r.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Collector())
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var got float64
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		families, err := registry.Gather()
		if err != nil {
			r.t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			if m.GetLabel()[0].GetValue() == result {
				got = m.GetCounter().GetValue()
			}
		}
		if got == want {
			return
		}
	}
	r.t.Fatalf("%v counted as %s, want %v\n%s", got, result, want, r.text())
}

// What each forge is told, as its API is documented.
func TestForgesAreToldInTheirDialects(t *testing.T) {
	type want struct{ path, failure, name, field, value string }
	for forge, w := range map[commitstatus.Forge]want{
		commitstatus.GitHub: {"/repos/o/r/statuses/" + commit, "failure", "context", "Authorization", "Bearer " + token},
		commitstatus.GitLab: {"/projects/o%2Fr/statuses/" + commit, "failed", "name", "Private-Token", token},
		commitstatus.Gitea:  {"/repos/o/r/statuses/" + commit, "failure", "context", "Authorization", "token " + token},
	} {
		t.Run(string(forge), func(t *testing.T) {
			f := newForge(t, nil)
			r := report(t, commitstatus.Options{Forge: forge, API: f.server.URL + "/api", Project: "o/r"})
			for state, text := range map[commitstatus.State]string{
				commitstatus.Pending: "pending", commitstatus.Success: "success", commitstatus.Failure: w.failure,
			} {
				one := strings.Replace(commit, "0", string(state[0]), 1) // another commit for each state
				r.Report(commitstatus.Status{Commit: one, State: state, Description: "what\n is so"})
				got := f.next()
				body := map[string]string{"state": text, "description": "what is so", w.name: "switchyard/live"}
				if forge == commitstatus.GitLab {
					body["ref"] = "main"
				}
				path := strings.Replace(w.path, commit, one, 1)
				if diff := cmp.Diff(told{Method: "POST", Path: "/api" + path, Body: body}, got, cmp.AllowUnexported(told{}), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "header" || p.String() == "at" }, cmp.Ignore())); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got.header.Get(w.field) != w.value || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("header %v", got.header)
				}
				if forge == commitstatus.GitHub && (got.header.Get("Accept") != "application/vnd.github+json" || got.header.Get("X-GitHub-Api-Version") == "") {
					t.Errorf("header %v", got.header)
				}
			}
			r.counted("sent", 3)
		})
	}
}

func TestDescriptionsAreShort(t *testing.T) {
	f := newForge(t, nil)
	r := report(t, commitstatus.Options{Forge: commitstatus.Gitea, API: f.server.URL, Project: "o/r"})
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Failure, Description: strings.Repeat("\u00e4\x00", 200)})
	got := f.next().Body["description"]
	if n := len([]rune(got)); n != 140 || !strings.HasSuffix(got, "...") || strings.Contains(got, "\x00") {
		t.Errorf("%d characters: %q", n, got)
	}
}

// Where the API is and what the project is called follow from the repository.
func TestAPIAndProjectFollowFromTheRepository(t *testing.T) {
	for _, c := range []struct {
		forge      commitstatus.Forge
		repository string
		want       string
	}{
		{commitstatus.GitHub, "https://github.com/o/r.git", "https://api.github.com/repos/o/r/statuses/" + commit},
		{commitstatus.GitHub, "git@github.com:o/r.git", "https://api.github.com/repos/o/r/statuses/" + commit},
		{commitstatus.GitHub, "ssh://git@ssh.github.com:443/o/r.git", "https://api.github.com/repos/o/r/statuses/" + commit},
		{commitstatus.GitHub, "https://octo.ghe.com/o/r", "https://api.octo.ghe.com/repos/o/r/statuses/" + commit},
		{commitstatus.GitHub, "https://github.example.com:8443/o/r/", "https://github.example.com:8443/api/v3/repos/o/r/statuses/" + commit},
		{commitstatus.GitLab, "https://gitlab.com/g/s/r.git", "https://gitlab.com/api/v4/projects/g%2Fs%2Fr/statuses/" + commit},
		{commitstatus.GitLab, "ssh://git@gitlab.example.com:2222/g/r.git", "https://gitlab.example.com/api/v4/projects/g%2Fr/statuses/" + commit},
		{commitstatus.GitLab, "ssh://git@altssh.gitlab.com:443/g/r.git", "https://gitlab.com/api/v4/projects/g%2Fr/statuses/" + commit},
		{commitstatus.Gitea, "http://localhost:3000/o/r.git", "http://localhost:3000/api/v1/repos/o/r/statuses/" + commit},
		{commitstatus.Gitea, "https://example.com/git/o/r.git", "https://example.com/git/api/v1/repos/o/r/statuses/" + commit},
	} {
		asked := make(chan string, 1)
		r := report(t, commitstatus.Options{
			Forge: c.forge, Repository: c.repository,
			Proxy: func(r *http.Request) (*url.URL, error) {
				select {
				case asked <- r.URL.String():
				default:
				}
				return nil, errors.New("no test calls a forge")
			},
		})
		r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Success})
		select {
		case got := <-asked:
			if got != c.want {
				t.Errorf("%s %s: %s, want %s", c.forge, c.repository, got, c.want)
			}
		case <-time.After(patience):
			t.Errorf("%s %s: no call", c.forge, c.repository)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	given := func() (string, error) { return token, nil }
	for name, o := range map[string]commitstatus.Options{
		"plain http":           {Forge: commitstatus.Gitea, Repository: "http://git.example.com/o/r", Token: given},
		"a path":               {Forge: commitstatus.GitHub, Repository: "/srv/models.git", Token: given},
		"a path, project only": {Forge: commitstatus.GitHub, Repository: "/srv/models.git", Project: "o/r", Token: given},
		"one segment":          {Forge: commitstatus.GitHub, Repository: "https://github.com/r", Token: given},
		"no owner":             {Forge: commitstatus.GitHub, API: "https://api.github.com", Project: "r", Token: given},
		"no token":             {Forge: commitstatus.GitHub, Repository: "https://github.com/o/r"},
		"no forge":             {Repository: "https://github.com/o/r", Token: given},
		"credentials":          {Forge: commitstatus.GitHub, API: "https://me:" + token + "@github.com", Project: "o/r", Token: given},
		"no CA":                {Forge: commitstatus.GitHub, Repository: "https://github.com/o/r", Token: given, CAFile: "missing"},
	} {
		_, err := commitstatus.New(o)
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
