package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Whatever a gateway is told in confidence, nothing that it puts out shows it:
// neither its log, its errors, its metrics and answers, nor its files. All that it
// calls here gives back what it was sent, in errors that the gateway reports.
func TestSecretsShowNowhere(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the gateway follows a repository that git serves")
	}
	for _, way := range []struct {
		name  string
		login func(t *testing.T, c *confidant) (env, flags []string)
	}{
		{"token in the environment", tokenFromEnvironment},
		{"token in a file", tokenFromFile},
		{"credentials file", passwordFromStore},
		{"GitHub App", tokenOfApp},
		{"passphrase of an ssh key", passphraseOfKey},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := newConfidant(t)
			env, flags := way.login(t, c)
			c.start(env, flags)
			if way.name != "passphrase of an ssh key" { // there is no ssh server
				c.live()
			}
			c.complain()
			c.search(c.end())
		})
	}
}

// confidant is a gateway that knows secrets, and all that it calls.
type confidant struct {
	t        *testing.T
	dir      string
	work     string
	repo     string       // URL
	api      string       // of the forge
	password atomic.Value // what the git server takes
	secrets  map[string]string
	used     heard        // by those that are called
	out      bytes.Buffer // what the gateway answered
	gateway  *exec.Cmd
	admin    string
	public   string
}

// heard is what others were sent.
type heard struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (h *heard) add(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.texts == nil {
		h.texts = map[string]bool{}
	}
	h.texts[text] = true
}

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.texts[text]
}

// secret makes a secret that has to be escaped in URLs.
func (c *confidant) secret(name string) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	c.secrets[name] = "s3cr3t/+" + hex.EncodeToString(b[:])
	return c.secrets[name]
}

func newConfidant(t *testing.T) *confidant {
	c := &confidant{t: t, dir: t.TempDir(), secrets: map[string]string{}}
	c.password.Store("")
	c.work = filepath.Join(c.dir, "work")
	c.git(c.dir, "init", "-q", "--bare", "-b", "main", "models.git")
	c.git(c.dir, "init", "-q", "-b", "main", "work")
	c.git(c.work, "remote", "add", "origin", filepath.Join(c.dir, "models.git"))
	c.repo = testbed.HTTP(t, c.serveGit) + "/models.git"
	c.api = testbed.HTTP(t, c.serveForge)
	broken := testbed.TCP(t, c.serveBroken)
	c.write("work/deployments/echo.yaml", "schemaVersion: 1\nversions:\n  1: {url: "+broken+
		", headers: {Authorization: \"Bearer ${env:HEADER_SECRET}\", X-Key: \"${file:"+filepath.Join(c.dir, "header")+"}\"}}\n")
	c.write("work/endpoints/echo.yaml", "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: echo, version: 1}}}\n"+
		"mirrors: {m: {deployment: {branch: main, name: echo, version: 1}}}\naccess: public\n")
	c.write("work/endpoints/forwarded.yaml", "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: echo, version: 1}}}\n"+
		"mirrors: {m: {deployment: {branch: main, name: echo, version: 1}}}\nforwardKey: true\n"+
		"capture: {request: true, response: true, headers: [x-tenant]}\nassignment: {key: [header:x-tenant]}\n")
	key, hash := access.NewKey()
	c.secrets["API key"] = key
	c.write("work/keys/partner.yaml", "schemaVersion: 1\nhash: "+access.HashText(hash)+"\nendpoints: '*'\n")
	c.write("header", c.secret("header in a file")+"\n")
	c.commit("good")
	return c
}

func (c *confidant) git(dir string, args ...string) {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (c *confidant) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *confidant) commit(message string) {
	c.git(c.work, "add", "--all")
	c.git(c.work, "commit", "-q", "-m", message)
	c.git(c.work, "push", "-q", "origin", "main")
}

// serveGit serves the repository to those who know the password, and tells
// others what they said.
func (c *confidant) serveGit(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	c.used.add(password)
	if password != c.password.Load().(string) {
		w.Header().Set("X-You-Said", r.Header.Get("Authorization"))
		http.Error(w, user+" "+password+" "+r.Header.Get("Authorization"), http.StatusForbidden)
		return
	}
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + c.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		Stderr: io.Discard,
	}).ServeHTTP(w, r)
}

