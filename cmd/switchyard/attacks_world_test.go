package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// besieged is a gateway that is attacked, with all that it protects.
type besieged struct {
	t *testing.T
	*reader

	key, expired string // of callers; key is good for pricing and open
	leaked       string // another one, until it is revoked
	token        string // of the admin listener
	issuer       *tokentest.Issuer
	issued       tokentest.Key // of the issuer
	tokenFile    string
	tokenName    string
	linked       string // a link to tokenFile
	stateFile    string
	config       string // the configuration file
	sinkFile     string // a secret of a sink
	spooled      string // what waits for its receiver
	deployed     string // a secret that deployments get

	model, other, inside *watched
	receiver             *watched // of records
	admin                string
	settings             settings
	process              process
	said                 sync.Mutex
	answers              strings.Builder // that it has given
}

// besiege starts a gateway with keys, an admin token and secrets of deployments.
func besiege(t *testing.T) *besieged {
	t.Helper()
	b := &besieged{t: t, reader: newReader(t), token: "the-token-of-the-admin-listener", deployed: "the-secret-of-the-deployment"}
	b.inside = watchedServer(t, func(http.ResponseWriter, *http.Request) {})
	b.model = watchedServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		if r.URL.Path == "/base/stream" {
			goOn(w, r)
			return
		}
		if status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/base/redirect/")); err == nil {
			w.Header().Set("Location", b.inside.url+"/admin")
			w.WriteHeader(status)
		}
	})
	b.other = watchedServer(t, func(http.ResponseWriter, *http.Request) {})
	outside := t.TempDir()
	b.tokenName = "token"
	b.tokenFile, b.linked, b.stateFile = filepath.Join(outside, b.tokenName), filepath.Join(outside, "link"), filepath.Join(outside, "state", "secret")
	must0(t, os.WriteFile(b.tokenFile, []byte(b.token+"\n"), 0o600))
	must0(t, os.Symlink(b.tokenFile, b.linked))
	must0(t, os.Mkdir(filepath.Dir(b.stateFile), 0o700))
	must0(t, os.WriteFile(b.stateFile, []byte("kept"), 0o600))
	b.receiver = watchedServer(t, func(http.ResponseWriter, *http.Request) {})
	b.config, b.sinkFile, b.spooled = filepath.Join(outside, "switchyard.yaml"), filepath.Join(outside, "webhook"), filepath.Join(outside, "spool", "waits")
	must0(t, os.Mkdir(filepath.Dir(b.spooled), 0o700))
	must0(t, os.WriteFile(b.config, fmt.Appendf(nil, "sinks: [{name: away, webhook: {url: %s, headers: {X-Key: \"${file:%s}\", X-Other: \"${env:SINK_SECRET}\"}}, spool: {dir: %s}}]\n",
		b.receiver.url, b.sinkFile, filepath.Dir(b.spooled)), 0o600))
	must0(t, os.WriteFile(b.sinkFile, []byte("the-secret-of-the-sink"), 0o600))
	b.issuer = tokentest.New(t)
	b.issued = b.issuer.RSA("issued")
	b.commitWorld()
	b.process = process{env: environment{
		"SWITCHYARD_LISTEN=127.0.0.1:0", "SWITCHYARD_H2C=true", "SWITCHYARD_ADMIN=127.0.0.1:0", "SWITCHYARD_ADMIN_TOKEN_FILE=" + b.tokenFile,
		"SWITCHYARD_STATE=" + filepath.Dir(b.stateFile), "MODEL_SECRET=" + b.deployed,
		"SINK_SECRET=another-secret-of-the-sink", "OTEL_EXPORTER_OTLP_HEADERS=authorization=collector", "HTTPS_PROXY=http://user:password@proxy.example",
		"SWITCHYARD_TOKEN_ISSUER=" + b.issuer.URL, "SWITCHYARD_TOKEN_AUDIENCE=switchyard", "SWITCHYARD_TOKEN_ENDPOINTS_CLAIM=endpoints",
	}, stdout: &b.records, stderr: io.Discard}
	b.start()
	must0(t, os.WriteFile(b.spooled, []byte("waits"), 0o600))
	return b
}

