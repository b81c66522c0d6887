package main

import (
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// The console's own token pushes, whatever signs in for reading: a server that lets
// nobody else push takes what the console commits.
func TestTheConsolePushesWithItsOwnToken(t *testing.T) {
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skip("there is no git")
	}
	dir := t.TempDir()
	git := func(in string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = in
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, said)
		}
		return strings.TrimSpace(string(said))
	}
	git(dir, "init", "-q", "--bare", "-b", "main", "models.git")
	git(dir, "init", "-q", "-b", "main", "work")
	work := filepath.Join(dir, "work")
	git(work, "-c", "user.name=Jo", "-c", "user.email=jo@example.com", "commit", "-q", "--allow-empty", "-m", "First")
	git(work, "push", "-q", "../models.git", "main")
	const write = "token-for-pushing"
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true"},
	}
	server := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if _, token, _ := r.BasicAuth(); token != write {
			http.Error(w, "not for you", http.StatusForbidden)
			return
		}
		backend.ServeHTTP(w, r)
	})
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		must0(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	token := file("write", write+"\n")
	host := strings.TrimPrefix(server, "http://")
	for name, reading := range map[string]map[string]string{
		"token of a variable": {gitTokenEnv: "token-for-reading"},
		"token of a file":     {"SWITCHYARD_GIT_TOKEN_FILE": file("read", "token-for-reading")},
		"credentials":         {"SWITCHYARD_GIT_CREDENTIALS_FILE": file("store", "http://jo:token-for-reading@"+host+"\n")},
		"GitHub App":          {"SWITCHYARD_GIT_APP_ID": "1", "SWITCHYARD_GIT_APP_INSTALLATION": "2", "SWITCHYARD_GIT_APP_KEY_FILE": filepath.Join(dir, "none.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			p := process{env: environment{"SWITCHYARD_CONSOLE_GIT_TOKEN_FILE=" + token}}
			for variable, value := range reading {
				p.env = append(p.env, variable+"="+value)
			}
			s, err := layers{env: p.env}.resolve()
			must0(t, err)
			console, err := consoleOptions(p, s)
			must0(t, err)
			base := git(filepath.Join(dir, "models.git"), "rev-parse", "main")
			done, err := gitsync.Publish(t.Context(), gitsync.Options{URL: server + "/models.git", Branch: "main", Auth: console.Auth}, gitsync.Publication{
				Base: base, Branch: "main", Files: map[string][]byte{"endpoints/e.yaml": []byte("# " + name + "\n")},
				Author: gitsync.Person{Name: "Jo", Email: "jo@example.com"}, Message: "Change",
			})
			if at := git(filepath.Join(dir, "models.git"), "rev-parse", "main"); err != nil || at != done.Commit || at == base {
				t.Errorf("the branch stands at %s, want %s: %v", at, done.Commit, err)
			}
		})
	}
}

func TestTheConsolesKeyHasAPassphraseOfItsOwn(t *testing.T) {
	const reading, own = gitPassphraseEnv + "=of the key for reading", pushKeyEnv + "=of the console's"
	key := "SWITCHYARD_CONSOLE_GIT_SSH_KEY_FILE=key"
	for name, c := range map[string]struct {
		env        environment
		passphrase string
	}{
		"its own":           {environment{reading, own, key}, "of the console's"},
		"none for reading":  {environment{own, key}, "of the console's"},
		"that for reading":  {environment{reading, key}, "of the key for reading"},
		"no key of its own": {environment{reading}, "of the key for reading"},
	} {
		s, err := layers{env: c.env}.resolve()
		must0(t, err)
		console, err := consoleOptions(process{env: c.env}, s)
		must0(t, err)
		if got, err := console.Auth.Passphrase(); err != nil || got != c.passphrase {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	s, err := layers{}.resolve()
	must0(t, err)
	if _, err := consoleOptions(process{env: environment{own}}, s); err == nil || !strings.Contains(err.Error(), "need consoleGitSshKeyFile") {
		t.Errorf("a passphrase without a key: %v", err)
	}
}
