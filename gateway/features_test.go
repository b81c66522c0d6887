package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// deploymentFeatures are what versions and endpoints can say about replicas, limits,
// failures and protocols, by what is measured together. Not among them is what reads
// bodies, which costs what a body has.
var deploymentFeatures = []struct{ name, version, endpoint string }{
	{"nothing", "", ""},
	{"replicas", "balance: hash, health: {path: /same, interval: 1h}, outlier: {}", "assignment: {key: header:x-user}\n"},
	{"limits", "timeout: {connect: 1s, firstByte: 10s, idle: 10s, total: 1m}, maxConcurrent: 1000, maxRequestBytes: 1MiB, maxResponseBytes: 1MiB", ""},
	{"breaker", "breaker: {}", ""},
	{"retries", "idempotent: true, retries: {}", ""},
	{"fallback", "", "fallback: spare\n"},
	{"rules", "headers: {set: {x-set: a}, add: {x-add: b}, remove: [x-gone]}, host: models.internal, forwardAuthorization: false", ""},
	{"callers-time", "", "callerTimeout: {key: header:x-timeout}\n"},
	{
		"everything", "balance: hash, health: {path: /same, interval: 1h}, outlier: {}, timeout: {connect: 1s, firstByte: 10s, idle: 10s, total: 1m}, " +
			"maxConcurrent: 1000, maxRequestBytes: 1MiB, maxResponseBytes: 1MiB, breaker: {}, idempotent: true, retries: {}, " +
			"headers: {set: {x-set: a}, add: {x-add: b}, remove: [x-gone]}, host: models.internal, forwardAuthorization: false",
		"assignment: {key: header:x-user}\nfallback: spare\ncallerTimeout: {key: header:x-timeout}\n",
	},
}

// featured is a repository with these features.
func featured(url, version, endpoint string) files {
	if version != "" {
		version = ", " + version
	}
	return files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends:\n  live: {deployment: {branch: main, name: m, version: 1}}\n  spare: {static: {}, weight: 0}\n" + endpoint,
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: [" + url + "]" + version + "}\n",
	}
}

func callFeatured(tb testing.TB, g http.Handler) {
	r := httptest.NewRequest(http.MethodPost, "/v1/e", strings.NewReader(`{"data": 10}`))
	r.Header["X-User"], r.Header["X-Timeout"] = []string{"jo"}, []string{"30"}
	w := httptest.NewRecorder()
	if g.ServeHTTP(w, r); w.Code != http.StatusOK {
		tb.Fatal(w.Code, w.Body)
	}
}