func must0(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *besieged) commitWorld() {
	write := func(path, format string, args ...any) {
		b.write(path, "schemaVersion: 1\n"+fmt.Sprintf(format, args...))
	}
	alias := "backends: {only: {deployment: {branch: main, name: %s, version: 1}}}\n%s\n"
	write("endpoints/pricing.yaml", alias, "model", "")
	write("endpoints/open.yaml", alias, "model", "access: public")
	write("endpoints/paged.yaml", alias, "model", "access: public\ncors: {origins: [https://app.example.com], credentials: true}")
	write("endpoints/rated.yaml", alias, "model", "access: public\nrateLimit: {requests: 20, per: 1h}")
	write("endpoints/narrow.yaml", alias, "model", "access: public\nmaxInFlightBytes: 100\nassignment: {key: body:/user}")
	write("endpoints/secret.yaml", alias, "other", "path: /hidden")
	write("deployments/model.yaml", "versions: {1: {url: %s/base, headers: {X-Model: \"${env:MODEL_SECRET}\"}}}\n", b.model.url)
	write("deployments/other.yaml", "versions: {1: {url: %s}}\n", b.other.url)
	key, hash := access.NewKey()
	expired, old := access.NewKey()
	leaked, known := access.NewKey()
	b.key, b.expired, b.leaked = key, expired, leaked
	write("keys/partner.yaml", "hash: %s\nendpoints: [pricing, open]\n", access.HashText(hash))
	write("keys/leaked.yaml", "hash: %s\nendpoints: pricing\n", access.HashText(known))
	write("keys/old.yaml", "hash: %s\nendpoints: '*'\nexpires: 2020-01-01\n", access.HashText(old))
	b.git("git init -q -b main && git add --all && git commit -qm World")
}

// start runs the gateway until the test ends.
func (b *besieged) start() {
	var err error
	b.settings, err = layers{env: b.process.env, file: b.config, flags: map[string]string{"repo": b.dir}}.resolve()
	must0(b.t, err)
	o := serveOptions(b.process, b.settings)
	must0(b.t, adminOptions(b.process, b.settings, &o))
	must0(b.t, tokenOptions(b.settings, &o))
	o.Console, err = consoleOptions(b.process, b.settings)
	must0(b.t, err)
	started := make(chan serve.Addresses, 1)
	o.Started = func(at serve.Addresses) { started <- at }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, o) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	select {
	case at := <-started:
		b.listen, b.admin = at.Listen, at.Admin
	case err := <-ended:
		b.t.Fatalf("serve ended: %v", err)
	}
	if !poll(func() bool { return strings.Contains(b.records.String(), `"event":"swap"`) }) {
		b.t.Fatalf("nothing serves: %s", b.records.String())
	}
	if got := b.send(sent{path: "/v1/pricing", fields: []string{"Authorization: " + b.key}}); got.status != http.StatusOK {
		b.t.Fatalf("a good key is answered with %d: %s", got.status, got.text)
	}
	if !poll(func() bool { return strings.Contains(b.records.String(), "the keys of the issuer were read") }) {
		b.t.Fatalf("the keys of the issuer are not read: %s", b.records.String())
	}
	if got := b.send(sent{path: "/v1/pricing", fields: []string{"Authorization: Bearer " + b.goodToken()}}); got.status != http.StatusOK {
		b.t.Fatalf("a good token is answered with %d: %s", got.status, got.text)
	}
}

// goodToken is a token that is good for pricing and open.
func (b *besieged) goodToken() string {
	return b.issuer.Token(b.issued, "switchyard", map[string]any{"endpoints": []string{"pricing", "open"}})
}

// sent is a request as it is written to the wire, byte by byte.
type sent struct {
	method string // POST if empty
	path   string
	fields []string // NAME: VALUE
	body   string   // as it is written, with its framing; empty: there is none
}

