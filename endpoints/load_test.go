package endpoints_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

const model = `
schemaVersion: 1
versions:
  1: {url: http://model:8001/predict}
  2: {url: http://model:8002/predict}
aliases: {stable: 1}
`

const keyedSplit = `
schemaVersion: 1
backends:
  control: {deployment: {branch: main, name: model, version: 1}, weight: 95}
  experiment: {deployment: {branch: main, name: model, version: 2}, weight: 5}
mirrors:
  mirror_1: {deployment: {branch: main, name: model, version: latest}, percent: 12.5}
assignment: {key: header:x-user-id}
`

// tree makes one of files given as paths and texts.
func tree(files ...string) schema.Tree {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return schema.Tree{FS: m}
}

func onMain(files ...string) schema.Revision {
	return schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": tree(files...)}}
}

func load(t testing.TB, rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
	t.Helper()
	set, problems := deployments.Load(rev, deployments.Secrets{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return endpoints.Load(rev, set)
}

// loadOne loads an endpoint beside the deployment "model".
func loadOne(t testing.TB, text string) *endpoints.Endpoint {
	t.Helper()
	all, problems := load(t, onMain("endpoints/pricing.yaml", text, "deployments/model.yaml", model))
	if len(problems) > 0 || len(all) != 1 {
		t.Fatalf("%d endpoints, %v", len(all), problems)
	}
	return all[0]
}

func loadSplit(t testing.TB, weights ...float64) *endpoints.Endpoint {
	t.Helper()
	text := "schemaVersion: 1\nbackends:\n"
	for i, w := range weights {
		text += fmt.Sprintf("  b%d: {static: %d, weight: %v}\n", i, i, w)
	}
	return loadOne(t, text)
}

func TestLoad(t *testing.T) {
	dev := tree("deployments/model.yaml", strings.ReplaceAll(model, "8001", "9001"))
	rev := onMain("deployments/model.yaml", model, "endpoints/b.yaml", `
schemaVersion: 1
backends:
  zeta: {deployment: {branch: main, name: model, version: stable}, weight: 3}
  alpha: {static: {"data": 0}}
mirrors:
  on: {deployment: {branch: dev, name: model, version: 1}}
  off: {deployment: {branch: dev, name: model, version: latest}, enabled: false}
  also: {deployment: {branch: main, name: model, version: latest}, percent: 0.01, body: {remove: [/token]}}
assignment: {key: [header:x-user-id, body:/user]}
sampling: {key: cookie:sid}
path: /user
timeout: 5s
`, "endpoints/a.yaml", keyedSplit, "README.md", "hello", "endpoints/notes.txt", "no document")
	rev.Trees["dev"] = dev
	got, problems := load(t, rev)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(got) != 2 || got[0].Name != "a" {
		t.Fatalf("%d endpoints, want a and b", len(got))
	}
	if diff := cmp.Diff(endpoints.Keys(schema.DefaultSampling()), got[0].Sampling); diff != "" {
		t.Errorf("sampling without keys (-want +got):\n%s", diff)
	}
	want := &endpoints.Endpoint{
		Name: "b", Path: "/user", Timeout: schema.SimpleTimeout(5 * time.Second), CallerTimeout: endpoints.Keys{},
		Backends: []endpoints.Backend{
			{Name: "zeta", Weight: 3, Deployment: version("main", 1, "stable")},
			{Name: "alpha", Weight: 1, Static: []byte(`{"data":0}`)},
		},
		Mirrors: []endpoints.Mirror{
			{Name: "on", Percent: 100, Deployment: *version("dev", 1, ""), Rules: deployments.Rules{Strip: true, Body: deployments.Body{Remove: schema.DefaultRemove()}}, Compare: schema.DefaultCompare()},
			{Name: "also", Percent: 0.01, Deployment: *version("main", 2, "latest"), Rules: deployments.Rules{Strip: true, Body: deployments.Body{Remove: []string{"/token"}}}, Compare: schema.DefaultCompare()},
		},
		Assignment: ladder(t, "header:x-user-id", "body:/user"),
		Sampling:   ladder(t, "cookie:sid"),
	}
	if diff := cmp.Diff(want, got[1], cmpopts.IgnoreUnexported(endpoints.Backend{}, endpoints.Mirror{}),
		cmpopts.IgnoreFields(deployments.Version{}, "URLs")); diff != "" {
		t.Errorf("endpoint b (-want +got):\n%s", diff)
	}
}

func version(branch string, number int, alias string) *deployments.Resolved {
	return &deployments.Resolved{Version: &deployments.Version{Branch: branch, Name: "model", Number: number, Serving: schema.Serving{Balance: schema.LeastRequests, Protocol: schema.AutoProtocol}}, Alias: alias}
}

func endpointAt(path string) string {
	text := "schemaVersion: 1\nbackends: {only: {static: 1}}\n"
	if path != "" {
		text += "path: " + path + "\n"
	}
	return text
}

func TestProblemsBetweenFilesAreReportedTogether(t *testing.T) {
	rev := onMain(
		"deployments/model.yaml", model,
		"endpoints/a.yaml", endpointAt("/user"),
		"endpoints/b.yaml", endpointAt("/users"),
		"endpoints/c.yaml", endpointAt("/user/x/y"),
		"endpoints/d.yaml", endpointAt("/user/x"),
		"endpoints/e.yaml", endpointAt("/user"),
		"endpoints/f.yaml", endpointAt("/user-x"),
		"endpoints/g.yaml", `schemaVersion: 1
backends:
  a: {deployment: {branch: main, name: modle, version: 1}}
  b: {deployment: {branch: mian, name: model, version: 1}}
  c: {deployment: {branch: main, name: model, version: 7}}
  d: {static: 0}
mirrors:
  m: {deployment: {branch: main, name: model, version: stabel}, enabled: false}
`,
		"endpoints/h.yaml", "schemaVersion: 2\n",
		"endpoints/i.yaml", endpointAt(""),
	)
	all, problems := load(t, rev)
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f", "i"}, names); diff != "" {
		t.Errorf("endpoints without problems of their own (-want +got):\n%s", diff)
	}
	const lies = "; no path may be equal to another one or lie under it [conflict]"
	want := []string{
		`endpoints/a.yaml:3:7: path "/user" overlaps "/user" at endpoints/e.yaml:3:7` + lies,
		`endpoints/c.yaml:3:7: path "/user/x/y" overlaps "/user/x" at endpoints/d.yaml:3:7` + lies,
		`endpoints/d.yaml:3:7: path "/user/x" overlaps "/user" at endpoints/e.yaml:3:7` + lies,
		`endpoints/d.yaml:3:7: path "/user/x" overlaps "/user/x/y" at endpoints/c.yaml:3:7` + lies,
		`endpoints/e.yaml:3:7: path "/user" overlaps "/user" at endpoints/a.yaml:3:7` + lies,
		`endpoints/e.yaml:3:7: path "/user" overlaps "/user/x" at endpoints/d.yaml:3:7` + lies,
		`endpoints/g.yaml:3:40: deployment "modle" does not exist on branch main; did you mean "model"? [reference]`,
		`endpoints/g.yaml:4:28: branch "mian" does not exist; did you mean "main"? [reference]`,
		`endpoints/g.yaml:5:56: deployment model has no version 7; the versions are 2, 1 [reference]`,
		`endpoints/g.yaml:8:56: deployment model has no alias "stabel"; did you mean "stable"? [reference]`,
		`endpoints/h.yaml:1:16: schemaVersion 2 is not supported; this build supports schemaVersion: 1 [schema-version]`,
	}
	if diff := cmp.Diff(want, strings.Split(problems.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, p := range problems {
		if p.Source == "" {
			t.Errorf("%s comes without its line", p)
		}
	}
}

func TestBrokenDeploymentIsReportedOnce(t *testing.T) {
	rev := onMain("endpoints/pricing.yaml", keyedSplit, "deployments/model.yaml", "schemaVersion: 1\nversion: {}\n")
	set, problems := deployments.Load(rev, deployments.Secrets{})
	if len(problems) == 0 {
		t.Fatal("a broken deployment is not reported")
	}
	if _, more := endpoints.Load(rev, set); len(more) > 0 {
		t.Errorf("reported again where it is used: %v", more)
	}
}

func TestNoFolderOfEndpointsIsNoEndpoints(t *testing.T) {
	all, problems := load(t, onMain("deployments/model.yaml", model))
	if len(all) != 0 || len(problems) != 0 {
		t.Errorf("%d endpoints, %v", len(all), problems)
	}
}

func TestMissingEndpointsBranchIsAProblem(t *testing.T) {
	if _, problems := load(t, schema.Revision{Branch: "main"}); len(problems) != 1 {
		t.Errorf("%v, want one problem", problems)
	}
}

func TestBranches(t *testing.T) {
	got := endpoints.Branches(tree(
		"endpoints/a.yaml", keyedSplit,
		"endpoints/b.yaml", strings.ReplaceAll(keyedSplit, "branch: main", "branch: feature/x"),
		"endpoints/c.yaml", strings.Replace(keyedSplit, "branch: main", "branch: dev", 1),
		"endpoints/broken.yaml", "schemaVersion: 1\nbackends: [",
		"endpoints/static.yaml", endpointAt(""),
		"endpoints/typo.yaml", strings.Replace(keyedSplit, "branch: main, name: model, version: 1}", "branch: stage, nam: model, version: 1}", 1),
		"endpoints/unread.yaml", strings.Replace(keyedSplit, "branch: main", "branch: a b", 1),
	), "main")
	if diff := cmp.Diff([]string{"dev", "feature/x", "stage"}, got); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
	naming := endpoints.NewNaming("main") // which knows the tree before
	for written, want := range map[string]string{
		"branch: dev": "dev", `"branch": dev`: "dev", `"\x62ranch": dev`: "dev", "branch:   dev": "dev", "branch: 'dev'": "dev", "branch: maintenance": "maintenance",
		"? branch\n : dev": "dev", "branch: &b dev": "dev", "branch: main": "", `"branch": main`: "", "branch: main ": "",
	} {
		text := strings.Replace(keyedSplit, "branch: main", written, 1)
		if got := endpoints.Branches(tree("endpoints/a.yaml", text), "main"); strings.Join(got, " ") != want {
			t.Errorf("%s: branches %q, want %q", written, got, want)
		}
		if got := naming.Branches(tree("endpoints/a.yaml", text)); strings.Join(got, " ") != want {
			t.Errorf("%s after another tree: branches %q, want %q", written, got, want)
		}
	}
	if got := endpoints.Branches(tree(), "main"); len(got) != 0 {
		t.Errorf("branches of nothing: %v", got)
	}
}

func TestS02SwapsDoNotDisturbTheSplit(t *testing.T) {
	const n = 2_000
	subjects := populations(n)["numbers"]
	var e *endpoints.Endpoint
	experiment, random := 0, 0
	for i := range n {
		if i%5 == 0 {
			e = loadSplit(t, 90, 10)
		}
		experiment += e.Assign(subjects[i])
		random += e.AssignRandom()
	}
	within(t, "keyed", experiment, n, 0.1, 3)
	within(t, "unkeyed", random, n, 0.1, 6) // not seeded
}

func TestLoadedAndWrittenEndpointsAssignAlike(t *testing.T) {
	loaded := loadOne(t, keyedSplit)
	written := &endpoints.Endpoint{Name: loaded.Name}
	for _, b := range loaded.Backends {
		written.Backends = append(written.Backends, endpoints.Backend{Name: b.Name, Weight: b.Weight})
	}
	for _, s := range populations(1_000)["numbers"] {
		if loaded.Assign(s) != written.Assign(s) {
			t.Fatalf("%q is assigned otherwise without salts computed beforehand", s)
		}
	}
}

func BenchmarkLoad10000(b *testing.B) {
	files := make([]string, 0, 22_000)
	for i := range 10_000 {
		text := strings.ReplaceAll(keyedSplit, "name: model", fmt.Sprint("name: model", i%1000)) + fmt.Sprintf("path: /p%d\n", i)
		files = append(files, fmt.Sprintf("endpoints/e%d.yaml", i), text)
	}
	for i := range 1_000 {
		files = append(files, fmt.Sprintf("deployments/model%d.yaml", i), model)
	}
	rev := onMain(files...)
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if all, problems := load(b, rev); len(problems) > 0 || len(all) != 10_000 {
				b.Fatal(problems)
			}
		}
	})
	b.Run("branches", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			endpoints.Branches(rev.Trees["main"], "main")
		}
	})
}
