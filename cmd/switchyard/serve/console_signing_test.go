package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/signature"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const consolePassword = "correct horse battery"

// tool runs a program in a folder.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = dir
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return strings.TrimSpace(string(said))
}

// signedRepository is a bare repository whose commit is signed, with the key and the
// file that allows it.
func signedRepository(t *testing.T, files map[string]string) (repo, key, allowed string) {
	t.Helper()
	for _, name := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("there is no ", name)
		}
	}
	dir := t.TempDir()
	key, allowed, repo = filepath.Join(dir, "key"), filepath.Join(dir, "allowed"), filepath.Join(dir, "models.git")
	tool(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err == nil {
		err = os.WriteFile(allowed, []byte("console@example.com "+string(public)), 0o600)
	}
	work := filepath.Join(dir, "work")
	for path, text := range files {
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(work, path)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(work, path), []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	tool(t, work, "git", "init", "-q", "-b", "main")
	tool(t, work, "git", "add", "--all")
	tool(t, work, "git", "-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "gpg.format=ssh", "-c", "user.signingkey="+key, "commit", "-qS", "-m", "First")
	tool(t, dir, "git", "clone", "-q", "--bare", work, repo)
	return repo, key, allowed
}

// A gateway that serves signed commits only serves what its console commits, once that
// has a key to sign with.
func TestCommitsOfTheConsoleServeWhereSignaturesAreAskedFor(t *testing.T) {
	const document = "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 3}\n  b: {static: 2, weight: 1}\n"
	for _, signed := range []bool{true, false} {
		t.Run(fmt.Sprint("signed ", signed), func(t *testing.T) {
			repo, key, allowed := signedRepository(t, map[string]string{"endpoints/e.yaml": document})
			o := serve.Options{
				Console:    &serve.ConsoleOptions{Write: true, Users: editors(t)},
				Repository: gitsync.Options{URL: repo, Branch: "main", Poll: time.Hour, Verify: &gitsync.Verify{Keys: signature.Keys{AllowedSigners: allowed}}},
			}
			if signed {
				o.Console.SigningKey = &gitsync.SSHKey{File: key}
			}
			r := start(t, o, map[string]string{"not/this": "repository"})
			base := tool(t, repo, "git", "rev-parse", "main")
			c := logIn(t, r.admin)
			page := c.post("/console/publish", url.Values{
				"token": {c.token}, "about": {"change"}, "endpoint": {"e"}, "mode": {"form"}, "where": {"direct"},
				"base": {base}, "was": {strings.ReplaceAll(document, "\n", "\r\n")}, "b.b.weight": {"2"},
			})
			made := tool(t, repo, "git", "rev-parse", "main")
			if made == base {
				t.Fatalf("nothing was pushed:\n%s", page)
			}
			if !signed {
				testbed.Eventually(t, "/status and the log say why", func() bool {
					_, status := r.call(http.MethodGet, r.admin+"/status", "")
					return strings.Contains(status, "it is not signed") && strings.Contains(r.log.String(), "it is not signed")
				})
				if served := r.lines(func(l line) bool { return l.Event == "swap" && l.Commit == made }); len(served) > 0 {
					t.Errorf("an unsigned commit serves")
				}
				return
			}
			r.wait("the new commit", func(l line) bool { return l.Event == "swap" && l.Commit == made })
			tool(t, repo, "git", "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", made)
		})
	}
}

// editors are users of whom one may change endpoints.
func editors(t *testing.T) *login.Users {
	t.Helper()
	text, err := login.Line("jo", login.Editor, "Jo Doe <jo@example.com>", consolePassword)
	path := filepath.Join(t.TempDir(), "users")
	if err == nil {
		err = os.WriteFile(path, []byte(text+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	users, err := login.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return users
}

// visitor is somebody who has logged in to the console.
type visitor struct {
	t      *testing.T
	admin  string
	client *http.Client
	token  string // that forms carry
}

func logIn(t *testing.T, admin string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, admin: admin, client: &http.Client{Jar: jar}}
	page := v.post("/console/login", url.Values{"name": {"jo"}, "password": {consolePassword}, "to": {"/"}})
	found := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no form carries a token:\n%s", page)
	}
	v.token = found[1]
	return v
}

// post sends a form as a browser does.
func (v *visitor) post(path string, form url.Values) (page string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.admin+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}
