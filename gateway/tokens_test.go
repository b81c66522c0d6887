package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// trusted is a verifier of an issuer's tokens, with its keys.
func trusted(t *testing.T, i *tokentest.Issuer, claim string) *token.Verifier {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	v, err := token.New(token.Options{Issuer: i.URL, Audiences: []string{"switchyard"}, EndpointsClaim: claim, Transport: transport, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { v.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	testbed.Eventually(t, "the keys are read", func() bool { return v.Status().Keys > 0 })
	return v
}

func TestTokensStandInPlaceOfKeys(t *testing.T) {
	i, other := tokentest.New(t), tokentest.New(t)
	k := i.EC("k")
	good := i.Token(k, "switchyard", map[string]any{"endpoints": []string{"pricing*", "free"}})
	theirs := other.Token(other.EC("k"), "switchyard", nil)
	expired := i.Token(k, "switchyard", map[string]any{"exp": 1})
	secret := jose.JSONWebKey{Key: make([]byte, 32)} // of an application and its deployment
	anonymous := tokentest.Sign(t, jose.HS256, secret, map[string]any{"sub": "u"})
	pretended := tokentest.Sign(t, jose.HS256, secret, i.Claims("switchyard", nil))
	key, document := newKey("endpoints: '*'")
	r := newReplica(t, "v1")
	s := newStage(t, options{tokens: trusted(t, i, "endpoints")})
	s.serve(files{
		"endpoints/pricing.yaml": aliasOf("model", ""), "endpoints/users.yaml": aliasOf("model", ""), "endpoints/free.yaml": aliasOf("model", "access: public"),
		"endpoints/pricing_forwarded.yaml": aliasOf("model", "forwardKey: true"), "deployments/model.yaml": deployment(r.url), "keys/k.yaml": document,
	})
	for _, c := range []struct {
		name, path    string
		header        []string
		status        int
		error, passed string
	}{
		{"good", "/v1/pricing", []string{"Authorization", "Bearer " + good}, 200, "", ""},
		{"good, in the other field", "/v1/pricing", []string{"X-Api-Key", good}, 200, "", ""},
		{"passed on where it is asked for", "/v1/pricing_forwarded", []string{"Authorization", "Bearer " + good}, 200, "", "Bearer " + good},
		{"a key", "/v1/pricing", []string{"Authorization", key}, 200, "", ""},
		{"public", "/v1/free", nil, 200, "", ""},
		{"public, the deployment's own token", "/v1/free", []string{"Authorization", "Bearer " + theirs}, 200, "", "Bearer " + theirs},
		{"public, a token that names no issuer", "/v1/free", []string{"Authorization", "Bearer " + anonymous}, 200, "", "Bearer " + anonymous},
		{"public, but it says it is the issuer's", "/v1/free", []string{"Authorization", "Bearer " + pretended}, 401, "malformed", ""},
		{"a token that names no issuer", "/v1/pricing", []string{"Authorization", "Bearer " + anonymous}, 401, "not of the issuer", ""},
		{"public, but it has expired", "/v1/free", []string{"Authorization", "Bearer " + expired}, 401, "expired", ""},
		{"nothing", "/v1/pricing", nil, 401, "needs an API key", ""},
		{"another issuer", "/v1/pricing", []string{"Authorization", "Bearer " + theirs}, 401, "not of the issuer", ""},
		{"expired", "/v1/pricing", []string{"Authorization", "Bearer " + expired}, 401, "expired", ""},
		{"another endpoint", "/v1/users", []string{"Authorization", "Bearer " + good}, 403, "not good for the endpoint", ""},
		{"a key beside it", "/v1/pricing", []string{"Authorization", "Bearer " + good, "X-Api-Key", key}, 401, "more than one", ""},
		{"in the query", "/v1/pricing?access_token=" + good, nil, 401, "must not stand in a URL", ""},
		{"in the path", "/v1/pricing/" + good, []string{"Authorization", "Bearer " + good}, 401, "must not stand in a URL", ""},
	} {
		before := len(r.requests())
		got := s.post(c.path, "{}", c.header...)
		if got.status != c.status || !strings.Contains(got.body, c.error) {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
			continue
		}
		after := r.requests()[before:]
		if c.status != http.StatusOK {
			if len(after) > 0 {
				t.Errorf("%s: the deployment was asked", c.name)
			}
			continue
		}
		if len(after) != 1 || after[0].header.Get("Authorization") != c.passed || after[0].header.Get("X-Api-Key") != "" {
			t.Errorf("%s: the deployment got %v", c.name, after)
		}
	}
	records := s.written(7, func(f fields) bool { return f["event"] == "inference" })
	if records[0]["keyName"] != "jwt:user-1" || records[3]["keyName"] != "k" || records[4]["keyName"] != nil {
		t.Errorf("key names: %v, %v, %v", records[0]["keyName"], records[3]["keyName"], records[4]["keyName"])
	}
	s.stop()
	s.drained()
	if log := s.log.String(); strings.Contains(log, "eyJ") {
		t.Errorf("a token is in the log:\n%s", log)
	}
}

func TestClaimsAreSubjects(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	s := newStage(t, options{tokens: trusted(t, i, "")})
	s.serve(files{"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}, b: {static: 2}}\nassignment: {key: [jwt:tenant, jwt:sub]}\n"})
	for _, c := range []struct {
		more map[string]any
		want string
	}{{map[string]any{"tenant": 7}, "7"}, {map[string]any{"sub": "user-2"}, "user-2"}} {
		for range 3 {
			s.post("/v1/pricing", `{"tenant": "forged"}`, "Authorization", "Bearer "+i.Token(k, "switchyard", c.more), "Tenant", "forged")
		}
		backends := map[any]bool{}
		for _, f := range s.written(3, func(f fields) bool { return f["subjectId"] == c.want }) {
			backends[f["backend"]] = true
		}
		if len(backends) != 1 {
			t.Errorf("the subject %s meets %v", c.want, backends)
		}
	}
}

func TestAnIssuerThatIsAwayIsNoFaultOfTheCaller(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	v, err := token.New(token.Options{Issuer: i.URL, Audiences: []string{"switchyard"}, Patience: 1, Logger: zerolog.Nop()}) // and nothing reads its keys
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, options{tokens: v})
	s.serve(files{"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\n"})
	got := s.post("/v1/pricing", "{}", "Authorization", "Bearer "+i.Token(k, "switchyard", nil))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

func TestOpenAIAsksForTheKeyFirst(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	key, document := newKey("endpoints: [chat]")
	slow, slowDocument := newKey("endpoints: '*'\nrateLimit: {requests: 1, per: 1h}")
	f := files{
		"endpoints/chat.yaml": aliasOf("model", ""), "endpoints/secret.yaml": aliasOf("model", ""),
		"deployments/model.yaml": deployment(r.url), "keys/k.yaml": document, "keys/slow.yaml": slowDocument,
	}
	s.serve(f)
	s.post("/openai/v1/chat/completions", `{"model": "chat"}`, "Authorization", "Bearer "+slow)
	stranger, _ := newKey("")
	for _, c := range []struct {
		name, key, body string
		status          int
		kind, code      string
	}{
		{"no key", "", `{"model": "chat"}`, 401, "authentication_error", "invalid_api_key"},
		{"unknown key", stranger, `{"model": "chat"}`, 401, "authentication_error", "invalid_api_key"},
		{"another's model", key, `{"model": "secret"}`, 403, "permission_error", ""},
		{"limit", slow, `{"model": "chat"}`, 429, "rate_limit_error", "rate_limit_exceeded"},
		{"good", key, `{"model": "chat"}`, 200, "", ""},
	} {
		header := []string{}
		if c.key != "" {
			header = []string{"Authorization", "Bearer " + c.key}
		}
		got := s.post("/openai/v1/chat/completions", c.body, header...)
		var said struct {
			Error struct{ Message, Type, Code string }
		}
		if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.status != c.status || said.Error.Type != c.kind || said.Error.Code != c.code {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	for body, want := range map[string]int{"": http.StatusUnauthorized, stranger: http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway/openai/v1/chat/completions", unread{t})
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Api-Key", body)
		w := newRecorder()
		s.gateway.ServeHTTP(w, request)
		if w.status != want {
			t.Errorf("%d", w.status)
		}
	}
	for _, c := range []struct {
		key  string
		want []string
	}{{"", nil}, {key, []string{"chat"}}, {slow, []string{"chat", "secret"}}} {
		got := s.do(http.MethodGet, "/openai/v1/models", nil, "Authorization", c.key)
		for _, name := range []string{"chat", "secret"} {
			one := s.do(http.MethodGet, "/openai/v1/models/"+name, nil, "Authorization", c.key)
			listed := strings.Contains(got.body, `"id":"`+name+`"`)
			if want := strings.Contains(strings.Join(c.want, " "), name); listed != want || (one.status == http.StatusOK) != want {
				t.Errorf("with %q, %s is listed: %v, and shown: %d %s", c.key, name, listed, one.status, one.body)
			}
		}
	}
	delete(f, "endpoints/secret.yaml")
	f["endpoints/open.yaml"] = aliasOf("model", "access: public")
	s.serve(f)
	if got := s.post("/openai/v1/chat/completions", `{"model": "open"}`); got.status != http.StatusOK {
		t.Errorf("a public model: %d %s", got.status, got.body)
	}
	if got := s.post("/openai/v1/chat/completions", `{"model": "chat"}`); got.status != http.StatusUnauthorized {
		t.Errorf("another one beside it: %d %s", got.status, got.body)
	}
}

// recorder is what a handler answers.
type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder { return &recorder{header: http.Header{}} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestRefusedCallersAreInTheLog(t *testing.T) {
	s := newStage(t, options{})
	key, document := newKey("endpoints: [other]")
	s.serve(files{"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\n", "endpoints/other.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\n", "keys/partner.yaml": document})
	began := time.Now()
	s.post("/v1/pricing/"+key, "{}")
	s.post("/v1/pricing", "{}", "Authorization", key)
	told := func() (all []fields) {
		for _, f := range testbed.Lines[fields](t, s.log) {
			if f["event"] == "refused" {
				all = append(all, f)
			}
		}
		return all
	}
	testbed.Eventually(t, "the log tells of them", func() bool { return len(told()) == 2 })
	one, two := told()[0], told()[1]
	if one["reason"] != "key_in_url" || one["path"] != "/v1/pricing/sy_***" || one["status"] != 401.0 || one["endpoint"] != "pricing" || one["remote"] == nil || one["keyName"] != nil {
		t.Errorf("%v", one)
	}
	if two["reason"] != "wrong_endpoint" || two["keyName"] != "partner" || two["status"] != 403.0 || two["requestId"] == nil || two["method"] != "POST" {
		t.Errorf("%v", two)
	}
	for range 300 {
		s.post("/v1/pricing", "{}")
	}
	testbed.Eventually(t, "the log tells of many of them", func() bool { return len(told()) >= 100 })
	if n, most := len(told()), 100+10*time.Since(began).Seconds(); float64(n) > most+1 {
		t.Errorf("the log tells of %d of 302, and should of %.0f at most", n, most)
	}
	if strings.Contains(s.log.String(), key) {
		t.Error("a key is in the log")
	}
}
