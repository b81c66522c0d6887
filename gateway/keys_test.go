package gateway_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// newKey makes a key and its document.
func newKey(rest string) (text, document string) {
	text, hash := access.NewKey()
	return text, "schemaVersion: 1\nhash: " + access.HashText(hash) + "\n" + rest + "\n"
}

// aliasOf is an endpoint with one deployment, and what else it says.
func aliasOf(deployment, rest string) string {
	return "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: " + deployment + ", version: 1}}}\n" + rest + "\n"
}

func TestKeysAreAskedForAsSoonAsThereIsOne(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	f := files{
		"endpoints/pricing.yaml": aliasOf("model", ""), "endpoints/users.yaml": aliasOf("model", ""),
		"endpoints/free.yaml": aliasOf("model", "access: public"), "endpoints/maybe.yaml": aliasOf("model", "access: optional"),
		"deployments/model.yaml": deployment(r.url),
	}
	s.serve(f)
	if got := s.post("/v1/pricing", "{}", "Authorization", "Bearer of the deployment"); got.status != http.StatusOK {
		t.Fatalf("without any keys: %d %s", got.status, got.body)
	}
	if got := r.requests()[0].header.Get("Authorization"); got != "Bearer of the deployment" {
		t.Errorf("the deployment got the credential %q", got)
	}
	good, document := newKey("endpoints: ['pricing*', free, maybe]")
	expired, expiredDocument := newKey("endpoints: '*'\nexpires: 2020-01-01")
	stranger, _ := access.NewKey()
	other, _ := access.NewKey()
	looksLikeOne := "Zm9v" + other + "YmFy" // letters of base64url, as a token has them
	f["keys/good.yaml"], f["keys/old.yaml"] = document, expiredDocument
	s.serve(f)
	for _, c := range []struct {
		name, path    string
		header        []string
		status        int
		error, passed string // what the deployment gets as Authorization
	}{
		{"plain", "/v1/pricing", []string{"Authorization", good}, 200, "", ""},
		{"bearer", "/v1/pricing", []string{"Authorization", "Bearer " + good}, 200, "", ""},
		{"bearer in capitals", "/v1/pricing", []string{"Authorization", "BEARER  " + good}, 200, "", ""},
		{"field of its own", "/v1/pricing", []string{"X-API-Key", good}, 200, "", ""},
		{"the deployment's beside it", "/v1/pricing", []string{"X-API-Key", good, "Authorization", "Bearer theirs"}, 200, "", "Bearer theirs"},
		{"none", "/v1/pricing", nil, 401, "needs an API key", ""},
		{"unknown", "/v1/pricing", []string{"Authorization", stranger}, 401, "not known", ""},
		{"no key at all", "/v1/pricing", []string{"Authorization", "Basic dXNlcjpwYXNz"}, 401, "not known", ""},
		{"hash", "/v1/pricing", []string{"Authorization", access.HashText(access.Hash(good))}, 401, "not known", ""},
		{"expired", "/v1/pricing", []string{"Authorization", expired}, 401, "expired", ""},
		{"two", "/v1/pricing", []string{"Authorization", good, "X-API-Key", good}, 401, "more than one", ""},
		{"twice in one field", "/v1/pricing", []string{"Authorization", good + ", Bearer " + good}, 401, "among other things", ""},
		{"public, in quotes", "/v1/free", []string{"Authorization", `Bearer "` + good + `"`}, 401, "among other things", ""},
		{"public, in another scheme", "/v1/free", []string{"X-API-Key", "Token " + good}, 401, "among other things", ""},
		{"public, the deployment's, whose letters look like a key", "/v1/free?sign=" + looksLikeOne, []string{"Authorization", looksLikeOne}, 200, "", looksLikeOne},
		{"public, among others' letters", "/v1/free", []string{"Authorization", "abc" + good + "def"}, 401, "among other things", ""},
		{"in the query, among others' letters", "/v1/free?sign=abc" + good + "def", nil, 401, "must not stand in a URL", ""},
		{"another endpoint", "/v1/users", []string{"Authorization", good}, 403, `not good for the endpoint \"users\"`, ""},
		{"in the query", "/v1/pricing?key=" + good, []string{"Authorization", good}, 401, "must not stand in a URL", ""},
		{"in the path", "/v1/pricing/" + good, []string{"Authorization", good}, 401, "must not stand in a URL", ""},
		{"in the query, escaped", "/v1/free?key=%73y%5f" + good[3:], nil, 401, "must not stand in a URL", ""},
		{"in the query, behind a broken escape", "/v1/free?a=%zz%&key=%73y_" + good[3:], nil, 401, "must not stand in a URL", ""},
		{"in the path, escaped", "/v1/free/sy_%" + hex.EncodeToString([]byte(good[3:4])) + good[4:], nil, 401, "must not stand in a URL", ""},
		{"public without", "/v1/free", nil, 200, "", ""},
		{"public, the deployment's", "/v1/free", []string{"Authorization", "Bearer theirs"}, 200, "", "Bearer theirs"},
		{"public with", "/v1/free", []string{"Authorization", good}, 200, "", ""},
		{"public, unknown", "/v1/free", []string{"Authorization", stranger}, 401, "not known", ""},
		{"optional without", "/v1/maybe", nil, 200, "", ""},
		{"optional with", "/v1/maybe", []string{"X-API-Key", good}, 200, "", ""},
		{"optional, no key at all", "/v1/maybe", []string{"Authorization", "Bearer theirs"}, 401, "not known", ""},
	} {
		before := len(r.requests())
		got := s.post(c.path, "{}", c.header...)
		if got.status != c.status || !strings.Contains(got.body, c.error) {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
			continue
		}
		after := r.requests()[before:]
		if c.status != http.StatusOK {
			var contract struct{ Error, RequestID string }
			if err := json.Unmarshal([]byte(got.body), &contract); err != nil || contract.RequestID != got.header.Get("X-Request-Id") || len(after) > 0 {
				t.Errorf("%s: %s, and the deployment got %d requests", c.name, got.body, len(after))
			}
			if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == http.StatusUnauthorized) {
				t.Errorf("%s: WWW-Authenticate %v", c.name, challenged)
			}
			continue
		}
		if len(after) != 1 || after[0].header.Get("Authorization") != c.passed || after[0].header.Get("X-Api-Key") != "" {
			t.Errorf("%s: the deployment got %v", c.name, after)
		}
	}
	s.stop()
	s.drained()
	if log := s.log.String(); strings.Contains(log, good) || strings.Contains(log, good[4:]) || strings.Contains(log, stranger) || strings.Contains(log, expired) {
		t.Errorf("a key is in the log:\n%s", log)
	}
	if kinds := s.refusals(); kinds != 11 {
		t.Errorf("%d kinds of refusals are counted", kinds)
	}
}

