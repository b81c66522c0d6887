package deployments_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// tree makes one of files given as paths and texts.
func tree(files ...string) schema.Tree {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return schema.Tree{FS: m}
}

const pricing = `schemaVersion: 1
versions:
  1: {url: http://10.0.0.5:8001/predict}
  3:
    url: [http://10.0.0.6:8001/predict, http://10.0.0.7:8001/predict]
    headers: {Authorization: "Bearer ${env:TOKEN}", x-static: plain, x-file: "${file:/run/secret}/${env:TOKEN}"}
    methods: [POST]
  12: {url: http://10.0.0.8:8001/predict}
aliases: {stable: 1, v1.0: 3}
`

// lookups are Secrets of maps. They count how often each is asked.
func lookups(t *testing.T, env map[string]string, files map[string]string) (deployments.Secrets, map[string]int) {
	t.Helper()
	asked := map[string]int{}
	return deployments.Secrets{
		Env: func(name string) (string, bool) {
			asked[name]++
			value, ok := env[name]
			return value, ok
		},
		File: func(path string) (string, error) {
			asked[path]++
			value, ok := files[path]
			switch {
			case !ok:
				return "", fmt.Errorf("open: %w", fs.ErrNotExist)
			case value == "closed":
				return "", fmt.Errorf("open: %w", fs.ErrPermission)
			case value == "faulty":
				return "", errors.New("s3cret leaked by the file system")
			}
			return value, nil
		},
	}, asked
}

func ref(branch, name string, v schema.Version) schema.DeploymentRef {
	at := func(column int) schema.Position {
		return schema.Position{File: "endpoints/e.yaml", Line: 1, Column: column}
	}
	return schema.DeploymentRef{
		Branch:  schema.Value[string]{V: branch, Pos: at(1)},
		Name:    schema.Value[string]{V: name, Pos: at(2)},
		Version: schema.Value[schema.Version]{V: v, Pos: at(3)},
	}
}

func TestResolveFindsVersions(t *testing.T) {
	secrets, asked := lookups(t, map[string]string{"TOKEN": "abc"}, map[string]string{"/run/secret": "def\r\n"})
	set, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
		"main":      tree("deployments/pricing.yaml", pricing, "deployments/pricing/source.py", "pass"),
		"feature/x": tree("deployments/pricing.yml", strings.ReplaceAll(pricing, "10.0.0", "10.0.1")),
		"empty":     tree(),
	}}, secrets)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(map[string]int{"TOKEN": 1, "/run/secret": 1}, asked); diff != "" {
		t.Errorf("each secret is looked up once (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		branch  string
		version schema.Version
		number  int
		alias   string
		url     string
	}{
		{"main", schema.Version{Number: 1}, 1, "", "http://10.0.0.5:8001/predict"},
		{"main", schema.Version{Alias: "latest"}, 12, "latest", "http://10.0.0.8:8001/predict"},
		{"main", schema.Version{Alias: "stable"}, 1, "stable", "http://10.0.0.5:8001/predict"},
		{"main", schema.Version{Alias: "v1.0"}, 3, "v1.0", "http://10.0.0.6:8001/predict"},
		{"feature/x", schema.Version{Number: 3}, 3, "", "http://10.0.1.6:8001/predict"},
	} {
		got, problems := set.Resolve(ref(c.branch, "pricing", c.version))
		if len(problems) > 0 || got.Version == nil {
			t.Errorf("%s %s: %v", c.branch, c.version, problems)
			continue
		}
		if got.Branch != c.branch || got.Name != "pricing" || got.Number != c.number || got.Alias != c.alias || got.URLs[0].String() != c.url {
			t.Errorf("%s %s became %s %s %d (%q) at %s", c.branch, c.version, got.Branch, got.Name, got.Number, got.Alias, got.URLs[0])
		}
	}
	three, _ := set.Resolve(ref("main", "pricing", schema.Version{Number: 3}))
	if diff := cmp.Diff(map[string][]string{
		"Authorization": {"Bearer abc"}, "X-Static": {"plain"}, "X-File": {"def/abc"},
	}, map[string][]string(three.Header)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST"}, three.Methods); diff != "" || len(three.URLs) != 2 {
		t.Errorf("%d replicas, methods (-want +got):\n%s", len(three.URLs), diff)
	}
}

