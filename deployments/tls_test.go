package deployments_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// soon is when certificates end that last as long as any test.
func soon() time.Time { return time.Now().Add(time.Hour) }

// secureServer is a server of HTTPS at 127.0.0.1 whose certificate is for the
// hosts. With callers, it asks for certificates of theirs that they signed. It
// answers with the name of its caller.
func secureServer(t *testing.T, a, callers *testbed.Authority, hosts ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proto", r.Proto)
		if len(r.TLS.PeerCertificates) > 0 {
			w.Header().Set("Caller", r.TLS.PeerCertificates[0].DNSNames[0])
		}
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.Certificate(hosts...)}}
	if callers != nil {
		s.TLS.ClientCAs, s.TLS.ClientAuth = callers.Pool(), tls.RequireAndVerifyClientCert
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// load loads the one version of a document, whose placeholders of files are files.
func load(t *testing.T, document string) (*deployments.Version, schema.Diagnostics) {
	t.Helper()
	set, problems := deployments.Load(
		schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": tree("deployments/m.yaml", document)}},
		deployments.Secrets{File: func(path string) (string, error) {
			text, err := os.ReadFile(path)
			return string(text), err
		}})
	if len(problems) > 0 {
		return nil, problems
	}
	r, problems := set.Resolve(ref("main", "m", schema.Version{Number: 1}))
	return r.Version, problems
}

// versionAt is load where nothing is wrong, of one version with these keys.
func versionAt(t *testing.T, url, keys string) *deployments.Version {
	t.Helper()
	v, problems := load(t, fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q, %s}}\n", url, keys))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return v
}

// callAt sends a request to the replica of a version.
func callAt(t *testing.T, p *deployments.Pool, v *deployments.Version, use deployments.Use) (*http.Response, error) {
	t.Helper()
	r := p.Bind(v, use).Pick()
	if r == nil {
		return nil, errors.New("no replica is up")
	}
	defer r.Release()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL().String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
	}
	return res, err
}

// Whoever is met over https proves what the version says: live, as a mirror, and
// when it is asked whether it is well.
func TestTLSSaysWhoIsTrusted(t *testing.T) {
	ours, others := testbed.NewAuthority(t), testbed.NewAuthority(t)
	cert, key := ours.Issue(t.TempDir(), "gateway", soon(), "gateway.internal")
	local, named := secureServer(t, ours, nil, "127.0.0.1"), secureServer(t, ours, nil, "models.internal")
	closed := secureServer(t, ours, ours, "127.0.0.1")
	ca := fmt.Sprintf("ca: %q", "${file:"+ours.File()+"}")
	pair := fmt.Sprintf("cert: %q, key: %q", "${file:"+cert+"}", "${file:"+key+"}")
	for name, tt := range map[string]struct {
		at   *httptest.Server
		keys string
		want string // of the error; empty: none
	}{
		"the system trusts it not":   {local, "", "unknown authority"},
		"its authority":              {local, "tls: {" + ca + "}", ""},
		"another authority":          {local, fmt.Sprintf("tls: {ca: %q}", "${file:"+others.File()+"}"), "unknown authority"},
		"another name":               {named, "tls: {" + ca + "}", "127.0.0.1"},
		"the name that is said":      {named, "tls: {serverName: models.internal, " + ca + "}", ""},
		"not the name that is said":  {local, "tls: {serverName: models.internal, " + ca + "}", "models.internal"},
		"a name, no authority":       {named, "tls: {serverName: models.internal}", "unknown authority"},
		"insecure":                   {named, "tls: {insecure: true}", ""},
		"a certificate is asked for": {closed, "tls: {" + ca + "}", ":"}, // whatever of its goodbye arrives
		"a certificate is shown":     {closed, "tls: {" + ca + ", " + pair + "}", ""},
		"insecure with one's own":    {closed, "tls: {insecure: true, " + pair + "}", ""},
		"HTTP/1.1":                   {local, "protocol: http1, tls: {" + ca + "}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := deployments.NewPool(deployments.PoolOptions{})
			defer p.Close()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			defer func() { cancel(); <-ended }()
			v := versionAt(t, tt.at.URL, "health: {path: /, interval: 100ms}, "+tt.keys)
			for _, use := range []deployments.Use{{}, {Endpoint: "e", Mirror: "m"}} {
				res, err := callAt(t, p, v, use)
				switch {
				case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("%v: %v, want %q", use, err, tt.want)
				case err != nil:
				case res.Header.Get("Proto") != "HTTP/2.0" && !strings.Contains(tt.keys, "http1"):
					t.Errorf("%v: spoken was %s", use, res.Header.Get("Proto"))
				case strings.Contains(tt.keys, "cert:") && res.Header.Get("Caller") != "gateway.internal":
					t.Errorf("%v: the caller is %q", use, res.Header.Get("Caller"))
				}
			}
			r := p.Bind(v, deployments.Use{}).Replicas()[0]
			testbed.Eventually(t, "the replica was asked", func() bool { return r.State().Check != nil })
			if c := r.State().Check; c.Passed != (tt.want == "") {
				t.Errorf("the check: %+v", c)
			}
		})
	}
}

