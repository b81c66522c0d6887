package console_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/schema"
)

// remote is what a repository has beside what is followed.
func remote(asked *[]string) func(*console.Options) {
	return func(o *console.Options) {
		o.Branches = func(context.Context) ([]string, error) { return []string{"broken", "feature/x", "main"}, nil }
		o.Branch = func(_ context.Context, name string) (schema.Tree, error) {
			*asked = append(*asked, name)
			switch name {
			case "broken":
				return schema.Tree{}, errors.New("the server hung up")
			case "feature/x":
				return schema.Tree{Commit: strings.Repeat("e", 40), FS: fstest.MapFS{
					"deployments/model_x.yaml": {Data: []byte("schemaVersion: 1\nversions:\n  3: {url: http://127.0.0.1:9/x}\naliases: {fast: 3}\n")},
				}}, nil
			}
			return schema.Tree{}, console.ErrNoBranch
		}
	}
}

func TestFormsOfferWhatNoEndpointNamesYet(t *testing.T) {
	var asked []string
	s := newStage(t, split(), remote(&asked))
	s.logIn("editor")
	page := s.get("/console/endpoints/e/change").body
	for _, want := range []string{`<option value="broken">`, `<option value="feature/x">`, `<option value="main">`} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the form offers %s %d times", want, strings.Count(page, want))
		}
	}
	got := s.get("/console/choices?branch=feature/x")
	for _, want := range []string{
		`<option value="model_x" data-branch="feature/x">`, `<option value="latest" data-branch="feature/x" data-name="model_x"`,
		`<option value="fast" data-branch`, `<option value="3" data-branch`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("what can be chosen lacks %s:\n%s", want, got.body)
		}
	}
	for branch, want := range map[string]string{"broken": "the server hung up", "none": "there is no such branch"} {
		if got := s.get("/console/choices?branch=" + branch); got.status != http.StatusNotFound || !strings.Contains(got.body, want) {
			t.Errorf("%s is answered %d without %q", branch, got.status, want)
		}
	}
	s.get("/console/choices?branch=feature/x")
	if got := s.get("/console/choices?branch=main"); got.status != http.StatusOK {
		t.Errorf("the endpoints branch is answered %d", got.status)
	}
	slices.Sort(asked)
	if diff := cmp.Diff([]string{"broken", "feature/x", "none"}, asked); diff != "" {
		t.Errorf("branches are read again and again, or what is followed is (-want +got):\n%s", diff)
	}
}

// A change is judged as the revision will be that comes of it, in which the branch
// is that it names for the first time.
func TestAChangeMayNameABranchForTheFirstTime(t *testing.T) {
	var asked []string
	s := newStage(t, split(), remote(&asked))
	token := s.logIn("editor")
	add := func(branch, name string) string {
		return s.send(http.MethodPost, "/console/preview", s.form(token, map[string]string{
			"new.m.label": "m", "new.m.branch": branch, "new.m.name": name, "new.m.version": "fast", "new.m.percent": "5",
		}), nil).body
	}
	for want, got := range map[string]string{
		"The checker finds no problem": add("feature/x", "model_x"),
		"model_x":                      add("feature/x", "model_y"), // the nearest
		"The branch broken cannot be read, so that nobody can tell": add("broken", "model_x"),
		"The checker refuses it":                                    add("none", "model_x"),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Only who may change something has branches read.
func TestBranchesAreReadForEditorsOnly(t *testing.T) {
	var asked []string
	s := newStage(t, split(), remote(&asked))
	s.get("/console/choices?branch=feature/x")
	s.logIn("viewer")
	if got := s.get("/console/choices?branch=feature/x"); got.status != http.StatusForbidden || len(asked) > 0 {
		t.Errorf("a viewer is answered %d; %q were read", got.status, asked)
	}
}