func TestResolveOffersWhatThereIs(t *testing.T) {
	secrets, _ := lookups(t, map[string]string{"TOKEN": "abc"}, map[string]string{"/run/secret": "def"})
	many := "schemaVersion: 1\nversions:\n"
	for i := 1; i <= 15; i++ {
		many += fmt.Sprintf("  %d: {url: http://m:1}\n", i)
	}
	set, _ := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
		"main":    tree("deployments/pricing.yaml", pricing, "deployments/many.yaml", many, "deployments/broken.yaml", "no: document"),
		"develop": tree("deployments/a.yaml", "x", "deployments/a.yml", "x", "deployments/b.yaml", "x", "deployments/B.yml", "x"),
		"folder":  tree("deployments", "is a file"),
		"empty":   tree(),
	}}, secrets)
	one := schema.Version{Number: 1}
	for _, c := range []struct {
		branch, name string
		version      schema.Version
		want         string
	}{
		{"develpo", "pricing", one, `1: branch "develpo" does not exist; did you mean "develop"? [reference]`},
		{"release", "pricing", one, `1: branch "release" does not exist [reference]`},
		{"main", "pricnig", one, `2: deployment "pricnig" does not exist on branch main; did you mean "pricing"? [reference]`},
		{"main", "fraud", one, `2: deployment "fraud" does not exist on branch main; the deployments are broken, many, pricing [reference]`},
		{"empty", "fraud", one, `2: deployment "fraud" does not exist on branch empty; there are none [reference]`},
		{"main", "pricing", schema.Version{Number: 2}, `3: deployment pricing has no version 2; the versions are 12, 3, 1 [reference]`},
		{"main", "many", schema.Version{Number: 99}, `3: deployment many has no version 99; the versions are 15, 14, 13, 12, 11, 10, 9, 8, 7, 6 and 5 more [reference]`},
		{"main", "pricing", schema.Version{Alias: "lates"}, `3: deployment pricing has no alias "lates"; did you mean "latest"? [reference]`},
		{"main", "pricing", schema.Version{Alias: "prod"}, `3: deployment pricing has no alias "prod"; the aliases are stable, v1.0, latest; the versions are 12, 3, 1 [reference]`},
		{"main", "broken", one, ""}, // Load has said so
		{"develop", "a", one, ""},
		{"develop", "b", one, ""}, // b.yaml and B.yml bear the same name
		{"folder", "a", one, ""},
	} {
		got, problems := set.Resolve(ref(c.branch, c.name, c.version))
		want := c.want
		if want != "" {
			want = "endpoints/e.yaml:1:" + want
		}
		if problems.Error() != want || got.Version != nil {
			t.Errorf("%s %s %s:\n got %s\nwant %s", c.branch, c.name, c.version, problems, want)
		}
	}
}

