package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// ruled is a repository with one endpoint, whose version 1 answers live requests and
// whose version 2 gets copies of them, both at url, with what is said of them.
func ruled(url, live, copied, mirror string) files {
	return files{
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + url + "/live" + live + "}\n  2: {url: " + url + "/copy" + copied + "}\n",
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n" +
			"mirrors: {copy: {deployment: {branch: main, name: m, version: 2}" + mirror + "}}\n",
	}
}

// both are the one live request and its copy as they arrived.
func (r *replica) both(t *testing.T, s *stage) (live, copied asked) {
	t.Helper()
	s.written(2, func(fields) bool { return true })
	for _, got := range r.requests() {
		if strings.HasPrefix(got.uri, "/live") {
			live = got
			continue
		}
		copied = got
	}
	return live, copied
}

func TestHeadersAreChangedOnTheirWay(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{secrets: map[string]string{"T": "token"}})
	s.serve(ruled(r.url,
		`, headers: {set: {x-set: new, x-both: version}, add: {x-add: more}, remove: [x-gone, user-agent, idempotency-key]}, host: models.internal`,
		`, headers: {set: {x-set: new, x-both: version, x-version: "${env:T}"}, add: {x-add: more}, remove: [x-gone]}, host: models.internal`,
		`, headers: {set: {x-both: mirror}, add: {x-add: most}, remove: [x-version, x-kept]}, host: "candidate:80"`))
	if got := s.post("/v1/e", "{}", "X-Set", "old", "X_set", "old", "x_Both", "old", "X-Add", "one", "X-Gone", "x", "X_gone", "x", "X-Kept", "x", "X-Both", "caller", "User-Agent", "me",
		"Idempotency-Key", "k"); got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	live, copied := r.both(t, s)
	of := func(a asked) map[string][]string {
		all := map[string][]string{}
		for key, values := range a.header {
			if strings.HasPrefix(key, "X-") && !strings.HasPrefix(key, "X-Forwarded") && key != "X-Request-Id" || key == "User-Agent" || strings.EqualFold(key, "Idempotency-Key") || strings.Contains(key, "_") {
				all[key] = values
			}
		}
		return all
	}
	if diff := cmp.Diff(map[string][]string{"X-Set": {"new"}, "X-Both": {"version"}, "X-Add": {"one", "more"}, "X-Kept": {"x"}}, of(live)); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	want := map[string][]string{
		"X-Set": {"new"}, "X-Both": {"mirror"}, "X-Add": {"one", "more", "most"}, "User-Agent": {"me"}, "Idempotency-Key": {"k"}, "X-Switchyard-Mirror": {"copy"},
	}
	if diff := cmp.Diff(want, of(copied)); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"/live": "models.internal", "/copy": "candidate:80"}, r.hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// Credentials of callers reach deployments, and not mirrors: unless said otherwise.
func TestM19CredentialsAreForTheLiveDeployment(t *testing.T) {
	credentials := []string{"Authorization", "Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token", "X-Goog-Api-Key"}
	for name, tt := range map[string]struct {
		live, copied, mirror string
		arrive               [2]bool // live, and with the copy
	}{
		"by default":                       {"", "", "", [2]bool{true, false}},
		"for the mirror as well":           {"", "", ", forwardAuthorization: true", [2]bool{true, true}},
		"not for the live deployment":      {", forwardAuthorization: false", "", "", [2]bool{}},
		"not if the mirror's version says": {"", ", forwardAuthorization: false", ", forwardAuthorization: true", [2]bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, "m")
			s := newStage(t, options{})
			s.serve(ruled(r.url, tt.live, tt.copied, tt.mirror))
			header := []string{"X_Api_Key", "secret"}
			for _, c := range credentials {
				header = append(header, c, "secret")
			}
			s.post("/v1/e", "{}", header...)
			live, copied := r.both(t, s)
			for i, got := range []asked{live, copied} {
				want := 0
				if tt.arrive[i] {
					want = len(credentials) + 1
				}
				n := 0
				for _, values := range got.header {
					n += len(slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v != "secret" }))
				}
				if n != want {
					t.Errorf("%d credentials arrived at %s, want %d: %v", n, got.uri, want, got.header)
				}
			}
		})
	}
}