// serveForge gives tokens to apps, and refuses commit statuses with what it was sent.
func (c *confidant) serveForge(w http.ResponseWriter, r *http.Request) {
	authorization := r.Header.Get("Authorization")
	_, token, _ := strings.Cut(authorization, " ")
	c.used.add(token)
	if strings.Contains(r.URL.Path, "/access_tokens") && c.secrets["token of the app"] != "" {
		if c.password.Load().(string) == c.secrets["token of the app"] {
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(map[string]any{"token": c.secrets["token of the app"], "expires_at": time.Now().Add(time.Hour)})
			return
		}
	}
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(map[string]any{"message": "bad token " + token + " in " + authorization})
}

// serveBroken is a replica that answers with what it was sent, in a form that no
// HTTP client takes.
func (c *confidant) serveBroken(conn *net.TCPConn) {
	var heard []byte
	buf := make([]byte, 4<<10)
	for !bytes.Contains(heard, []byte("\r\n\r\n")) {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		heard = append(heard, buf[:n]...)
	}
	for line := range strings.Lines(string(heard)) {
		if _, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			c.used.add(strings.TrimPrefix(value, "Bearer "))
		}
	}
	said := strings.ReplaceAll(string(heard), "\r\n", " ")
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 %s\r\n%s\r\nContent-Length: %s\r\n\r\n", said, said, said)
}

func tokenFromEnvironment(_ *testing.T, c *confidant) (env, flags []string) {
	c.password.Store(c.secret("git token"))
	return []string{gitTokenEnv + "=" + c.secrets["git token"]}, []string{"--repo", c.repo}
}

func tokenFromFile(_ *testing.T, c *confidant) (env, flags []string) {
	c.password.Store(c.secret("git token"))
	return nil, []string{"--repo", c.repo, "--git-username", "ada", "--git-token-file", c.write("token", c.secrets["git token"]+"\n")}
}

func passwordFromStore(_ *testing.T, c *confidant) (env, flags []string) {
	c.password.Store(c.secret("basic password"))
	stored := strings.Replace(strings.TrimSuffix(c.repo, "/models.git"), "://", "://ada:"+url.QueryEscape(c.secrets["basic password"])+"@", 1)
	other := c.secret("password of another server")
	return nil, []string{"--repo", c.repo, "--git-credentials-file", c.write("store", "https://x:"+url.QueryEscape(other)+"@git.example.com\n"+stored+"\n")}
}

func tokenOfApp(t *testing.T, c *confidant) (env, flags []string) {
	c.password.Store(c.secret("token of the app"))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	c.secrets["key of the app"] = strings.Split(string(text), "\n")[1]
	return nil, []string{
		"--repo", c.repo, "--git-app-id", "12", "--git-app-installation", "34", "--git-app-key-file", c.write("app.pem", string(text)), "--git-app-api", c.api,
	}
}

func passphraseOfKey(t *testing.T, c *confidant) (env, flags []string) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(c.secret("the passphrase")))
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(block))
	c.secrets["the ssh key"] = strings.Split(text, "\n")[1]
	return []string{gitPassphraseEnv + "=" + c.secret("a wrong passphrase")}, []string{
		"--repo", "ssh://git@127.0.0.1:1/models.git", "--git-ssh-key-file", c.write("key", text), "--git-known-hosts-file", c.write("known_hosts", ""),
	}
}

// start starts the gateway and waits until it listens.
func (c *confidant) start(env, flags []string) {
	c.t.Helper()
	c.gateway = exec.Command("switchyard", append([]string{
		"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "debug", "--state", filepath.Join(c.dir, "state"),
		"--commit-status", "github", "--commit-status-api", c.api, "--commit-status-project", "o/r",
	}, flags...)...)
	c.gateway.Env = append(os.Environ(), append(env, "HEADER_SECRET="+c.secret("header in the environment"),
		webhookSecretEnv+"="+c.secret("webhook secret"), commitStatusTokenEnv+"="+c.secret("commit status token"))...)
	for name, to := range map[string]*io.Writer{"stdout": &c.gateway.Stdout, "stderr": &c.gateway.Stderr} {
		file, err := os.Create(filepath.Join(c.dir, name))
		if err != nil {
			c.t.Fatal(err)
		}
		defer file.Close()
		*to = file
	}
	if err := c.gateway.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = c.gateway.Process.Kill() })
	var begun []map[string]any
	if !poll(func() bool {
		begun = matching(filepath.Join(c.dir, "stdout"), []string{"event=start"})
		return len(begun) > 0
	}) {
		c.t.Fatalf("it did not start: %s", read(filepath.Join(c.dir, "stderr")))
	}
	c.public, c.admin = fmt.Sprintf("http://%v", begun[0]["listen"]), fmt.Sprintf("http://%v", begun[0]["admin"])
}

