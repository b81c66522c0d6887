package endpoints_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

var seeded = flag.Uint64("seed", 1, "what the histories begin with; 0: the time")

// loaders load one revision after another as the gateway does.
type loaders struct {
	deployments *deployments.Loader
	endpoints   *endpoints.Loader
}

func newLoaders(secrets deployments.Secrets) loaders {
	return loaders{deployments.NewLoader(secrets), endpoints.NewLoader()}
}

func (l loaders) load(rev schema.Revision) (*deployments.Set, []*endpoints.Endpoint, schema.Diagnostics) {
	set, problems := l.deployments.Load(rev)
	all, more := l.endpoints.Load(rev, set)
	return set, all, append(problems, more...).Sort()
}

func (l loaders) keep() {
	l.deployments.Keep()
	l.endpoints.Keep()
}

// good loads a revision that has no problems.
func (l loaders) good(t testing.TB, rev schema.Revision) map[string]*endpoints.Endpoint {
	t.Helper()
	_, all, problems := l.load(rev)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	named := make(map[string]*endpoints.Endpoint, len(all))
	for _, e := range all {
		named[e.Name] = e
	}
	return named
}

// changed names the endpoints that are not the same pointers.
func changed(before, after map[string]*endpoints.Endpoint) map[string]bool {
	names := map[string]bool{}
	for name, e := range after {
		if before[name] != e {
			names[name] = true
		}
	}
	return names
}

func TestWhatDidNotChangeStaysTheSameEndpoint(t *testing.T) {
	other := strings.ReplaceAll(model, "model:", "other:")
	files := map[string]string{
		"endpoints/pinned.yaml":  "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: model, version: 1}}}\n",
		"endpoints/newest.yaml":  "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: model, version: latest}}}\n",
		"endpoints/stable.yaml":  "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: model, version: stable}}}\n",
		"endpoints/off.yaml":     "schemaVersion: 1\nbackends: {only: {static: 1}}\nmirrors: {m: {deployment: {branch: main, name: other, version: 1}, enabled: false}}\n",
		"endpoints/static.yaml":  "schemaVersion: 1\nbackends: {only: {static: 1}}\n",
		"deployments/model.yaml": model,
		"deployments/other.yaml": other,
	}
	l := newLoaders(deployments.Secrets{})
	rev := func(edits ...string) schema.Revision {
		next := maps.Clone(files)
		for i := 0; i < len(edits); i += 2 {
			next[edits[i]] = edits[i+1]
		}
		all := make([]string, 0, 2*len(next))
		for name, text := range next {
			all = append(all, name, text)
		}
		return onMain(all...)
	}
	first := l.good(t, rev())
	l.keep()
	for _, step := range []struct {
		what  string
		edits []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"a timeout", []string{"endpoints/static.yaml", files["endpoints/static.yaml"] + "timeout: 1s\n"}, []string{"static"}},
		{"a comment in a deployment", []string{"deployments/model.yaml", "# hello\n" + model}, nil},
		{"a third version", []string{"deployments/model.yaml", strings.Replace(model, "versions:", "versions:\n  3: {url: http://model:8003}", 1)}, []string{"newest"}},
		{"an alias", []string{"deployments/model.yaml", strings.Replace(model, "stable: 1", "stable: 2", 1)}, []string{"stable"}},
		{"the URL of a version", []string{"deployments/model.yaml", strings.Replace(model, "8001", "9001", 1)}, []string{"pinned", "stable"}},
		{"the deployment of a mirror that is off", []string{"deployments/other.yaml", strings.Replace(other, "8001", "9001", 1)}, nil},
	} {
		want := map[string]bool{}
		for _, name := range step.want {
			want[name] = true
		}
		if diff := cmp.Diff(want, changed(first, l.good(t, rev(step.edits...)))); diff != "" {
			t.Errorf("%s changed (-want +got):\n%s", step.what, diff)
		}
		for _, bad := range [][]string{
			{"endpoints/static.yaml", "broken: ["},
			{"deployments/model.yaml", "broken: ["},
			{"deployments/model.yaml", strings.ReplaceAll(model, "http:", "https:"), "endpoints/pinned.yaml", "broken: ["},
		} {
			if _, _, problems := l.load(rev(bad...)); len(problems) == 0 {
				t.Fatal("a broken document is loaded")
			}
		}
		if again := changed(first, l.good(t, rev())); len(again) != 0 {
			t.Errorf("%s, a refused revision and back: %v are not what was kept", step.what, again)
		}
	}
}

