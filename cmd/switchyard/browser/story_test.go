package browser_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func (s *stage) call(endpoint, subject string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.public+"/v1/"+endpoint, strings.NewReader(`{"data": 10}`))
	if err != nil {
		s.t.Error(err)
		return
	}
	r.Header.Set("X-User-Id", subject)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Errorf("%s answers %s", endpoint, answer.Status)
	}
}

// From nothing to a promoted mirror, and back.
func TestAMirrorEarnsItsPromotion(t *testing.T) {
	s := newStage(t)
	s.goTo("/console/login?to=/")
	s.everywhere("login")
	s.logIn("editor", "/")

	s.goTo("/console/new")
	s.fill("endpoint", "pricing")
	s.choose("[name=kind][value=split]")
	s.fill("n.1.name", "pricing_v1")
	s.fill("n.2.name", "pricing_v2")
	s.fill("n.2.version", "stable")
	s.fill("key", "header:x-user-id")
	s.picture("new")
	s.commits()
	s.sees("It serves")

	s.goTo("/console/endpoints/pricing/change")
	s.choose("details.plus:last-of-type summary")
	s.fill("new.m.label", "candidate")
	s.fill("new.m.name", "pricing_v2")
	s.fill("new.m.version", "latest")
	s.commits()
	s.sees("It serves")

	s.traffic("pricing")
	s.calls("pricing", 60, "candidate")
	s.goTo("/console/records?endpoint=pricing")
	s.sees("candidate")
	s.picture("records")
	const apart = `[...document.querySelectorAll(".records tbody tr")].findLast(row => row.innerText.includes("mirror") && row.cells[5].innerText === "no")`
	s.until("a copy is answered otherwise", apart+" !== undefined")
	s.run(apart + `.querySelector("a.mono").click()`)
	s.sees("Answered by")
	s.sees("live")
	s.sees("mirror")
	s.picture("request")

	s.goTo("/console/endpoints/pricing")
	s.click("th a.small")
	s.until("the report is there", `location.pathname.endsWith("/report/candidate")`)
	s.sees("pairs")
	s.everywhere("report")
	s.goTo("/console/endpoints/pricing/report")
	s.sees("pricing: backends")
	s.goTo("/console/endpoints/pricing/try")
	s.fill("headers", "Content-Type: application/json\nX-User-Id: subject-7\nAuthorization: Bearer secret")
	s.choose("[data-keep]")
	s.click("form.card button.primary")
	s.sees("differs")
	s.everywhere("try")
	s.choose("[data-kept] button")
	if kept := get(s, chromedp.Evaluate[string](`document.querySelector("[name=headers]").value`)); !strings.Contains(kept, "X-User-Id: subject-7\nAuthorization:") || strings.Contains(kept, "secret") {
		t.Errorf("the headers are kept as %q", kept)
	}
	s.goTo("/console/endpoints/pricing")
	s.sees("be promoted?")
	testbed.Eventually(t, "the agreement is drawn", func() bool {
		return get(s, chromedp.Evaluate[bool](`document.body.innerText.includes("Agreement of mirrors")`))
	})
	s.everywhere("endpoint")
	s.goTo("/")
	s.sees("pricing")
	s.everywhere("endpoints")
	s.dark(true)
	s.picture("endpoints-dark")
	s.dark(false)
	s.narrow(true)
	s.picture("endpoints-narrow")
	s.narrow(false)
	s.goTo("/console/endpoints/pricing/change")
	s.fill("b.experiment.weight", "20")
	s.sees("get another backend than before")
	s.sees("control → experiment")
	s.everywhere("change")
	s.fill("b.experiment.weight", "5")
	s.sees("Nothing changes yet.")
	s.fill("m.candidate.do", "backend")
	s.fill("m.candidate.weight", "5")
	s.commits()
	s.sees("It serves")
	s.picture("published")
	if text := s.file("endpoints/pricing.yaml"); strings.Contains(text, "mirrors") || !strings.Contains(text, "candidate:") {
		t.Errorf("the mirror is not promoted:\n%s", text)
	}

	s.calls("pricing", 40, "")
	s.goTo("/console/endpoints/pricing")
	s.sees("candidate")
	testbed.Eventually(t, "the charts are drawn", func() bool {
		return get(s, chromedp.Evaluate[int](`document.querySelectorAll(".chart .line").length`)) >= 4
	})
	s.goTo("/")
	s.sees("pricing")

	log := s.git(s.repo, "log", "--format=%an <%ae> %s", "main")
	for _, want := range []string{
		"The Editor <editor@example.com> pricing: new endpoint",
		"The Editor <editor@example.com> pricing: mirror 100 % of requests to candidate, main/pricing_v2 latest",
		"The Editor <editor@example.com> pricing: promote the mirror candidate to a backend of weight 5",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("git log has no %q:\n%s", want, log)
		}
	}

	s.goTo("/console/revisions")
	s.sees("pricing: new endpoint")
	s.sees("endpoint added")
	s.everywhere("revisions")
	s.click("tbody tr:nth-child(2) button")
	s.sees("pinned")
	s.goTo("/console/endpoints/pricing")
	s.sees("mirror")
	s.goTo("/console/revisions")
	s.click(".actions form:nth-child(2) button")
	testbed.Eventually(t, "the pin is gone", func() bool {
		return strings.Contains(s.text(), "Sync now") && !strings.Contains(s.text(), "Unpin")
	})
}