// refusals is how many kinds of refusals the metrics have.
func (s *stage) refusals() int {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.gateway.Collector())
	families, err := registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "switchyard_access_refused_total" {
			return len(f.GetMetric())
		}
	}
	return 0
}

// drained waits until all that was written is in the log.
func (s *stage) drained() {
	s.t.Helper()
	testbed.Eventually(s.t, "the log is written", func() bool { return s.records.Lost().Total() == 0 && strings.HasSuffix(s.log.String(), "\n") })
}

func TestForwardKeyPassesTheKeyOn(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	key, document := newKey("endpoints: '*'")
	s.serve(files{
		"endpoints/pricing.yaml": aliasOf("model", "forwardKey: true"),
		"deployments/model.yaml": deployment(r.url), "keys/partner.yaml": document,
	})
	s.post("/v1/pricing", "{}", "Authorization", "Bearer "+key)
	if got := r.requests()[0].header.Get("Authorization"); got != "Bearer "+key {
		t.Errorf("the deployment got %q", got)
	}
}

func TestRecordsNameTheKeyOfLiveAndCopy(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "v2")
	s := newStage(t, options{})
	key, document := newKey("endpoints: '*'")
	s.serve(files{
		"endpoints/pricing.yaml": aliasOf("one", "mirrors: {mirror_1: {deployment: {branch: main, name: two, version: 1}}}\naccess: optional"),
		"deployments/one.yaml":   deployment(live.url), "deployments/two.yaml": deployment(copied.url), "keys/partner.yaml": document,
	})
	s.post("/v1/pricing", "{}", "Authorization", key)
	for _, f := range s.written(2, func(f fields) bool { return f["event"] == "inference" }) {
		if f["keyName"] != "partner" {
			t.Errorf("%v", f)
		}
	}
	for _, asked := range copied.requests() {
		if strings.Contains(strings.Join(asked.header["Authorization"], ""), key) {
			t.Error("a mirror got the key")
		}
	}
	s.post("/v1/pricing", "{}")
	for _, f := range s.written(4, func(f fields) bool { return f["event"] == "inference" })[2:] {
		if _, ok := f["keyName"]; ok {
			t.Errorf("a key is named that was not there: %v", f)
		}
	}
}

func TestRevokingIsACommit(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{access: schema.AccessRequired})
	key, document := newKey("endpoints: '*'")
	f := files{"endpoints/pricing.yaml": aliasOf("model", ""), "deployments/model.yaml": deployment(r.url), "keys/partner.yaml": document}
	s.serve(f)
	if got := s.post("/v1/pricing", "{}", "Authorization", key); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	delete(f, "keys/partner.yaml")
	s.serve(f)
	if got := s.post("/v1/pricing", "{}", "Authorization", key); got.status != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d", got.status)
	}
	if got := s.post("/v1/pricing", "{}"); got.status != http.StatusUnauthorized {
		t.Errorf("the last key is gone, and required is not: %d", got.status)
	}
}

