package guarantees_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/guarantees"
)

const root = "../.."

var update = flag.Bool("update", false, "write docs/guarantees.md anew")

// TestThePageListsEveryGuarantee fails when an id has no test, when the page
// names a test that is gone, and when requirements or figures of the page are not
// those of this folder. Tests that the page does not name yet are no failure: the
// next make guarantees, or go test ./internal/guarantees -update, adds them.
func TestThePageListsEveryGuarantee(t *testing.T) {
	tests, err := guarantees.Tests(root)
	if err != nil {
		t.Fatal(err)
	}
	figures, err := guarantees.ReadFigures(filepath.Join(root, guarantees.FiguresPath))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, guarantees.PagePath)
	whole, err := guarantees.Render(tests, figures)
	if err != nil {
		t.Error(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]guarantees.Test{}
	for id, names := range guarantees.Named(string(text)) {
		for _, name := range names {
			found := slices.DeleteFunc(slices.Clone(tests[id]), func(t guarantees.Test) bool { return t.Name != name })
			if len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", id, name)
			}
			for _, test := range found {
				if !slices.Contains(named[id], test) {
					named[id] = append(named[id], test)
				}
			}
		}
	}
	want, _ := guarantees.Render(named, figures)
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("docs/guarantees.md is not up to date (go test ./internal/guarantees -update):\n%s", diff)
	}
}

// stream is what go test -json says of two packages, run twice with the engines.
const stream = `
{"Action":"start","Package":"github.com/switchyard-gateway/switchyard/p"}
{"Action":"run","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A"}
{"Action":"output","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A","Output":"    a_test.go:1: measured {\"id\":\"M1\",\"engines\":\"front=std upstream=std\",\"figure\":\"1 ms\"}\n"}
{"Action":"pass","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A","Elapsed":1}
{"Action":"output","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A/part","Output":"    a_test.go:1: measured {\"id\":\"M1\",\"engines\":\"front=own upstream=own\",\"figure\":\"2 ms\"}\n"}
{"Action":"pass","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A/part","Elapsed":1}
{"Action":"pass","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01A","Elapsed":1}
{"Action":"output","Package":"q","Output":"engines front=own upstream=own\n"}
{"Action":"output","Package":"github.com/switchyard-gateway/switchyard/p","Output":"engines front=std upstream=own\n"}
{"Action":"output","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01B","Output":"    b_test.go:1: measured {\"id\":\"M1\",\"figure\":\"wrong\"}\n"}
{"Action":"output","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01B","Output":"    b_test.go:2: no\n"}
{"Action":"fail","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM01B","Elapsed":1}
{"Action":"skip","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestM02C","Elapsed":1}
{"Action":"pass","Package":"github.com/switchyard-gateway/switchyard/p","Test":"TestOther","Elapsed":1}
{"Action":"fail","Package":"github.com/switchyard-gateway/switchyard/p","Elapsed":1}
{"Action":"pass","Package":"q","Elapsed":1}
`

func TestFiguresOfTestsThatPassAreTaken(t *testing.T) {
	var progress strings.Builder
	got, err := guarantees.ReadResults(strings.NewReader(strings.TrimSpace(stream)), &progress, "2026-11-21", "machine")
	if err != nil {
		t.Fatal(err)
	}
	want := guarantees.Results{
		Runs: guarantees.Figures{
			"p TestM01A": {Date: "2026-11-21", Machine: "machine", Passed: 2, Figures: map[string]string{
				"front=std upstream=std": "1 ms", "front=own upstream=own": "2 ms",
			}},
			"p TestM01B": {Date: "2026-11-21", Machine: "machine", Failed: 1, FailedWith: []string{"front=std upstream=own"}},
		},
		Failed: []string{"github.com/switchyard-gateway/switchyard/p"},
		Log:    "with front=std upstream=own:\n    b_test.go:1: measured {\"id\":\"M1\",\"figure\":\"wrong\"}\n    b_test.go:2: no\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(progress.String(), "fail github.com/switchyard-gateway/switchyard/p\npass q\n") {
		t.Errorf("progress: %q", progress.String())
	}
}

func TestThePageSaysWhatFailed(t *testing.T) {
	got, err := guarantees.ReadResults(strings.NewReader(strings.TrimSpace(stream)), &strings.Builder{}, "2026-11-21", "machine")
	if err != nil {
		t.Fatal(err)
	}
	page, err := guarantees.Render(map[string][]guarantees.Test{"M1": {{"p", "TestM01A"}, {"p", "TestM01B"}}}, got.Runs)
	if err == nil || !strings.Contains(err.Error(), "M2 has no test") {
		t.Errorf("lines without tests are not reported: %v", err)
	}
	for _, want := range []string{"1. machine\n", "**TestM01B failed with front=std upstream=own** (2026-11-21 [1]); 2 ms (2026-11-21 [1]) |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

func TestWhatIsNotFromGoTestIsRefused(t *testing.T) {
	if _, err := guarantees.ReadResults(strings.NewReader("ok p 1s\n"), &strings.Builder{}, "", ""); err == nil {
		t.Error("no error")
	}
}