// What stands on a branch that no endpoint names yet is offered, checked, and serves;
// and the form goes on after another login.
func TestAMirrorComesFromAnotherBranch(t *testing.T) {
	s := newStage(t)
	s.push("Others", map[string]string{"endpoints/a.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1}\n", "endpoints/b.yaml": "schemaVersion: 1\nbackends:\n  b: {static: 1}\n"})
	s.git(s.work, "checkout", "-qb", "feature/next")
	s.pushTo("feature/next", "The next model", map[string]string{"deployments/pricing_next.yaml": "schemaVersion: 1\nversions:\n  4: {url: " + testbed.HTTP(t, model) + "}\naliases: {fast: 4}\n"})
	s.git(s.work, "checkout", "-q", "main")
	s.logIn("editor", "/")
	s.goTo("/console/endpoints/quotes/change")
	s.choose("fieldset:nth-of-type(2) details.plus summary")
	s.fill("new.m.label", "next")
	s.until("the branch is offered", `document.querySelector("#branches option[value='feature/next']") !== null`)
	s.fill("new.m.branch", "feature/next")
	// Nobody looks at the browser, so that no focus moves by itself.
	focused := func(name string) string {
		return `document.querySelector("[name='` + name + `']").dispatchEvent(new FocusEvent("focusin", {bubbles: true})), `
	}
	offered := func(list string) string {
		return `[...document.getElementById("` + list + `").options].map(o => o.value).join()`
	}
	s.until("its deployments are offered", focused("new.m.name")+offered("deployments")+` === "pricing_next,pricing_v1,pricing_v2"`)
	s.fill("new.m.name", "pricing_next")
	s.until("its versions are offered", focused("new.m.version")+offered("versions")+` === "latest,fast,4"`)
	s.fill("new.m.version", "slow")
	s.sees("The checker refuses it")

	s.run(`const form = document.querySelector(".who form"); fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))}).then(() => { document.title = "out" })`)
	s.until("the session is over", `document.title === "out"`)
	s.fill("new.m.version", "fast")
	s.sees("Your session is over")
	s.run(`fetch("/console/login", {method: "POST", body: new URLSearchParams({name: "editor", password: "` + password + `", to: "/console/login"})}).then(() => { document.title = "in" })`)
	s.until("another one has begun", `document.title === "in"`)
	s.run(`window.dispatchEvent(new Event("focus"))`)
	s.commits()
	s.sees("It serves")
	if text := s.file("endpoints/quotes.yaml"); !strings.Contains(text, "deployment: {branch: feature/next, name: pricing_next, version: fast}") {
		t.Errorf("the file is\n%s", text)
	}

	s.goTo("/console/endpoints/quotes/delete")
	s.sees("callers of /v1/quotes get 404")
	s.everywhere("delete")
	s.commits()
	s.sees("It is gone")
	if files := s.git(s.repo, "ls-tree", "--name-only", "-r", "main"); strings.Contains(files, "quotes") {
		t.Errorf("the files are\n%s", files)
	}
}

// Whom a provider on another site knows logs in there, comes back, and is who has
// made the commit.
func TestSomebodyLogsInAtAProvider(t *testing.T) {
	s := newStage(t)
	s.provider.Say = map[string]any{"name": "Jo Doe", "email": "jo@example.com", "email_verified": true, "groups": []string{"models"}}
	s.goTo("/console/login?to=/console/endpoints/quotes/change")
	s.click("a.primary")
	s.sees("Change quotes")
	s.choose("[name=mode][value=yaml]")
	s.fill("yaml", "schemaVersion: 1\nbackends:\n  fixed: {static: {\"data\": 1}}\n")
	s.commits()
	s.sees("It serves")
	if got := s.git(s.repo, "log", "-1", "--format=%an <%ae>", "main"); got != "Jo Doe <jo@example.com>" {
		t.Errorf("the commit is by %s", got)
	}
}