func TestSecretsThatCannotBeResolvedAreProblems(t *testing.T) {
	header := func(value string) string {
		return "schemaVersion: 1\nversions:\n  1:\n    url: http://m:1\n    headers: {X-Key: '" + value + "'}\n"
	}
	secrets, _ := lookups(t,
		map[string]string{"EMPTY": "", "LINES": "s3cret\nX: 1", "SWITCHYARD_KEY": "s3cret", "GOOD": "s3cret", "NESTED": "${env:GOOD}"},
		map[string]string{"/large": strings.Repeat("s", deployments.MaxSecretFile+1), "/closed": "closed", "/faulty": "faulty", "/lines": "s3cret\n\n", "relative": "s3cret"})
	for _, c := range []struct{ value, want string }{
		{"${env:UNSET}", "${env:UNSET}: the environment variable is not set for the gateway"},
		{"${env:EMPTY}", "${env:EMPTY} is empty"},
		{"${env:LINES}", "${env:LINES} holds a line end or another control character, which no header can"},
		{"a ${env:SWITCHYARD_KEY}", "${env:SWITCHYARD_KEY}: variables that begin with SWITCHYARD_ are the gateway's own; give the secret another name"},
		{"${env:switchyard_Key}", "${env:switchyard_Key}: variables that begin with SWITCHYARD_ are the gateway's own; give the secret another name"},
		{"${file:/none}", "${file:/none}: the file does not exist where the gateway runs"},
		{"${file:/closed}", "${file:/closed}: the gateway is not permitted to read the file"},
		{"${file:/faulty}", "${file:/faulty}: the file cannot be read"},
		{"${file:/large}", "${file:/large}: the file is larger than 64 KiB"},
		{"${file:/lines}", "${file:/lines} holds a line end or another control character, which no header can"},
		{"${file:relative}", "${file:relative}: the path must be absolute"},
	} {
		_, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
			"main": tree(), "dev": tree("deployments/m.yaml", header(c.value)),
		}}, secrets)
		want := "dev:deployments/m.yaml:5:22: header X-Key: " + c.want + " [secret]"
		if problems.Error() != want {
			t.Errorf("got %s\nwant %s", problems, want)
		}
		if strings.Contains(fmt.Sprintf("%+v", problems), "s3cret") {
			t.Errorf("the problem with %s shows the secret: %+v", c.value, problems)
		}
	}
	set, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
		"main": tree("deployments/m.yaml", header("${env:NESTED}")),
	}}, secrets)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, _ := set.Resolve(ref("main", "m", schema.Version{Number: 1}))
	if value := got.Header.Get("X-Key"); value != "${env:GOOD}" {
		t.Errorf("a secret that looks like a placeholder was looked into: %q", value)
	}
	if _, problems := deployments.Load(schema.Revision{Trees: map[string]schema.Tree{"": tree("deployments/m.yaml", header("${env:A}${file:/a}"))}}, deployments.Secrets{}); len(problems) != 1 {
		t.Errorf("without look-ups: %v", problems)
	}
}

func TestProblemsOfEveryBranchAreReportedTogether(t *testing.T) {
	_, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
		"main": tree("deployments/a.yaml", "schemaVersion: 1\nversions: {1: {url: http://m:1, weigth: 1}}\n"),
		"dev":  tree("deployments/a.yaml", "schemaVersion: 1\nversions: {1: {url: ftp://m:1}}\n"),
	}}, deployments.Secrets{})
	var at []string
	for _, p := range problems {
		at = append(at, p.Position.String()+" "+string(p.Rule))
		if p.Source == "" {
			t.Errorf("%s comes without its line", p)
		}
	}
	if diff := cmp.Diff([]string{"deployments/a.yaml:2:33 unknown-key", "dev:deployments/a.yaml:2:21 url"}, at); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

func TestVersionsTellHowTheirReplicasServe(t *testing.T) {
	load := func(serving string) *deployments.Version {
		t.Helper()
		set, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{
			"main": tree("deployments/m.yaml", "schemaVersion: 1\nbalance: hash\nversions:\n  1: {url: http://h:1/p"+serving+"}\n"),
		}}, deployments.Secrets{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		v, problems := set.Resolve(schema.DeploymentRef{
			Branch: schema.Value[string]{V: "main"}, Name: schema.Value[string]{V: "m"}, Version: schema.Value[schema.Version]{V: schema.Version{Number: 1}},
		})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return v.Version
	}
	if diff := cmp.Diff(schema.Serving{Balance: schema.Hash, Protocol: schema.AutoProtocol}, load("").Serving); diff != "" {
		t.Errorf("of the document (-want +got):\n%s", diff)
	}
	want := schema.Serving{Balance: schema.RoundRobin, Protocol: schema.AutoProtocol, Resolve: &schema.Resolve{Interval: time.Minute}}
	if diff := cmp.Diff(want, load(", balance: round-robin, resolve: {by: dns, interval: 1m}").Serving); diff != "" {
		t.Errorf("of the version (-want +got):\n%s", diff)
	}
}
