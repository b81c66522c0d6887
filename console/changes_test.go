package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// form is what the browser sends of the form of e, filled in.
func (s *stage) form(token string, fields map[string]string) url.Values {
	s.t.Helper()
	form := formIn(s.t, s.get("/console/endpoints/e/change").body)
	form.Set("token", token)
	for name, value := range fields {
		form.Set(name, value)
	}
	return form
}

func TestAChangeIsACommit(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	form := s.form(token, map[string]string{"b.b.weight": "2"})
	preview := s.send(http.MethodPost, "/console/preview", form, nil)
	for _, want := range []string{"The checker finds no problem", "get another backend than before", "a → b", "weight: 2", `data-suggest="e: set the weight of b from 1 to 2"`} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("the preview has no %q:\n%s", want, preview.body)
		}
	}
	got := s.send(http.MethodPost, "/console/publish", form, nil)
	if got.status != http.StatusOK {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	want := []console.Commit{{
		Base: strings.Repeat("a", 40), Branch: "main", Name: "The editor", Email: "editor@example.com", Message: "e: set the weight of b from 1 to 2\n",
		Files: map[string][]byte{"endpoints/e.yaml": []byte(strings.Replace(split()["endpoints/e.yaml"], "2, weight: 1", "2, weight: 2", 1))},
	}}
	if diff := cmp.Diff(want, s.pushed); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatTheCheckerRefusesIsNotPushed(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	for what, fields := range map[string]map[string]string{
		"no such deployment": {"new.m.label": "m", "new.m.branch": "main", "new.m.name": "none", "new.m.version": "latest", "new.m.percent": "5"},
		"all weights are 0":  {"b.a.weight": "0", "b.b.weight": "0"},
		"no number":          {"b.a.weight": "many"},
		"nothing changes":    {"b.a.weight": "3"},
		"bad YAML":           {"mode": "yaml", "yaml": "backends: ["},
		"an unknown key":     {"mode": "yaml", "yaml": "schemaVersion: 1\nbackend: {}\n"},
		"a path":             {"endpoint": "../deployments/m"},
	} {
		got := s.send(http.MethodPost, "/console/publish", s.form(token, fields), nil)
		if got.status != http.StatusUnprocessableEntity && got.status != http.StatusConflict {
			t.Errorf("%s: %d\n%s", what, got.status, got.body)
		}
	}
	if len(s.pushed) > 0 {
		t.Errorf("%d commits were pushed", len(s.pushed))
	}
}

func TestAProtectedBranchIsSaid(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	s.push = func(c console.Commit) error {
		if c.NewBranch {
			return nil
		}
		return &console.ProtectedError{Says: "main is protected"}
	}
	form := s.form(token, map[string]string{"b.b.weight": "2"})
	got := s.send(http.MethodPost, "/console/publish", form, nil)
	if got.status != http.StatusConflict || !strings.Contains(got.body, "main is protected") || !strings.Contains(got.body, `name="b.b.weight" value="2"`) {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	form.Set("where", "branch")
	form.Set("own", "change-e")
	got = s.send(http.MethodPost, "/console/publish", form, nil)
	if len(s.pushed) != 1 || s.pushed[0].Branch != "change-e" || !strings.Contains(got.body, "https://git.example.com/models/compare/main...change-e") {
		t.Errorf("%+v\n%s", s.pushed, got.body)
	}
}

func TestANewEndpointAndItsEnd(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	got := s.send(http.MethodPost, "/console/publish", url.Values{
		"token": {token}, "about": {"new"}, "endpoint": {"fresh"}, "mode": {"yaml"}, "yaml": {"schemaVersion: 1\nbackends:\n  a: {static: 5}"}, "where": {"direct"},
	}, nil)
	if got.status != http.StatusOK || s.gateway.Current().Endpoint("fresh") == nil {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	page := s.get("/console/endpoints/fresh/delete").body
	form := formIn(t, page)
	for _, want := range []string{"The checker finds no problem", `<td class="text">  a: {static: 5}</td>`, "No requests came in the last ten minutes", `data-suggest="fresh: remove the endpoint"`} {
		if !strings.Contains(page, want) {
			t.Errorf("before it is deleted nothing says %q:\n%s", want, page)
		}
	}
	s.push = func(c console.Commit) error {
		if c.NewBranch {
			return nil
		}
		return &console.ProtectedError{Says: "main is protected"}
	}
	if got := s.send(http.MethodPost, "/console/publish", form, nil); got.status != http.StatusConflict || !strings.Contains(got.body, `value="branch" checked`) || !strings.Contains(got.body, "<h1>Delete fresh</h1>") {
		t.Errorf("where the branch is protected: %d\n%s", got.status, got.body)
	}
	s.push = nil
	got = s.send(http.MethodPost, "/console/publish", form, nil)
	if got.status != http.StatusOK || s.gateway.Current().Endpoint("fresh") != nil {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
}

func TestARequestIsTried(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	got := s.send(http.MethodPost, "/console/endpoints/e/try", url.Values{"token": {token}, "method": {"POST"}, "headers": {"X-User-Id: me"}, "body": {"{}"}}, nil)
	if got.status != http.StatusOK || !strings.Contains(got.body, ">Answers<") || !regexp.MustCompile(`X-Request-Id: console-[A-Z0-9]+`).MatchString(got.body) {
		t.Errorf("%d\n%s", got.status, got.body)
	}
}

func TestOrdersOfEditorsAreCarriedOut(t *testing.T) {
	var given []string
	note := func(what string, err error) func(context.Context, string) error {
		return func(_ context.Context, commit string) error {
			given = append(given, what+" "+commit)
			return err
		}
	}
	s := newStage(t, split(), func(o *console.Options) {
		o.Sync = func(ctx context.Context) error { return note("sync", nil)(ctx, "") }
		o.Accept, o.Pin = note("accept", nil), note("pin", errors.New("no such revision is kept"))
		o.Unpin = func(ctx context.Context) error { return note("unpin", nil)(ctx, "") }
	})
	token := s.logIn("editor")
	s.following.Held = &console.Held{Reason: "Most endpoints are gone from it", Commit: "0123456789abcdef", Gone: []string{"e"}}
	if page := s.get("/").body; !strings.Contains(page, "Most endpoints are gone from it: e") || !strings.Contains(page, "Accept <span class=\"mono\">0123456789</span>") {
		t.Errorf("what is held is shown as\n%s", page)
	}
	for path, status := range map[string]int{
		"/console/sync": http.StatusSeeOther, "/console/accept": http.StatusSeeOther, "/console/unpin": http.StatusSeeOther, "/console/pin": http.StatusConflict,
	} {
		got := s.send(http.MethodPost, path, url.Values{"token": {token}, "commit": {"0123456789abcdef"}}, nil)
		if got.status != status || status == http.StatusConflict && !strings.Contains(got.body, "no such revision is kept") {
			t.Errorf("%s is answered %d\n%s", path, got.status, got.body)
		}
	}
	slices.Sort(given)
	if diff := cmp.Diff([]string{"accept 0123456789abcdef", "pin 0123456789abcdef", "sync ", "unpin "}, given); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A list of 1,000 endpoints costs what one of 100 does: it shows 100 at a time.
func TestAThousandEndpointsAreListed(t *testing.T) {
	s, hundred := newStage(t, manyEndpoints(1000), nil), newStage(t, manyEndpoints(100), nil)
	got := s.get("/?page=10")
	if !strings.Contains(got.body, "901–1000 of 1000") || strings.Count(got.body, `scope="row"`) != 100 {
		t.Errorf("the last page is\n%.2000s", got.body)
	}
	if all, few := len(got.body), len(hundred.get("/").body); all > few+few/20 {
		t.Errorf("a page of 1,000 has %d bytes, and one of 100 %d", all, few)
	}
	cost := func(s *stage) float64 { return testbed.Allocs(1, func() { s.get("/") }) }
	if all, few := cost(s), cost(hundred); all > 1.1*few {
		t.Errorf("a page of 1,000 takes %.0f allocations, and one of 100 %.0f", all, few)
	}
	if got := s.get("/?q=E0500"); strings.Count(got.body, `scope="row"`) != 1 {
		t.Errorf("a search finds\n%.2000s", got.body)
	}
}

func manyEndpoints(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("endpoints/e%04d.yaml", i)] = split()["endpoints/e.yaml"]
	}
	return files
}

func BenchmarkListOfAThousand(b *testing.B) {
	s := newStage(b, manyEndpoints(1000), nil)
	b.ReportAllocs()
	for b.Loop() {
		s.get("/")
	}
}