func TestStrangersAreOfferedNoNames(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	_, document := newKey("endpoints: '*'")
	s.serve(files{"endpoints/pricing.yaml": aliasOf("model", ""), "deployments/model.yaml": deployment(r.url), "keys/partner.yaml": document})
	if got := s.post("/v1/pricng", "{}"); got.status != http.StatusNotFound || strings.Contains(got.body, `\"pricing\"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestLimitsOfKeysAndEndpoints(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	slow, slowDocument := newKey("endpoints: '*'\nrateLimit: {requests: 2, per: 1h}")
	small, smallDocument := newKey("endpoints: '*'\nmaxInFlightBytes: 10")
	f := files{
		"endpoints/pricing.yaml": aliasOf("model", ""), "endpoints/busy.yaml": aliasOf("model", "rateLimit: {requests: 1, per: 1h}"),
		"deployments/model.yaml": deployment(r.url), "keys/slow.yaml": slowDocument, "keys/small.yaml": smallDocument,
	}
	s.serve(f)
	for range 2 {
		if got := s.post("/v1/pricing", "{}", "Authorization", slow); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.serve(f) // a swap gives nothing back
	}
	got := s.post("/v1/pricing", "{}", "Authorization", slow)
	if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "rate limit of the API key") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if h := got.header; h.Get("Retry-After") != h.Get("RateLimit-Reset") || h.Get("Retry-After") == "" || h.Get("RateLimit-Limit") != "2" || h.Get("RateLimit-Remaining") != "0" {
		t.Errorf("%v", h)
	}
	if got := s.post("/v1/pricing", "12345678901", "Authorization", small); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "above 10 bytes") || got.header.Get("Retry-After") != "" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	unknown := struct{ io.Reader }{strings.NewReader("12345678901")} // sent in chunks
	if got := s.do(http.MethodPost, "/v1/pricing", unknown, "Authorization", small); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "above 10 bytes") || got.header.Get("Retry-After") != "" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	testbed.Eventually(t, "the rest of that body is read", func() bool {
		return s.post("/v1/pricing", "1234567890", "Authorization", small).status == http.StatusOK
	})
	for range 3 { // what ended is given back
		if got := s.post("/v1/pricing", "1234567890", "Authorization", small); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	s.post("/v1/busy", "{}", "Authorization", small)
	if got := s.post("/v1/busy", "{}", "Authorization", small); got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "rate limit of the endpoint") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTooManyAtATimeAreRefused(t *testing.T) {
	arrived, leave := make(chan struct{}, 1), make(chan struct{})
	slow := testbed.HTTP(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-leave
	})
	s := newStage(t, options{})
	s.serve(files{"endpoints/pricing.yaml": aliasOf("model", "maxInFlight: 1"), "deployments/model.yaml": deployment(slow)})
	first := make(chan int, 1)
	var caller sync.WaitGroup
	caller.Go(func() { first <- s.post("/v1/pricing", "{}").status })
	<-arrived
	got := s.post("/v1/pricing", "{}")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, "1 requests under way") {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	close(leave)
	caller.Wait()
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first: %d", status)
	}
	testbed.Eventually(t, "its place is free", func() bool { return s.post("/v1/pricing", "{}").status == http.StatusOK })
}

func TestPagesOfOtherOrigins(t *testing.T) {
	answered := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://evil.example")
		w.Header().Set("Vary", "Accept-Encoding")
	})
	s := newStage(t, options{})
	key, document := newKey("endpoints: '*'")
	s.serve(files{
		"endpoints/pricing.yaml": aliasOf("model", "cors: {origins: [https://app.example.com], headers: [authorization], credentials: true, maxAge: 1h}"),
		"deployments/model.yaml": deployment(answered), "keys/partner.yaml": document,
	})
	const app = "https://app.example.com"
	if got := s.do(http.MethodOptions, "/v1/pricing", nil, "Origin", app, "Access-Control-Request-Method", "", "Authorization", key); got.status != http.StatusOK || got.header.Get("X-Switchyard-Backend") != "only" {
		t.Errorf("no preflight request, which names no method: %d %v", got.status, got.header)
	}
	asked := s.do(http.MethodOptions, "/v1/pricing", nil, "Origin", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if h := asked.header; asked.status != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Methods") != "POST" ||
		h.Get("Access-Control-Allow-Headers") != "authorization" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Access-Control-Max-Age") != "3600" {
		t.Errorf("preflight: %d %v", asked.status, h)
	}
	for origin, want := range map[string]string{app: app, "https://evil.example": "", "null": ""} {
		asked := s.do(http.MethodOptions, "/v1/pricing", nil, "Origin", origin, "Access-Control-Request-Method", "POST")
		if got := asked.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight of %s: %q", origin, got)
		}
		got := s.post("/v1/pricing", "{}", "Origin", origin, "Authorization", key)
		if got.status != http.StatusOK || got.header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("call of %s: %d %v", origin, got.status, got.header)
		}
		if vary := strings.Join(got.header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Accept-Encoding") {
			t.Errorf("Vary: %s", vary)
		}
		if refused := s.post("/v1/pricing", "{}", "Origin", origin); refused.status != http.StatusUnauthorized || refused.header.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("without a key from %s: %d %v", origin, refused.status, refused.header)
		}
	}
}
