package deployments_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// versions loads a revision of one deployment on two branches and gives its
// versions by branch and number.
func versions(t *testing.T, l *deployments.Loader, onMain, onDev string) map[string]*deployments.Version {
	t.Helper()
	set, problems := l.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
		"main": tree("deployments/pricing.yaml", onMain), "dev": tree("deployments/pricing.yaml", onDev),
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	found := map[string]*deployments.Version{}
	for name, r := range map[string]schema.DeploymentRef{
		"main 1": ref("main", "pricing", schema.Version{Number: 1}), "main 3": ref("main", "pricing", schema.Version{Number: 3}),
		"dev 1": ref("dev", "pricing", schema.Version{Number: 1}), "dev 3": ref("dev", "pricing", schema.Version{Number: 3}),
	} {
		v, problems := set.Resolve(r)
		if len(problems) > 0 || v.Version == nil {
			t.Fatalf("%s: %v", name, problems)
		}
		found[name] = v.Version
	}
	return found
}

func TestVersionsThatDidNotChangeStayTheSame(t *testing.T) {
	env := map[string]string{"TOKEN": "abc"}
	secrets, _ := lookups(t, env, map[string]string{"/run/secret": "def"})
	l := deployments.NewLoader(secrets)
	dev := strings.ReplaceAll(pricing, "10.0.0", "10.0.1")
	first := versions(t, l, pricing, dev)
	l.Keep()
	for _, c := range []struct {
		what              string
		onMain, onDev     string
		token             string
		changed           []string
		brokenInBetween   bool
		withoutDevBetween bool
	}{
		{what: "nothing", onMain: pricing, onDev: dev},
		{what: "the URL of a version", onMain: strings.Replace(pricing, "10.0.0.5", "10.0.0.9", 1), onDev: dev, changed: []string{"main 1"}},
		{what: "a comment and an alias", onMain: "# hello\n" + pricing, onDev: strings.Replace(dev, "stable: 1", "stable: 3", 1)},
		{what: "methods", onMain: strings.Replace(pricing, "[POST]", "[POST, PUT]", 1), onDev: dev, changed: []string{"main 3"}},
		{what: "how its replicas serve", onMain: strings.Replace(pricing, "8001/predict}", "8001/predict, health: {path: /}}", 1), onDev: dev, changed: []string{"main 1"}},
		{what: "a header", onMain: pricing, onDev: strings.Replace(dev, "plain", "plainer", 1), changed: []string{"dev 3"}},
		{what: "a secret", onMain: pricing, onDev: dev, token: "xyz", changed: []string{"main 3", "dev 3"}},
		{what: "a refused document in between", onMain: pricing, onDev: dev, brokenInBetween: true},
		{what: "a missing branch in between", onMain: pricing, onDev: dev, withoutDevBetween: true},
	} {
		env["TOKEN"] = "abc"
		if c.token != "" {
			env["TOKEN"] = c.token
		}
		if c.brokenInBetween {
			if _, problems := l.Load(onBranch("main", "deployments/pricing.yaml", pricing+"unknown: key\n")); len(problems) != 1 {
				t.Errorf("%s: %v", c.what, problems)
			}
		}
		if c.withoutDevBetween {
			l.Load(onBranch("main", "deployments/pricing.yaml", pricing))
		}
		want := map[string]bool{}
		for _, name := range c.changed {
			want[name] = true
		}
		got := map[string]bool{}
		for name, v := range versions(t, l, c.onMain, c.onDev) {
			if v != first[name] {
				got[name] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: changed (-want +got):\n%s", c.what, diff)
		}
	}
}

func onBranch(branch string, files ...string) schema.Revision {
	return schema.Revision{Branch: branch, Trees: map[string]schema.Tree{branch: tree(files...)}}
}

func TestSetInWhichNothingDiffersIsTheSame(t *testing.T) {
	secrets, asked := lookups(t, map[string]string{"TOKEN": "abc"}, map[string]string{"/run/secret": "def"})
	l := deployments.NewLoader(secrets)
	first, _ := l.Load(onBranch("main", "deployments/pricing.yaml", pricing))
	again, _ := l.Load(onBranch("main", "deployments/pricing.yaml", pricing))
	if first != again {
		t.Error("another set of the same")
	}
	if asked["TOKEN"] != 2 {
		t.Errorf("the secret was looked up %d times in two revisions", asked["TOKEN"])
	}
	other, _ := l.Load(onBranch("main", "deployments/pricing.yaml", pricing, "deployments/b.yaml", "schemaVersion: 1\nversions: {1: {url: http://m:1}}\n"))
	if other == first {
		t.Error("the same set of something else")
	}
	renamed, _ := l.Load(onBranch("trunk", "deployments/pricing.yaml", pricing))
	if found, problems := renamed.Resolve(ref("trunk", "pricing", schema.Version{Number: 1})); len(problems) > 0 || found.Branch != "trunk" {
		t.Errorf("on another branch: %v, %v", found, problems)
	}
}