// call keeps the answer for the search.
func (c *confidant) call(method, url, body string, header ...string) int {
	c.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Fprintf(&c.out, "%s %s: %s\n%v\n", method, url, resp.Status, resp.Header)
	if _, err := io.Copy(&c.out, resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode
}

// live serves, has a revision refused, and can no longer read the repository.
func (c *confidant) live() {
	c.t.Helper()
	if !poll(func() bool { return c.call(http.MethodGet, c.admin+"/readyz", "") == http.StatusOK }) {
		c.t.Fatalf("it never served: %s", read(filepath.Join(c.dir, "stdout")))
	}
	if status := c.call(http.MethodPost, c.public+"/v1/echo", `{"data":1}`); status != http.StatusBadGateway {
		c.t.Errorf("a broken replica gave %d", status)
	}
	for _, field := range []string{"X-Api-Key", "Authorization"} {
		if status := c.call(http.MethodPost, c.public+"/v1/forwarded", `{"data":1}`, field, c.secrets["API key"], "X-Tenant", "t"); status != http.StatusBadGateway {
			c.t.Errorf("a broken replica that gets the key gave %d", status)
		}
	}
	c.write("work/deployments/echo.yaml", "schemaVersion: 1\nversions:\n  1: {url: http://127.0.0.1:1, headers: {X: \"${env:NOT_SET}\", Y: \"${env:HEADER_SECRET}\"}}\n")
	c.commit("bad")
	if status := c.call(http.MethodPost, c.admin+"/sync", ""); status != http.StatusConflict {
		c.t.Errorf("a bad revision gave %d", status)
	}
	if !poll(func() bool { return c.used.has(c.secrets["commit status token"]) }) {
		c.t.Error("the forge was not told")
	}
	for _, name := range []string{"header in a file", "header in the environment", "API key"} {
		if !poll(func() bool { return c.used.has(c.secrets[name]) }) {
			c.t.Errorf("the %s was not sent", name)
		}
	}
	if !c.used.has(c.password.Load().(string)) {
		c.t.Error("the git server was sent no password")
	}
	c.password.Store("another")
	if status := c.call(http.MethodPost, c.admin+"/sync", ""); status != http.StatusBadGateway {
		c.t.Errorf("a repository that cannot be read gave %d", status)
	}
}

// complain has hooks refused and asks for all that the gateway tells.
func (c *confidant) complain() {
	hook := c.secrets["webhook secret"]
	for _, header := range [][]string{{"X-Gitlab-Token", hook}, {"X-Gitlab-Token", hook + "x"}, {"X-Hub-Signature-256", "sha256=" + hook}} {
		c.call(http.MethodPost, c.public+"/-/webhook", `{"ref":"refs/heads/main"}`, header...)
	}
	c.call(http.MethodPost, c.admin+"/pin?commit=abcdef0", "")
	for _, page := range []string{
		"healthz", "readyz", "status", "endpoints", "metrics", "revisions", "records", "debug/pprof/cmdline", "debug/pprof/goroutine?debug=2",
	} {
		c.call(http.MethodGet, c.admin+"/"+page, "")
	}
}

// end ends the gateway and gives all that it has put out, by where.
func (c *confidant) end() map[string]string {
	c.t.Helper()
	if err := c.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.gateway.Wait(); err != nil {
		c.t.Errorf("it ended with %v", err)
	}
	found := map[string]string{"answers": c.out.String()}
	files, err := filepath.Glob(filepath.Join(c.dir, "state", "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(c.dir, "stdout"), filepath.Join(c.dir, "stderr")) {
		found[file] = read(file)
	}
	if !strings.Contains(found[filepath.Join(c.dir, "stdout")], `"event":"stop"`) {
		c.t.Error("the log has no end")
	}
	return found
}

// search looks for every secret, as it is and in the forms in which it is sent.
func (c *confidant) search(outputs map[string]string) {
	for name, secret := range c.secrets {
		forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), secret[:12]}
		for _, user := range []string{"git", "ada", "x-access-token"} {
			forms = append(forms, base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
		}
		if !strings.HasPrefix(secret, "s3cr3t") {
			forms = forms[:1] // of a key one line, or what callers show
		}
		for where, text := range outputs {
			for _, form := range forms {
				if i := strings.Index(text, form); i >= 0 {
					c.t.Errorf("the %s stands in %s: %q", name, where, text[max(0, i-200):min(len(text), i+60)])
					break
				}
			}
		}
	}
}
