package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/plan"
)

func resolved(number int) deployments.Resolved {
	return deployments.Resolved{Version: &deployments.Version{Branch: "main", Name: "model", Number: number}}
}

// alias is an endpoint with one deployment.
func alias(version string) string {
	return fmt.Sprintf("schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: model, version: %s}}\n", version)
}

const (
	one = "schemaVersion: 1\nversions:\n  1: {url: \"http://10.0.0.1/\"}\naliases: {stable: 1}\n"
	two = "schemaVersion: 1\nversions:\n  1: {url: \"http://10.0.0.1/\"}\n  2: {url: \"http://10.0.0.2/\"}\naliases: {stable: 1}\n"
)

// latest moves with the deployment's file, when the endpoint's own stays.
func TestLatestMovesWithoutTheEndpointsFile(t *testing.T) {
	p := compare(t,
		files{"endpoints/a.yaml": alias("latest"), "endpoints/b.yaml": alias("stable"), "deployments/model.yaml": one},
		files{"endpoints/a.yaml": alias("latest"), "endpoints/b.yaml": alias("stable"), "deployments/model.yaml": two})
	if len(p.Endpoints) != 1 || p.Endpoints[0].Name != "a" || p.Endpoints[0].Live.OtherAnswer != 1 || p.Endpoints[0].Live.Moved != 0 {
		t.Fatalf("%+v", p.Endpoints)
	}
	b := p.Endpoints[0].Backends[0]
	if b.From.Deployment.Version != 1 || b.To.Deployment.Version != 2 || b.To.Deployment.Alias != "latest" {
		t.Errorf("%+v -> %+v", b.From.Deployment, b.To.Deployment)
	}
	want := []plan.Version{{
		Number: 2, Change: plan.Added, URLs: &plan.Change[[]string]{From: []string{}, To: []string{"http://10.0.0.2/"}},
		HeadersAdded: []string{}, HeadersRemoved: []string{}, HeadersChanged: []string{},
		UsedBy: []plan.Use{{Endpoint: "a", Name: "only"}},
	}}
	if diff := cmp.Diff(want, p.Deployments[0].Versions); diff != "" {
		t.Error(diff)
	}
}

// The same number at another URL is a change of every endpoint that it answers.
func TestRedefinedVersionsTouchTheirEndpoints(t *testing.T) {
	p := compare(t,
		files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": one},
		files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": strings.Replace(one, "10.0.0.1", "10.0.0.9", 1)})
	if p.Summary.Changed != 1 || !p.Endpoints[0].Backends[0].Redefined || p.Endpoints[0].Live.OtherAnswer != 0 {
		t.Errorf("%+v", p.Endpoints)
	}
}

// How replicas serve is said for all versions or for one; a default that is
// written out is no change.
func TestHowReplicasServeIsAChange(t *testing.T) {
	document := func(all, version string) string {
		return "schemaVersion: 1\n" + all + "versions: {1: {url: http://10.0.0.1/" + version + "}}\n"
	}
	settings := func(before, after string) []string {
		t.Helper()
		p := compare(t,
			files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": before},
			files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": after})
		if len(p.Deployments) == 0 {
			return nil
		}
		return p.Deployments[0].Versions[0].Settings
	}
	for _, c := range []struct {
		before, after string
		want          []string
	}{
		{document("", ""), document("balance: hash\n", ""), []string{"balance"}},
		{document("", ""), document("protocol: h2c\n", ""), []string{"protocol"}},
		{document("", ""), document("", ", protocol: auto"), nil},
		{document("", ""), document("", ", balance: least-requests, health: false, resolve: system"), nil},
		{document("health: {path: /a}\n", ""), document("", ", health: {path: /a, interval: 10s}"), nil},
		{document("health: {path: /a}\n", ""), document("", ", health: {path: /b}, outlier: {}, resolve: dns"), []string{"health", "outlier", "resolve"}},
	} {
		if diff := cmp.Diff(c.want, settings(c.before, c.after)); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", c.before, c.after, diff)
		}
	}
}

// What no endpoint uses changes nothing that serves.
func TestUnusedDeploymentsAreNoChange(t *testing.T) {
	p := compare(t,
		files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": one},
		files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": two, "deployments/other.yaml": one})
	if p.Changes || len(p.Deployments) != 2 {
		t.Errorf("changes %v, deployments %+v", p.Changes, p.Deployments)
	}
}

// What means the same is no change: the order of backends, comments, weights
// that are multiplied, a default that is written out, another order of replicas.
func TestWhatMeansTheSameIsNoChange(t *testing.T) {
	document := func(url string) string { return "schemaVersion: 1\nversions: {1: {url: [" + url + "]}}\n" }
	p := compare(t,
		files{
			"endpoints/a.yaml":       "schemaVersion: 1\nbackends: {a: {static: 1, weight: 1}, b: {static: {x: 1, y: 2}}}\n",
			"endpoints/b.yaml":       alias("1"),
			"deployments/model.yaml": document(`"http://10.0.0.1/", "http://10.0.0.2/"`),
		},
		files{
			"endpoints/a.yaml":       "# said\nschemaVersion: 1\nbackends: {b: {static: {x: 1, y: 2}}, a: {static: 1, weight: 1.0}}\ntimeout: 60s\n",
			"endpoints/b.yml":        alias("1"),
			"deployments/model.yaml": document(`"http://10.0.0.2/", "http://10.0.0.1/"`),
		})
	if p.Changes || len(p.Deployments) > 0 || p.Summary.Text != "no changes: 2 endpoints are as before" {
		t.Errorf("%+v", p)
	}
}

// A path that another endpoint takes over is not lost.
func TestPathsThatOthersTakeAreNotLost(t *testing.T) {
	static := func(path string) string {
		return "schemaVersion: 1\nbackends: {a: {static: 1}}\npath: " + path + "\n"
	}
	p := compare(t,
		files{"endpoints/old.yaml": static("/user/list"), "endpoints/gone.yaml": static("/gone"), "endpoints/wide.yaml": static("/a/b")},
		files{"endpoints/new.yaml": static("/user"), "endpoints/wide.yaml": static("/a")})
	got := map[string]string{}
	for _, e := range p.Endpoints {
		got[e.Name] = e.PathTaker
	}
	if diff := cmp.Diff(map[string]string{"old": "new", "gone": "", "wide": "wide", "new": ""}, got); diff != "" {
		t.Error(diff)
	}
}

// What is refused cannot be compared with, and all is new then.
func TestRefusedRevisionsAreComparedAsEmpty(t *testing.T) {
	from := plan.Revision{Name: "main", Problems: 2}
	from.Branch = "main"
	p := plan.Compare(from, revision(t, "to", files{"endpoints/a.yaml": alias("1"), "deployments/model.yaml": one}, nil))
	if p.Summary.Added != 1 || p.From.Problems != 2 || len(p.Deployments) != 0 {
		t.Errorf("%+v", p)
	}
}

// Deployments of a branch that is named for the first time are not new: they
// were there, and only not read.
func TestNewlyNamedBranchesAreNotNew(t *testing.T) {
	others := map[string]files{"dev": {"deployments/model.yaml": one}}
	on := func(branch string) files {
		return files{
			"endpoints/a.yaml":       strings.Replace(alias("1"), "branch: main", "branch: "+branch, 1),
			"deployments/model.yaml": one,
		}
	}
	p := plan.Compare(revision(t, "from", on("main"), others), revision(t, "to", on("dev"), others))
	if len(p.Deployments) != 0 || p.Summary.Changed != 1 || p.Endpoints[0].Live.OtherAnswer != 1 {
		t.Errorf("%+v", p)
	}
}