func TestAChangeIsMadeAgainUponWhatOthersPushed(t *testing.T) {
	s := newStage(t)
	s.push("A split", map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 1}   # old\n  b: {static: 2, weight: 1}\n"})
	s.logIn("editor", "/")
	testbed.Eventually(t, "the split serves", func() bool {
		answer, err := http.Get(s.admin + "/console/endpoints/e")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	})

	s.goTo("/console/endpoints/e/change")
	s.fill("b.a.weight", "3")
	s.sees("The checker finds no problem.")
	s.push("Somebody else's", map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 1}   # old\n  b: {static: 2, weight: 7}\n"})
	s.click("button[data-commit]")
	s.sees("your change was made again upon theirs")
	if got := s.file("endpoints/e.yaml"); !strings.Contains(got, "a: {static: 1, weight: 3}   # old") || !strings.Contains(got, "b: {static: 2, weight: 7}") {
		t.Errorf("both changes are not there:\n%s", got)
	}

	s.goTo("/console/endpoints/e/change")
	s.fill("b.a.weight", "4")
	s.sees("The checker finds no problem.")
	s.push("The same", map[string]string{"endpoints/e.yaml": strings.Replace(s.file("endpoints/e.yaml"), "weight: 3", "weight: 9", 1) + "\n"})
	s.click("button[data-commit]")
	s.sees("Somebody else was faster")
	s.picture("conflict")
	if got := s.file("endpoints/e.yaml"); !strings.Contains(got, "weight: 9") {
		t.Errorf("the other's change is gone:\n%s", got)
	}
}

func TestAProtectedBranchTakesAMergeRequest(t *testing.T) {
	s := newStage(t)
	hook := "#!/bin/sh\n[ \"$1\" != refs/heads/main ] || { echo 'main is protected' >&2; exit 1; }\n"
	if err := os.WriteFile(filepath.Join(s.repo, "hooks", "update"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	before := s.git(s.repo, "rev-parse", "main")
	s.logIn("editor", "/")
	s.goTo("/console/endpoints/quotes/change")
	s.fill("b.fixed.branch", "main")
	s.fill("b.fixed.name", "pricing_v1")
	s.fill("b.fixed.version", "latest")
	s.commits()
	s.sees("takes no commit on this branch")
	s.sees("main is protected")
	s.picture("protected")
	s.commits()
	s.sees("Pushed to a branch")
	if s.git(s.repo, "rev-parse", "main") != before {
		t.Error("the protected branch has moved")
	}
	own := s.git(s.repo, "for-each-ref", "--format=%(refname)", "refs/heads/console/editor/")
	text := s.git(s.repo, "show", own+":endpoints/quotes.yaml")
	if want := "fixed: {deployment: {branch: main, name: pricing_v1, version: latest}}   # for now"; !strings.Contains(text, want) || !strings.Contains(text, "# answers while") {
		t.Errorf("the branch has\n%s", text)
	}
}

func TestAViewerChangesNothing(t *testing.T) {
	s := newStage(t)
	s.logIn("viewer", "/")
	s.lacks("New endpoint")
	s.goTo("/console/endpoints/quotes")
	s.lacks("Change")
	s.goTo("/console/endpoints/quotes/change")
	s.sees("your role is viewer")
	status := get(s, chromedp.Evaluate[int](`fetch("/console/publish", {method: "POST", body: new URLSearchParams({about: "delete", endpoint: "quotes"})}).then(r => r.status)`,
		chromedp.EvalAwaitPromise))
	if status != http.StatusForbidden {
		t.Errorf("a viewer's push is answered %d", status)
	}
}

func TestDiagnosticsComeWhileSomebodyTypes(t *testing.T) {
	s := newStage(t)
	s.logIn("editor", "/")
	s.goTo("/console/endpoints/quotes/change")
	s.choose("[name=mode][value=yaml]")
	s.fill("yaml", "schemaVersion: 1\nbackends:\n  fixed:\n    static: 1\n    weigth: 2\n")
	s.sees(`unknown key "weigth"; did you mean "weight"?`)
	s.sees("line 5")
	s.picture("diagnostics")
	if !get(s, chromedp.Evaluate[bool](`document.querySelector("button[data-commit]").disabled`)) {
		t.Error("what is refused can be committed")
	}
	s.push("A mistake", map[string]string{"endpoints/bad.yaml": "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: pricing_v9, version: latest}}\n"})
	s.goTo("/")
	s.sees("is refused")
	s.sees("pricing_v9")
	s.picture("refused")
}
