package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Several documents that are wrong are put right one after the other.
func TestBrokenDocumentsAreRepairedOneByOne(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	s.files["endpoints/x.yaml"], s.files["endpoints/y.yaml"] = "schemaVersion: 1\n", "backends: ["
	s.files["deployments/d.yaml"] = "schemaVersion: 2\n"
	s.read()
	repair := func(name, text string) answer {
		form := formIn(t, s.get("/console/endpoints/"+name+"/change").body)
		form.Set("token", token)
		form.Set("yaml", text)
		return s.send(http.MethodPost, "/console/publish", form, nil)
	}
	form := formIn(t, s.get("/console/endpoints/x/change").body)
	form.Set("yaml", split()["endpoints/e.yaml"])
	preview := s.send(http.MethodPost, "/console/preview", form, nil)
	for _, want := range []string{"serves only when what was wrong before is put right", `<a class="mono" href="/console/endpoints/y/change">endpoints/y.yaml:1:`, `<span class="mono">deployments/d.yaml:1:`} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("nothing says %q:\n%s", want, preview.body)
		}
	}
	if strings.Contains(preview.body, "data-blocks") {
		t.Errorf("the repair is refused:\n%s", preview.body)
	}
	if got := repair("x", "schemaVersion: 1\nbackends: {a: {statik: 1}}\n"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("what is still wrong is answered %d\n%s", got.status, got.body)
	}
	if got := repair("x", split()["endpoints/e.yaml"]); got.status != http.StatusOK || s.gateway.Current().Endpoint("x") != nil {
		t.Errorf("the repair of one is answered %d\n%s", got.status, got.body)
	}
	delete(s.files, "deployments/d.yaml")
	s.read()
	if got := s.send(http.MethodPost, "/console/publish", formIn(t, s.get("/console/endpoints/y/delete").body), nil); got.status != http.StatusOK || s.gateway.Current().Endpoint("x") == nil {
		t.Errorf("the end of the other is answered %d\n%s", got.status, got.body)
	}
}

// What a refused revision is refused for leads to where it can be changed, for those
// who may.
func TestProblemsOfARefusedRevisionLeadToTheEditor(t *testing.T) {
	s := newStage(t, split(), nil)
	refused := console.Refused{Problems: schema.Diagnostics{
		{Position: schema.Position{File: "endpoints/x.yml", Line: 3, Column: 1}, Message: "one"},
		{Position: schema.Position{File: "endpoints/Not-A-Name.yaml", Line: 3, Column: 1}, Message: "two"},
		{Position: schema.Position{Branch: "dev", File: "deployments/m.yaml", Line: 3, Column: 1}, Message: "three"},
	}}
	s.following.Refused = &refused
	if page := s.get("/").body; !strings.Contains(page, "endpoints/x.yml:3:1") || strings.Contains(page, `href="/console/endpoints/x/change"`) {
		t.Errorf("somebody who may change nothing is led to the editor:\n%s", page)
	}
	s.logIn("editor")
	if page := s.get("/").body; !strings.Contains(page, `<a class="mono" href="/console/endpoints/x/change">endpoints/x.yml:3:1</a>`) || strings.Count(page, "/change") != 1 {
		t.Errorf("the page leads not to the editor, or to more than there is:\n%s", page)
	}
}
