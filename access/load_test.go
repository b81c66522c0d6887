package access_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "rewrite what the golden cases expect")

// tree is a revision of files by path.
func revision(files map[string]string) schema.Revision {
	fsys := fstest.MapFS{}
	for path, text := range files {
		fsys[path] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {FS: fsys}}}
}

// document is that of a key.
func document(hash schema.KeyHash, rest string) string {
	return fmt.Sprintf("schemaVersion: 1\nhash: %s\n%s\n", access.HashText(hash), rest)
}

// load loads keys where nothing may be wrong.
func load(t testing.TB, files map[string]string) *access.Set {
	t.Helper()
	set, problems := access.Load(revision(files))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

func TestFindKnowsEachKeyByItsText(t *testing.T) {
	one, oneHash := access.NewKey()
	two, twoHash := access.NewKey()
	strange, _ := access.NewKey()
	set := load(t, map[string]string{
		"keys/two.yaml": document(twoHash, "endpoints: '*'\nexpires: 2030-01-31"),
		"keys/one.yaml": document(oneHash, "endpoints: ['a*', 'pricing_*']\nmaxInFlight: 3"),
	})
	if set.Len() != 2 || set.Keys()[0].Name != "one" || set.Keys()[1].Index != 1 {
		t.Fatalf("%+v", set.Keys())
	}
	if k := set.Find(one); k != set.Keys()[0] || k.Limits.InFlight != 3 {
		t.Errorf("%+v", k)
	}
	if k := set.Find(two); k != set.Keys()[1] {
		t.Errorf("%+v", k)
	}
	for _, text := range []string{"", strange, one[:45], access.HashText(oneHash), "one", one + " "} {
		if k := set.Find(text); k != nil {
			t.Errorf("%q is taken for %s", text, k.Name)
		}
	}
}

// A key is found within a text, and what only looks like one amid other letters is not.
func TestWithin(t *testing.T) {
	one, hash := access.NewKey()
	other := "sy_" + strings.Repeat("a", 43)
	set := load(t, map[string]string{"keys/one.yaml": document(hash, "endpoints: '*'")})
	for text, want := range map[string]bool{
		"": false, "sy_": false, other[:45]: false, "a sy_ b": false,
		one: true, other: true, "Token " + other: true, other + "x": true, "a=1&key=" + other: true, "sy_sy_" + other: true,
		"x" + one: true, "x" + one + "x": true, "x" + other: false, "x" + other + "x": false, "x" + other + one: true, "xsy_" + other + "." + other: true,
		"x" + strings.Repeat(other, 16): false, "x" + strings.Repeat(other, 17): true, // nobody has so many by chance
	} {
		if got := set.Within(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAKeyIsFoundAgainByItsText(t *testing.T) {
	_, kept := access.NewKey()
	_, gone := access.NewKey()
	before := load(t, map[string]string{"keys/kept.yaml": document(kept, "endpoints: a"), "keys/gone.yaml": document(gone, "endpoints: a"), "endpoints/a.yaml": ""})
	after := load(t, map[string]string{"keys/renamed.yaml": document(kept, "endpoints: '*'")})
	for _, k := range before.Keys() {
		switch again := after.Again(k); {
		case k.Name == "gone" && again != nil:
			t.Errorf("%+v is another key", again)
		case k.Name == "kept" && (again == nil || again.Name != "renamed"):
			t.Errorf("%+v", again)
		}
	}
}

func TestExpiryIsTheFirstMomentThatAKeyIsNoLongerGood(t *testing.T) {
	text, hash := access.NewKey()
	k := load(t, map[string]string{"keys/a.yaml": document(hash, "endpoints: '*'\nexpires: 2030-01-31")}).Find(text)
	at := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	if k.Expired(at.Add(-time.Nanosecond)) || !k.Expired(at) || !k.Expired(at.Add(time.Hour)) {
		t.Error("a date is not its first moment in UTC")
	}
}

func TestPatterns(t *testing.T) {
	for pattern, names := range map[string]map[string]bool{
		"*":           {"a": true, "pricing_v1": true},
		"pricing":     {"pricing": true, "pricing_v1": false, "a_pricing": false},
		"pricing_*":   {"pricing_": true, "pricing_v1": true, "pricing": false, "a_pricing_v1": false},
		"*_v1":        {"pricing_v1": true, "_v1": true, "pricing_v1_v2": false, "v1": false},
		"a*b*c":       {"abc": true, "axbxc": true, "abbc": true, "acb": false, "ac": false},
		"a*a":         {"aa": true, "aba": true, "a": false},
		"*a*":         {"a": true, "xax": true, "b": false},
		"ab*ab*ab":    {"ababab": true, "abab": false, "abxabxab": true},
		"[pricing_*]": nil,
	} {
		if names == nil {
			continue
		}
		text, hash := access.NewKey()
		k := load(t, map[string]string{"keys/k.yaml": document(hash, "endpoints: ['"+pattern+"']"), "endpoints/pricing.yaml": ""}).Find(text)
		for name, want := range names {
			if k.Allows(name) != want {
				t.Errorf("%s and %s: %v", pattern, name, !want)
			}
		}
	}
}

// TestProblems holds what is said of revisions that are refused to golden cases.
func TestProblems(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("there are no golden cases")
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files, want := map[string]string{}, -1
		for i, f := range archive.Files {
			if f.Name == "want" {
				want = i
				continue
			}
			files[f.Name] = string(f.Data)
		}
		_, problems := access.Load(revision(files))
		var got strings.Builder
		if err := schema.Print(&got, problems, schema.FormatText, false); err != nil {
			t.Fatal(err)
		}
		if *update {
			archive.Files[want].Data = []byte(got.String())
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(archive.Files[want].Data), got.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

func TestNothingChangedIsTheSameSet(t *testing.T) {
	_, one := access.NewKey()
	_, two := access.NewKey()
	files := map[string]string{"keys/one.yaml": document(one, "endpoints: '*'")}
	l := access.NewLoader()
	first, _ := l.Load(revision(files))
	if again, _ := l.Load(revision(files)); again != first {
		t.Error("an unchanged revision has other keys")
	}
	files["keys/two.yaml"] = document(two, "endpoints: '*'")
	if more, _ := l.Load(revision(files)); more == first || more.Len() != 2 {
		t.Error("a new key is not there")
	}
	delete(files, "keys/one.yaml")
	if fewer, _ := l.Load(revision(files)); fewer.Len() != 1 || fewer.Keys()[0].Name != "two" {
		t.Error("a removed key is there")
	}
	files["keys/two.yaml"] = "hash: 1"
	if none, problems := l.Load(revision(files)); none.Len() != 0 || len(problems) == 0 {
		t.Error("keys with problems are used")
	}
}