// What a version sets of its own is no credential of the caller's.
func TestOwnCredentialsStandInPlaceOfTheCallers(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{secrets: map[string]string{"T": "token"}})
	own := `, forwardAuthorization: false, headers: {Authorization: "Bearer ${env:T}"}`
	s.serve(ruled(r.url, own, own, ""))
	s.post("/v1/e", "{}", "Authorization", "caller")
	live, copied := r.both(t, s)
	for _, got := range []asked{live, copied} {
		if diff := cmp.Diff([]string{"Bearer token"}, got.header["Authorization"]); diff != "" {
			t.Errorf("%s: %s", got.uri, diff)
		}
	}
}

func TestPathsAreChangedOnTheirWay(t *testing.T) {
	for name, tt := range map[string]struct{ live, copied, mirror, path, wantLive, wantCopy string }{
		"as they are":       {"", "", "", "/a%2Fb?q=1", "/live/a%2Fb?q=1", "/copy/a%2Fb?q=1"},
		"replaced":          {", path: {replace: /p:q}", "", "", "/a?q=1", "/live/p:q?q=1", "/copy/a?q=1"},
		"replaced, no rest": {", path: {replace: /p}", "", "", "", "/live/p", "/copy"},
		"with a prefix":     {", path: {prefix: /p}", ", path: {prefix: /p}", "", "/a", "/live/p/a", "/copy/p/a"},
		"only the mirror":   {"", "", ", path: {replace: /p}", "/a", "/live/a", "/copy/p"},
		"the mirror wins":   {"", ", path: {prefix: /p}", ", path: {replace: /q}", "/a", "/live/a", "/copy/q"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, "m")
			s := newStage(t, options{})
			s.serve(ruled(r.url, tt.live, tt.copied, tt.mirror))
			s.post("/v1/e"+tt.path, "{}")
			live, copied := r.both(t, s)
			if diff := cmp.Diff([]string{tt.wantLive, tt.wantCopy}, []string{live.uri, copied.uri}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Bodies are changed for whom it is said, with what frames and describes them.
func TestBodiesAreChangedOnTheirWay(t *testing.T) {
	const sent = `{"model": "chat", "data": [1,  2], "response_webhook": "https://a"}`
	for name, tt := range map[string]struct{ live, copied, mirror, wantLive, wantCopy string }{
		"as they are":         {"", "", ", body: {remove: []}", sent, sent},
		"the model":           {", model: m-1", ", model: m-2", "", `{"model": "m-1", "data": [1,  2], "response_webhook": "https://a"}`, `{"model": "m-2", "data": [1,  2]}`},
		"removed and added":   {", body: {set: {/n: 1}, remove: [/data]}", "", ", body: {set: {/n: 2}}", `{"model": "chat", "response_webhook": "https://a","n":1}`, `{"model": "chat", "data": [1,  2],"n":2}`},
		"the mirror has last": {"", ", body: {set: {/n: 1}}", ", body: {set: {/n: 2}, remove: []}", sent, sent[:len(sent)-1] + `,"n":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, length := range []bool{true, false} {
				r := newReplica(t, "m")
				s := newStage(t, options{})
				s.serve(ruled(r.url, tt.live, tt.copied, tt.mirror))
				var body any = strings.NewReader(sent)
				if !length {
					body = struct{ *strings.Reader }{strings.NewReader(sent)}
				}
				got := s.do(http.MethodPost, "/v1/e", body.(interface{ Read([]byte) (int, error) }), "Content-Digest", "sha-256=:x:")
				if got.status != http.StatusOK {
					t.Fatalf("%+v", got)
				}
				live, copied := r.both(t, s)
				if diff := cmp.Diff([]string{tt.wantLive, tt.wantCopy}, []string{live.body, copied.body}); diff != "" {
					t.Errorf("length %v: %s", length, diff)
				}
				if (live.header.Get("Content-Digest") != "") != (live.body == sent) || (copied.header.Get("Content-Digest") != "") != (copied.body == sent) {
					t.Errorf("digests: %v, %v", live.header, copied.header)
				}
				for _, l := range s.written(2, func(fields) bool { return true }) {
					want := len(tt.wantLive)
					if l["role"] == "mirror" {
						want = len(tt.wantCopy)
					}
					if l["requestBytes"] != float64(want) {
						t.Errorf("%v bytes are recorded of %d: %v", l["requestBytes"], want, l)
					}
				}
			}
		})
	}
}

// What is no JSON object passes, streaming; what begins as one and cannot be changed
// is refused.
func TestBodiesThatCannotBeChanged(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{json: gateway.JSON{MaxBody: endpoints.MaxBodyKey}})
	s.serve(ruled(r.url, ", body: {remove: [/secret]}", "", ", enabled: false"))
	large := strings.Repeat(" ", 1000) + `{"a": "` + strings.Repeat("x", endpoints.MaxBodyKey) + `"}`
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"a form":              {"secret=1", http.StatusOK},
		"an array":            {`["secret"]`, http.StatusOK},
		"blanks":              {"  \n", http.StatusOK},
		"large, and no JSON":  {strings.Repeat("secret ", endpoints.MaxBodyKey/4), http.StatusOK},
		"broken":              {`{"secret": 1,}`, http.StatusBadRequest},
		"not closed":          {`{"secret": 1`, http.StatusBadRequest},
		"a large object":      {large, http.StatusRequestEntityTooLarge},
		"nothing of the name": {`{"a": 1}`, http.StatusOK},
	} {
		for _, chunked := range []bool{false, true} {
			var body interface{ Read([]byte) (int, error) } = strings.NewReader(tt.body)
			if chunked {
				body = struct{ *strings.Reader }{strings.NewReader(tt.body)}
			}
			before := len(r.requests())
			got := s.do(http.MethodPost, "/v1/e", body)
			after := r.requests()
			if got.status != tt.status || (tt.status == http.StatusOK) != (len(after) > before) {
				t.Errorf("%s, chunked %v: %d %s", name, chunked, got.status, got.body)
			}
			if tt.status == http.StatusOK && after[len(after)-1].body != tt.body {
				t.Errorf("%s, chunked %v: another body arrived", name, chunked)
			}
		}
	}
}

func TestRulesAreShown(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{secrets: map[string]string{"T": "t0ken"}})
	s.serve(ruled(r.url, `, host: h, path: {replace: /p}, headers: {set: {x-a: "${env:T}"}, add: {x-b: c}, remove: [x-c]}, model: m, body: {set: {/a: [1]}}`, "", ""))
	table := s.admin("GET", "/endpoints", nil).body
	if strings.Contains(table, "t0ken") {
		t.Error("the table tells a secret")
	}
	var got struct {
		Endpoints []struct {
			Backends []struct{ Deployment struct{ Rules any } }
			Mirrors  []struct{ Rules any }
		}
	}
	if err := json.Unmarshal([]byte(table), &got); err != nil {
		t.Fatal(err)
	}
	none := map[string]any{"set": []any{}, "add": []any{}, "remove": []any{}}
	want := []any{
		map[string]any{
			"host": "h", "path": map[string]any{"replace": "/p"}, "model": "m", "forwardAuthorization": true,
			"headers": map[string]any{"set": []any{"X-A"}, "add": []any{"X-B"}, "remove": []any{"X-C"}},
			"body":    map[string]any{"set": map[string]any{"/a": []any{1.0}}, "remove": []any{}},
		},
		map[string]any{
			"forwardAuthorization": false, "headers": maps.Clone(none),
			"body": map[string]any{"set": map[string]any{}, "remove": []any{"/response_webhook"}},
		},
	}
	e := got.Endpoints[0]
	if diff := cmp.Diff(want, []any{e.Backends[0].Deployment.Rules, e.Mirrors[0].Rules}); diff != "" {
		t.Error(diff)
	}
}
