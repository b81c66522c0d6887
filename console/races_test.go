package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestALostRaceIsRunAgain(t *testing.T) {
	const document = `schemaVersion: 1
backends:
  a: {static: 1, weight: 3}
  b: {deployment: {branch: main, name: m, version: 1}, weight: 1}
mirrors:
  c: {deployment: {branch: main, name: m, version: 1}}
assignment: {key: header:x-user-id}
`
	weight := map[string]string{"b.b.weight": "2"}
	for name, test := range map[string]struct {
		mine     map[string]string
		old, new string // what they replace
		want     int
	}{
		"elsewhere in the file":        {weight, "weight: 3", "weight: 9", http.StatusOK},
		"the same value":               {weight, "weight: 1", "weight: 9", http.StatusConflict},
		"the name of my version":       {map[string]string{"b.b.version": "2"}, "b: {deployment: {branch: main, name: m,", "b: {deployment: {branch: main, name: n,", http.StatusConflict},
		"a mirror beside mine":         {map[string]string{"m.c.do": "remove"}, "mirrors:\n", "mirrors:\n  d: {deployment: {branch: main, name: n, version: 1}}\n", http.StatusOK},
		"the mirror that I promote":    {map[string]string{"m.c.do": "into", "m.c.into": "b"}, "c: {deployment: {branch: main, name: m, version: 1}", "c: {deployment: {branch: main, name: m, version: 2}", http.StatusConflict},
		"all, but I have changed none": {nil, "weight: 3", "weight: 9", http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, map[string]string{"endpoints/e.yaml": document, "deployments/m.yaml": model, "deployments/n.yaml": model}, nil)
			form := s.form(s.logIn("editor"), test.mine)
			s.others("endpoints/e.yaml", strings.Replace(document, test.old, test.new, 1))
			if test.want == http.StatusUnprocessableEntity { // or else only the push finds it out
				s.read()
			}
			got := s.send(http.MethodPost, "/console/publish", form, nil)
			if got.status != test.want {
				t.Fatalf("%d\n%s", got.status, got.body)
			}
			if test.want != http.StatusOK {
				if len(s.pushed) > 0 || strings.Contains(got.body, "Somebody else was faster") != (test.want == http.StatusConflict) {
					t.Errorf("%d commits, and\n%s", len(s.pushed), got.body)
				}
				return
			}
			if text := s.files["endpoints/e.yaml"]; !strings.Contains(text, test.new) || strings.Contains(text, "  c:") == (test.mine["m.c.do"] != "") || !strings.Contains(got.body, "made again upon theirs") {
				t.Errorf("one of both changes is lost:\n%s\nand\n%s", text, got.body)
			}
		})
	}
}

// A commit follows the one that it was judged upon, also if a newer one has been read
// since: or it would take back what that one has changed.
func TestWhatIsReadWhileAChangeIsJudgedIsNotTakenBack(t *testing.T) {
	meanwhile := func() {}
	s := newStage(t, split(), func(o *console.Options) {
		check := o.Check
		o.Check = func(rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
			meanwhile()
			return check(rev)
		}
	})
	form := s.form(s.logIn("editor"), map[string]string{"b.b.weight": "2"})
	meanwhile = func() {
		meanwhile = func() {}
		s.others("endpoints/e.yaml", strings.Replace(split()["endpoints/e.yaml"], "weight: 3", "weight: 9", 1))
		s.read()
	}
	if got := s.send(http.MethodPost, "/console/publish", form, nil); got.status != http.StatusOK {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if text := s.files["endpoints/e.yaml"]; !strings.Contains(text, "weight: 9") || !strings.Contains(text, "weight: 2") {
		t.Errorf("one of both changes is lost:\n%s", text)
	}
}

// A form that comes back is still that of the document it was made of: what others
// have changed meanwhile is no change of who sends it again.
func TestAFormThatComesBackTakesNothingBack(t *testing.T) {
	theirs := strings.Replace(split()["endpoints/e.yaml"], "2, weight: 1", "2, weight: 7", 1) + "mirrors:\n  m: {deployment: {branch: main, name: m, version: 1}}\n"
	for name, test := range map[string]struct {
		mine func(url.Values)
		want int
	}{
		"a form": {func(form url.Values) { form.Set("b.a.weight", "5") }, http.StatusOK},
		"YAML": {func(form url.Values) {
			form.Set("mode", "yaml")
			form.Set("yaml", strings.Replace(form.Get("yaml"), "weight: 3", "weight: 5", 1))
		}, http.StatusConflict},
		"a removal": {func(form url.Values) { form.Set("about", "delete") }, http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, split(), nil)
			s.files["deployments/m.yaml"] = model
			s.read()
			form := s.form(s.logIn("editor"), map[string]string{})
			test.mine(form)
			s.push = func(c console.Commit) error {
				if c.NewBranch {
					return nil
				}
				return &console.ProtectedError{Says: "main is protected"}
			}
			back := s.send(http.MethodPost, "/console/publish", form, nil)
			if back.status != http.StatusConflict || !strings.Contains(back.body, "main is protected") {
				t.Fatalf("%d\n%s", back.status, back.body)
			}
			s.others("endpoints/e.yaml", theirs)
			s.read()
			// It comes back once more, now that the newest document is another one.
			if test.want == http.StatusOK {
				back = s.send(http.MethodPost, "/console/publish", formDirect(formIn(t, back.body)), nil)
			}
			again := formIn(t, back.body)
			if again.Get("where") != "branch" {
				t.Errorf("the form suggests to push to %s", again.Get("where"))
			}
			got := s.send(http.MethodPost, "/console/publish", again, nil)
			if got.status != test.want {
				t.Fatalf("%d instead of %d\n%s", got.status, test.want, got.body)
			}
			if test.want != http.StatusOK {
				if len(s.pushed) > 0 {
					t.Errorf("it is pushed: %s", s.pushed[0].Files)
				}
				return
			}
			if got, want := string(s.pushed[0].Files["endpoints/e.yaml"]), strings.Replace(theirs, "weight: 3", "weight: 5", 1); got != want {
				t.Errorf("it is pushed\n%s\ninstead of\n%s", got, want)
			}
		})
	}
}

func formDirect(form url.Values) url.Values {
	form.Set("where", "direct")
	return form
}

// Who is told to try once more is not told that the branch takes no pushes.
func TestRacesAreNotLostForEver(t *testing.T) {
	s := newStage(t, split(), nil)
	form := s.form(s.logIn("editor"), map[string]string{"b.b.weight": "2"})
	tries := 0
	s.push = func(console.Commit) error {
		tries++
		s.others("endpoints/other.yaml", split()["endpoints/e.yaml"])
		return nil
	}
	got := s.send(http.MethodPost, "/console/publish", form, nil)
	if got.status != http.StatusConflict || tries != 3 || !strings.Contains(got.body, "Try once more") || formIn(t, got.body).Get("where") != "direct" {
		t.Errorf("after %d tries %d\n%s", tries, got.status, got.body)
	}
}

// What was suggested of a message is suggested anew when the form comes back.
func TestAMessageFitsWhatIsCommitted(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	s.push = func(console.Commit) error { return &console.ProtectedError{Says: "no"} }
	for message, want := range map[string]string{"e: set the weight of b from 1 to 2": "", "Why not": "Why not"} {
		form := s.form(token, map[string]string{"b.b.weight": "2", "message": message})
		back := formIn(t, s.send(http.MethodPost, "/console/publish", form, nil).body)
		if got := back.Get("message"); got != want {
			t.Errorf("%q comes back as %q", message, got)
		}
	}
}
