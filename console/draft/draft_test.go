package draft_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/console/draft"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/schema"
)

func check(rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
	return gateway.Check(rev, deployments.Secrets{})
}

func base(t *testing.T, files map[string]string) draft.Base {
	t.Helper()
	tree := fstest.MapFS{}
	for path, text := range files {
		tree[path] = &fstest.MapFile{Data: []byte(text)}
	}
	rev := schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {Commit: "c", FS: tree}}}
	serving, _ := check(rev)
	return draft.Base{Newest: rev, Live: rev, Serving: serving}
}

const document = "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 3}\n  b: {static: 2, weight: 1}\nassignment: {key: header:x-user-id}\n"

func TestAGoodChangeIsExplained(t *testing.T) {
	b := base(t, map[string]string{"endpoints/e.yaml": document, "endpoints/other.yaml": document})
	v := draft.Judge(b, draft.Change{Path: "endpoints/e.yaml", Data: []byte(strings.Replace(document, "weight: 1", "weight: 3", 1))}, check)
	if !v.Good() || v.Plan == nil || len(v.Plan.Endpoints) != 1 || v.Plan.Endpoints[0].Name != "e" {
		t.Fatalf("%+v", v)
	}
	if moved := v.Plan.Endpoints[0].Live.Moved; moved < 0.2499 || moved > 0.2501 {
		t.Errorf("%v move", moved)
	}
	want := []draft.DiffLine{
		{Kind: "same", Old: 1, New: 1, Text: "schemaVersion: 1"},
		{Kind: "same", Old: 2, New: 2, Text: "backends:"},
		{Kind: "same", Old: 3, New: 3, Text: "  a: {static: 1, weight: 3}"},
		{Kind: "del", Old: 4, Text: "  b: {static: 2, weight: 1}"},
		{Kind: "add", New: 4, Text: "  b: {static: 2, weight: 3}"},
		{Kind: "same", Old: 5, New: 5, Text: "assignment: {key: header:x-user-id}"},
	}
	if diff := cmp.Diff(want, v.Diff); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestProblemsOfTheDocumentAreToldFromOthers(t *testing.T) {
	b := base(t, map[string]string{"endpoints/e.yaml": document, "endpoints/bad.yaml": "schemaVersion: 1\n"})
	v := draft.Judge(b, draft.Change{Path: "endpoints/e.yaml", Data: []byte("schemaVersion: 1\nbackends: {a: {statik: 1}}\n")}, check)
	if v.Good() || len(v.Problems) != 1 || len(v.Others) != 0 || len(v.Before) != 1 || v.Before[0].File != "endpoints/bad.yaml" {
		t.Errorf("%v, %v and %v", v.Problems, v.Others, v.Before)
	}
	repaired := draft.Judge(b, draft.Change{Path: "endpoints/bad.yaml"}, check)
	if !repaired.Good() {
		t.Errorf("to remove what is bad is refused: %+v", repaired)
	}
}

func TestADocumentComesAndGoes(t *testing.T) {
	b := base(t, map[string]string{"deployments/m.yaml": "schemaVersion: 1\nversions: {1: {url: http://127.0.0.1:9/}}\n"})
	if _, found := draft.Find(b.Newest, "e"); found || draft.Path(b.Newest, "e") != "endpoints/e.yaml" {
		t.Error("a document is found that is not there")
	}
	v := draft.Judge(b, draft.Change{Path: "endpoints/e.yaml", Data: []byte(document)}, check)
	if !v.Good() || v.Plan.Summary.Added != 1 {
		t.Errorf("%+v", v)
	}
	for _, name := range []string{"../e", "E", ""} {
		if _, found := draft.Find(b.Newest, name); found {
			t.Errorf("%q is found", name)
		}
	}
}

func TestEachLineKnowsSinceWhenItStands(t *testing.T) {
	got := draft.Since([]byte("a\nnew\nb\nc\n"), []byte("a\nb\nc\n"), []byte("a\nc\n"), []byte("a\nb\nc\n"))
	if diff := cmp.Diff([]int{3, 0, 1, 3}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := draft.Since([]byte("a\n"), nil, []byte("a\n")); len(got) != 1 || got[0] != 0 {
		t.Errorf("what was gone meanwhile counts from when it came back: %v", got)
	}
}

// FuzzDiff holds that a difference leads from one text to the other.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd\n")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, was, is string) {
		if len(was)+len(is) > 2000 {
			t.Skip()
		}
		diff := draft.Diff([]byte(was), []byte(is))
		if (len(diff) == 0) != (was == is) && strings.TrimSuffix(was, "\n") != strings.TrimSuffix(is, "\n") {
			t.Fatalf("%q and %q differ by %d lines", was, is, len(diff))
		}
		a, b := strings.Split(strings.TrimSuffix(was, "\n"), "\n"), strings.Split(strings.TrimSuffix(is, "\n"), "\n")
		for _, l := range diff {
			if l.Old > 0 && a[l.Old-1] != l.Text || l.New > 0 && b[l.New-1] != l.Text {
				t.Fatalf("%+v is no line of %q and %q", l, was, is)
			}
		}
	})
}

func TestABrokenFileSystemIsNoPanic(t *testing.T) {
	b := base(t, map[string]string{"endpoints/e.yaml": document})
	b.Newest.Trees["main"] = schema.Tree{FS: broken{}}
	if v := draft.Judge(b, draft.Change{Path: "endpoints/e.yaml", Data: []byte(document)}, check); v.Plan != nil && !v.Good() {
		t.Errorf("%+v", v)
	}
}

type broken struct{}

func (broken) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

// What was wrong before elsewhere refuses no change; what comes with the change does,
// wherever it stands.
func TestWhatWasWrongBeforeIsToldFromWhatComes(t *testing.T) {
	const to = "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: %s, name: m, version: 1}}\n"
	b := base(t, map[string]string{
		"endpoints/e.yaml": document + "path: /e\n", "endpoints/other.yaml": document + "path: /other\n",
		"endpoints/bad.yaml": "schemaVersion: 1\n", "deployments/bad.yaml": "schemaVersion: 1\n",
	})
	v := draft.Judge(b, draft.Change{Path: "endpoints/e.yaml", Data: []byte(document)}, check)
	if !v.Good() || len(v.Before) != 2 || v.Plan != nil {
		t.Errorf("%+v", v)
	}
	// The branch of its mirror has a deployment that is broken.
	v = draft.Judge(b, draft.Change{
		Path: "endpoints/e.yaml", Data: fmt.Appendf(nil, to, "dev"),
		Branches: map[string]schema.Tree{"dev": {Commit: "d", FS: fstest.MapFS{
			"deployments/m.yaml":      {Data: []byte("schemaVersion: 1\nversions: {1: {url: http://127.0.0.1:9/}}\n")},
			"deployments/broken.yaml": {Data: []byte("schemaVersion: 1\n")},
		}}},
	}, check)
	if v.Good() || len(v.Others) != 1 || v.Others[0].Branch != "dev" || len(v.Before) != 2 {
		t.Errorf("%+v", v)
	}
	if _, ok := b.Newest.Trees["dev"]; ok {
		t.Error("the newest revision is changed")
	}
}