// Certificates are exchanged under a gateway that goes on serving.
func TestTLSFilesAreReadAgain(t *testing.T) {
	first, second := testbed.NewAuthority(t), testbed.NewAuthority(t)
	dir, ca := t.TempDir(), first.File()
	cert, key := first.Issue(dir, "gateway", soon(), "first.gateway")
	at := secureServer(t, first, first, "127.0.0.1")
	v := versionAt(t, at.URL, fmt.Sprintf("protocol: http1, tls: {ca: %q, cert: %q, key: %q}",
		"${file:"+ca+"}", "${file:"+cert+"}", "${file:"+key+"}"))
	p := deployments.NewPool(deployments.PoolOptions{})
	defer p.Close()
	anew := func() (*http.Response, error) {
		at.CloseClientConnections()
		return callAt(t, p, v, deployments.Use{})
	}
	if res, err := anew(); err != nil || res.Header.Get("Caller") != "first.gateway" {
		t.Fatalf("%v %v", res, err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first.Issue(dir, "gateway", soon(), "second.gateway") // over the files of before
	testbed.Eventually(t, "the gateway shows its new certificate", func() bool {
		res, err := anew()
		return err == nil && res.Header.Get("Caller") == "second.gateway"
	})
	good, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := os.ReadFile(second.File())
	if err != nil {
		t.Fatal(err)
	}
	write(ca, string(stranger))
	testbed.Eventually(t, "the old authority is trusted no more", func() bool {
		_, err := anew()
		return err != nil && strings.Contains(err.Error(), "unknown authority")
	})
	write(ca, "half a file")
	write(ca, string(good))
	testbed.Eventually(t, "it is trusted again", func() bool {
		_, err := anew()
		return err == nil
	})
}

// What cannot be used is said where it is named, and tells nothing of what it
// holds.
func TestTLSFilesAreChecked(t *testing.T) {
	a := testbed.NewAuthority(t)
	cert, key := a.Issue(t.TempDir(), "it", soon(), "it")
	_, other := a.Issue(t.TempDir(), "it", soon(), "it")
	junk := t.TempDir() + "/junk.pem"
	if err := os.WriteFile(junk, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for keys, want := range map[string]string{
		`ca: "${file:/nowhere/ca.pem}"`:                            `deployments/m.yaml:2:43: tls: ${file:/nowhere/ca.pem}: the file does not exist where the gateway runs [secret]`,
		`ca: "${file:` + junk + `}"`:                               `deployments/m.yaml:2:43: tls: ${file:` + junk + `}: there is no certificate in PEM in it [secret]`,
		`cert: "${file:` + cert + `}", key: "${file:` + key + `}"`: "",
		`cert: "${file:` + cert + `}", key: "${file:` + other + `}"`: `deployments/m.yaml:2:45: tls: ${file:` + cert +
			`}: with the key of ${file:` + other + `}: private key does not match public key [secret]`,
		`cert: "${file:` + junk + `}", key: "${file:` + key + `}"`: `deployments/m.yaml:2:45: tls: ${file:` + junk +
			`}: with the key of ${file:` + key + `}: failed to find any PEM data in certificate input [secret]`,
	} {
		_, problems := load(t, "schemaVersion: 1\nversions: {1: {url: https://h/, tls: {"+keys+"}}}\n")
		got := ""
		if len(problems) > 0 {
			got = problems.Err().Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", keys, diff)
		}
	}
}

// Versions that trust others share no connections, whatever their URL.
func TestTLSKeepsConnectionsApart(t *testing.T) {
	a := testbed.NewAuthority(t)
	at := secureServer(t, a, nil, "127.0.0.1")
	p := deployments.NewPool(deployments.PoolOptions{})
	defer p.Close()
	trusting := versionAt(t, at.URL, fmt.Sprintf("tls: {ca: %q}", "${file:"+a.File()+"}"))
	if _, err := callAt(t, p, trusting, deployments.Use{}); err != nil {
		t.Fatal(err)
	}
	if _, err := callAt(t, p, versionAt(t, at.URL, "balance: round-robin"), deployments.Use{}); err == nil {
		t.Error("a version that trusts the system only reached a server that it does not trust")
	}
	again := versionAt(t, at.URL, fmt.Sprintf("headers: {x: y}, tls: {ca: %q}", trusting.TLS.Declared().CA.V))
	if p.Bind(again, deployments.Use{}).Replicas()[0] != p.Bind(trusting, deployments.Use{}).Replicas()[0] {
		t.Error("versions that say the same have other replicas")
	}
}
