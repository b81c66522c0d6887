package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const password = "correct horse battery"

// stage is a console of a gateway that serves files.
type stage struct {
	t         testing.TB
	console   *console.Console
	gateway   *gateway.Gateway
	files     map[string]string // of the newest revision
	commits   int               // how many the branch has got
	pushed    []console.Commit
	push      func(console.Commit) error // what the server says; nil: it takes what follows the tip
	newest    schema.Revision
	host      string
	cookie    *http.Cookie
	following console.Following
}

func newStage(t testing.TB, files map[string]string, change func(*console.Options)) *stage {
	t.Helper()
	s := &stage{t: t, files: files, host: "127.0.0.1:9090"}
	log := record.NewLog(record.Options{Writer: httptest.NewRecorder()})
	pool := deployments.NewPool(deployments.PoolOptions{})
	t.Cleanup(pool.Close)
	ring := recent.New(recent.Options{})
	s.gateway = gateway.New(gateway.Options{Pool: pool, Records: log, Logger: zerolog.Nop(), Observers: []func(*record.Record){ring.Observe}})
	t.Cleanup(func() { _ = s.gateway.Drain(context.Background()) })
	users, err := login.Open(usersFile(t))
	if err != nil {
		t.Fatal(err)
	}
	o := console.Options{
		Loopback: true, CallURL: "http://:8080", Logger: zerolog.Nop(), Snapshot: s.gateway.Current, Health: s.gateway.Health,
		Following: func() console.Following { return s.following }, Revisions: func(context.Context) ([]console.Kept, error) { return nil, nil },
		Series: series.New(series.Options{}), Recent: ring, Gateway: s.gateway, Watch: s.gateway.WatchCopies, Write: true, Users: users,
		Check: func(rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
			return gateway.Check(rev, deployments.Secrets{})
		},
		Publish: s.publish, Sync: func(context.Context) error { s.read(); return nil },
	}
	if change != nil {
		change(&o)
	}
	s.console = console.New(o)
	s.read()
	return s
}

// userLines are the lines of a file of users, whose hashes take their time.
var userLines = sync.OnceValues(func() (text string, err error) {
	for _, role := range []login.Role{login.Editor, login.Viewer} {
		line, err := login.Line(string(role), role, "The "+string(role)+" <"+string(role)+"@example.com>", password)
		if err != nil {
			return "", err
		}
		text += line + "\n"
	}
	return text, nil
})

func usersFile(t testing.TB) string {
	t.Helper()
	text, err := userLines()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read has the files read as a revision, which serves if it is good.
func (s *stage) read() {
	tree := fstest.MapFS{}
	for path, text := range s.files {
		tree[path] = &fstest.MapFile{Data: []byte(text)}
	}
	commit := s.tip()
	s.newest = schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {Commit: commit, FS: tree}}}
	s.following = console.Following{Repository: "https://git.example.com/models.git", Branch: "main", Newest: s.newest, LiveRevision: s.following.LiveRevision}
	if s.gateway.Apply(s.newest) == nil {
		s.following.LiveRevision = s.newest
		s.following.Live = &console.Tip{Commit: commit, Author: "Somebody", Subject: "Change", Time: time.Now()}
	}
}

// tip is the commit that the branch stands at.
func (s *stage) tip() string { return strings.Repeat(string(rune('a'+s.commits)), 40) }

// others push a document, which is not read yet.
func (s *stage) others(path, text string) {
	s.files[path] = text
	s.commits++
}

func (s *stage) publish(_ context.Context, c console.Commit) (console.Published, error) {
	if s.push != nil {
		if err := s.push(c); err != nil {
			return console.Published{}, err
		}
	}
	if c.Base != s.tip() && !c.NewBranch {
		return console.Published{}, &console.MovedError{Tip: s.tip()}
	}
	s.pushed = append(s.pushed, c)
	if c.NewBranch {
		return console.Published{Commit: strings.Repeat("9", 40), Branch: c.Branch}, nil
	}
	s.commits++
	for path, data := range c.Files {
		s.files[path] = string(data)
		if data == nil {
			delete(s.files, path)
		}
	}
	return console.Published{Commit: s.tip(), Branch: c.Branch}, nil
}

type answer struct {
	status   int
	location string
	body     string
	header   http.Header
}

func (s *stage) get(path string) answer { return s.send(http.MethodGet, path, nil, nil) }

// send sends a request as a browser does.
func (s *stage) send(method, path string, form url.Values, header map[string]string) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host = s.host
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	return answer{w.Code, w.Header().Get("Location"), w.Body.String(), w.Header()}
}

// logIn logs in, and gives the token of the session's forms.
func (s *stage) logIn(name string) (token string) {
	s.t.Helper()
	got := s.send(http.MethodPost, "/console/login", url.Values{"name": {name}, "password": {password}, "to": {"/console/records"}}, nil)
	if got.status != http.StatusSeeOther || got.location != "/console/records" {
		s.t.Fatalf("the login is answered %d %s\n%s", got.status, got.location, got.body)
	}
	cookies := (&http.Response{Header: got.header}).Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		s.t.Fatalf("the cookie is %v", cookies)
	}
	s.cookie = cookies[0]
	return tokenIn(s.t, s.get("/").body)
}

// tokenIn is the token that the forms of a page carry.
func tokenIn(t testing.TB, page string) string {
	t.Helper()
	found := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("no form carries a token")
	}
	return found[1]
}