// TestEndpointsChangeUnderABrokenDeployment: while a deployment document is broken
// there are fewer endpoints than documents, and these go on changing.
func TestEndpointsChangeUnderABrokenDeployment(t *testing.T) {
	const static = "schemaVersion: 1\nbackends: {only: {static: 1}}\n"
	calling := "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: model, version: 1}}}\n"
	l := newLoaders(deployments.Secrets{})
	rev := func(last, deployment string) schema.Revision {
		return onMain("endpoints/a.yaml", calling, "endpoints/b.yaml", static, "endpoints/c.yaml", last, "deployments/model.yaml", deployment)
	}
	for _, last := range []string{calling, static, calling} {
		if _, all, problems := l.load(rev(last, "broken: [")); len(problems) == 0 {
			t.Errorf("%d endpoints of a broken revision, and no problem", len(all))
		}
	}
	if all := l.good(t, rev(static, model)); len(all) != 3 {
		t.Errorf("%d endpoints", len(all))
	}
}

// TestHistoriesLoadAsEachRevisionAlone edits revisions at random. Whatever was
// loaded before, a revision leads to the same as with new loaders, and endpoints
// that are equal to those of the revision before are the same pointers.
func TestHistoriesLoadAsEachRevisionAlone(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run(fmt.Sprint("immutable=", sealed), func(t *testing.T) {
			seed := *seeded
			if seed == 0 {
				seed = uint64(time.Now().UnixNano())
			}
			t.Logf("seed %d", seed)
			good := 0
			for i := range 10 {
				h := newHistory(rand.New(rand.NewPCG(uint64(i), seed)), sealed)
				good += h.replay(t, 60)
			}
			if good < 50 || good > 550 {
				t.Errorf("%d of 600 revisions are good: the histories test little", good)
			}
		})
	}
}

// replay makes steps in a history, and counts the good revisions.
func (h *history) replay(t *testing.T, steps int) int {
	exported := cmp.Exporter(func(reflect.Type) bool { return true })
	remembering := newLoaders(h.lookups())
	var before []*endpoints.Endpoint
	good := 0
	for step := range steps {
		h.edit()
		rev := h.revision()
		wantSet, want, wantProblems := newLoaders(h.lookups()).load(rev)
		gotSet, got, problems := remembering.load(rev)
		if diff := cmp.Diff(wantProblems, problems); diff != "" {
			t.Fatalf("step %d: problems (-alone +in history):\n%s", step, diff)
		}
		if diff := cmp.Diff(want, got, exported); diff != "" {
			t.Fatalf("step %d: endpoints (-alone +in history):\n%s", step, diff)
		}
		for _, ref := range references() {
			wantFound, wantMore := wantSet.Resolve(ref)
			found, more := gotSet.Resolve(ref)
			if diff := cmp.Diff(wantFound, found, exported) + cmp.Diff(wantMore, more); diff != "" {
				t.Fatalf("step %d: %v (-alone +in history):\n%s", step, ref, diff)
			}
		}
		for _, e := range got {
			for _, b := range before {
				if b.Name == e.Name && b != e && !h.edited(e.Name) && cmp.Equal(b, e, exported) {
					t.Fatalf("step %d: endpoint %s is another pointer and has not changed", step, e.Name)
				}
			}
		}
		before = got
		if len(problems) > 0 {
			continue
		}
		good++
		if h.random.IntN(2) == 0 {
			remembering.keep()
			h.save()
		}
	}
	return good
}

// large is a commit of n endpoints that call a tenth as many deployments.
func large(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		files[fmt.Sprintf("endpoints/e%d.yaml", i)] = &fstest.MapFile{Data: []byte(numbered(i))}
	}
	for i := range n / 10 {
		files[fmt.Sprintf("deployments/model%d.yaml", i)] = &fstest.MapFile{Data: []byte(model)}
	}
	return files
}

func numbered(i int) string {
	return strings.ReplaceAll(keyedSplit, "name: model", fmt.Sprint("name: model", i/10)) + fmt.Sprintf("path: /p%d\n", i)
}

// BenchmarkLoadOneChanged loads 10,000 endpoints of which one has changed, as
// the trees of git are read and as files on a disk would be.
func BenchmarkLoadOneChanged(b *testing.B) {
	const n = 10_000
	endpoint := "endpoints/e17.yaml"
	edits := map[string]func(fstest.MapFS){
		"endpoint": func(files fstest.MapFS) {
			files[endpoint] = &fstest.MapFile{Data: []byte(strings.Replace(numbered(17), "weight: 95", "weight: 94", 1))}
		},
		"deployment": func(files fstest.MapFS) {
			files["deployments/model17.yaml"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(model, "8001", "9001"))}
		},
	}
	for name, edit := range edits {
		for _, sealed := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/immutable=%v", name, sealed), func(b *testing.B) {
				first := large(n)
				second := maps.Clone(first)
				edit(second)
				revisions := [2]schema.Revision{}
				known := map[string]fs.DirEntry{}
				for i, files := range []fstest.MapFS{second, first} {
					tree := schema.Tree{FS: files}
					if sealed {
						tree.FS = newCommit(files, known)
					}
					revisions[i] = schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": tree}}
				}
				l := newLoaders(deployments.Secrets{})
				l.good(b, revisions[1])
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, all, problems := l.load(revisions[i%2]); len(problems) > 0 || len(all) != n {
						b.Fatal(problems)
					}
				}
			})
		}
	}
}