type gotten struct {
	status int
	text   string
	header http.Header
}

func (b *besieged) send(s sent) gotten      { return b.exchange(b.listen, s) }
func (b *besieged) sendAdmin(s sent) gotten { return b.exchange(b.admin, s) }

// exchange writes the request on a connection of its own: no client puts right
// what is wrong in it.
func (b *besieged) exchange(address string, s sent) gotten {
	b.t.Helper()
	c, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", address)
	must0(b.t, err)
	defer c.Close()
	must0(b.t, c.SetDeadline(time.Now().Add(patience)))
	method := s.method
	if method == "" {
		method = http.MethodPost
	}
	head := method + " " + s.path + " HTTP/1.1\r\nHost: gateway.example\r\n"
	if s.body == "" {
		head += "Content-Length: 0\r\n"
	}
	for _, field := range s.fields {
		head += field + "\r\n"
	}
	if !strings.Contains(head, "\r\nConnection:") {
		head += "Connection: close\r\n"
	}
	_, err = io.WriteString(c, head+"\r\n"+s.body)
	must0(b.t, err)
	request := &http.Request{Method: method}
	res, err := http.ReadResponse(bufio.NewReader(c), request)
	if err != nil {
		b.t.Errorf("%s %q: %v", method, s.path, err)
		return gotten{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must0(b.t, err)
	var header strings.Builder
	must0(b.t, res.Header.Write(&header))
	b.said.Lock()
	defer b.said.Unlock()
	b.answers.WriteString(header.String() + string(body) + "\n")
	return gotten{res.StatusCode, string(body), res.Header}
}

// serves reports whether a revision would serve in which a deployment gets that
// value in a header.
func (b *besieged) serves(value string) bool {
	header := "{X-Stolen: " + strconv.Quote(value) + "}"
	return b.acceptable("versions: {1: {url: http://127.0.0.1:1/, headers: "+header+"}}\n") ||
		b.acceptable("versions: {1: {url: http://127.0.0.1:1/, headers: {add: "+header+"}}}\n")
}

func (b *besieged) servesURL(url string) bool {
	return b.acceptable("versions: {1: {url: " + strconv.Quote(url) + "}}\n")
}

func (b *besieged) acceptable(document string) bool {
	b.t.Helper()
	b.write("deployments/thief.yaml", "schemaVersion: 1\n"+document)
	defer os.Remove(filepath.Join(b.dir, "deployments", "thief.yaml"))
	rev, err := readWorkTree(b.t.Context(), b.process, b.dir, "main")
	must0(b.t, err)
	_, problems := gateway.Check(rev, secrets(b.process, b.settings))
	for _, p := range problems {
		if strings.Contains(p.String(), b.token) || strings.Contains(p.String(), "kept") {
			b.t.Errorf("a diagnostic tells a secret: %s", p)
		}
	}
	return len(problems) == 0
}

// searchSecrets looks for every secret in all that the process has said.
func (b *besieged) searchSecrets() (tried, found int) {
	outputs := map[string]string{"the log": b.records.String(), "answers": b.answers.String()}
	for _, path := range []string{"/status", "/endpoints", "/metrics", "/revisions", "/healthz", "/readyz", "/debug/pprof/cmdline"} {
		outputs[path] = b.sendAdmin(sent{method: http.MethodGet, path: path, fields: []string{"Authorization: Bearer " + b.token}}).text
	}
	outputs["options"] = fmt.Sprintf("%+v", b.settings)
	for name, text := range outputs {
		for what, secret := range map[string]string{"a caller's token": "eyJ", "a key": b.key, "an expired key": b.expired, "a revoked key": b.leaked, "the token": b.token, "a deployment's secret": b.deployed} {
			tried++
			if strings.Contains(text, secret) {
				b.t.Errorf("%s is in %s", what, name)
				found++
			}
		}
	}
	return tried, found
}
