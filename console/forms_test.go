package console_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/switchyard-gateway/switchyard/console"
)

// formIn is what a browser sends of the form of a page in which nothing is touched.
func formIn(t testing.TB, page string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(strings.ToValidUTF8(page, "\ufffd")))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && has(n, "data-preview") {
			for field := range n.Descendants() {
				addField(form, field)
			}
		}
	}
	if len(form) == 0 {
		t.Fatalf("the page has no form:\n%s", page)
	}
	return form
}

func addField(form url.Values, n *html.Node) {
	name := attribute(n, "name")
	if n.Type != html.ElementNode || name == "" {
		return
	}
	switch kind := attribute(n, "type"); {
	case n.Data == "textarea":
		form.Add(name, strings.ReplaceAll(textOf(n), "\n", "\r\n"))
	case n.Data == "select":
		options := slices.DeleteFunc(slices.Collect(n.ChildNodes()), func(n *html.Node) bool { return n.Data != "option" })
		chosen := max(0, slices.IndexFunc(options, func(n *html.Node) bool { return has(n, "selected") }))
		if value := attribute(options[chosen], "value"); value != "" {
			form.Add(name, value)
		} else {
			form.Add(name, textOf(options[chosen]))
		}
	case n.Data == "input" && (kind == "checkbox" || kind == "radio"):
		if value := attribute(n, "value"); has(n, "checked") {
			form.Add(name, value)
		}
	case n.Data == "input":
		form.Add(name, attribute(n, "value"))
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func textOf(n *html.Node) (text string) {
	for below := range n.Descendants() {
		if below.Type == html.TextNode {
			text += below.Data
		}
	}
	return text
}

// ownName is the name of a new branch that a form suggests.
var ownName = regexp.MustCompile(`^console/editor/e-\d{8}-\d{6}$`)

const model = "schemaVersion: 1\nversions:\n  1: {url: http://127.0.0.1:9/}\n  2: {url: http://127.0.0.1:9/}\n"

// Fields have all digits of what the document says, or what nobody has touched
// would be committed as well.
func TestAFormThatNobodyTouchesChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	numbers := []float64{33.33, 33.34, 99.99, 12.25, 0.0001, 1e-9, 100, 1234.5}
	for range 200 {
		numbers = append(numbers, r.Float64()*100)
	}
	s := newStage(t, split(), nil)
	s.logIn("editor")
	s.files["deployments/m.yaml"] = model
	for pair := range slices.Chunk(numbers, 2) {
		a, b := strconv.FormatFloat(pair[0], 'g', -1, 64), strconv.FormatFloat(min(pair[1], 100), 'f', -1, 64)
		s.files["endpoints/e.yaml"] = fmt.Sprintf(`schemaVersion: 1
backends:
  a: {static: {"data": [1, 2]}, weight: %s}
  b: {deployment: {branch: main, name: m, version: latest}}
mirrors:
  off: {deployment: {branch: main, name: m, version: 1}, percent: %s, enabled: false}
  on: {deployment: {branch: main, name: m, version: 2}}
assignment: {key: header:x-user-id}
`, a, b)
		s.read()
		form := formIn(t, s.get("/console/endpoints/e/change").body)
		if got := s.send(http.MethodPost, "/console/preview", form, nil); !strings.Contains(got.body, "Nothing changes yet.") {
			t.Fatalf("with %s and %s the form asks for\n%s", a, b, got.body)
		}
	}
}

func TestNumbersAreCommittedAndToldAsTheyAre(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	s.files["endpoints/e.yaml"] = strings.Replace(split()["endpoints/e.yaml"], "weight: 3", "weight: 95.15", 1)
	s.read()
	if got := s.send(http.MethodPost, "/console/publish", s.form(token, map[string]string{"b.a.weight": "95.25"}), nil); got.status != http.StatusOK {
		t.Fatalf("%d\n%s", got.status, got.body)
	}
	if got, want := s.pushed[0].Message, "e: set the weight of a from 95.15 to 95.25\n"; got != want {
		t.Errorf("the message is %q instead of %q", got, want)
	}
}

// Browsers send all lines with the same end. Those of the document stay as they are.
func TestLineEndsOfAllSortsSurviveAForm(t *testing.T) {
	const document = "schemaVersion: 1\r\nbackends:\n  a: {static: 1, weight: 3}\r\n  b: {static: 2}\r  # end"
	change := func(old, by string) func(url.Values) {
		return func(form url.Values) {
			form.Set("mode", "yaml")
			form.Set("yaml", strings.Replace(form.Get("yaml"), old, by, 1))
		}
	}
	for what, test := range map[string]struct {
		change func(url.Values)
		want   string // empty: nothing is pushed
	}{
		"untouched, as a form": {func(url.Values) {}, ""},
		"untouched, as YAML":   {change("", ""), ""},
		"a weight":             {func(form url.Values) { form.Set("b.a.weight", "4") }, strings.Replace(document, "weight: 3", "weight: 4", 1)},
		"a line, as YAML":      {change("weight: 3", "weight: 4"), strings.Replace(document, "weight: 3", "weight: 4", 1) + "\r\n"},
		"a new line, as YAML":  {change("  # end", "  c: {static: 3}\r\n  # end"), strings.Replace(document, "  # end", "  c: {static: 3}\r\n  # end\r\n", 1)},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t, map[string]string{"endpoints/e.yaml": document}, nil)
			s.logIn("editor")
			form := formIn(t, s.get("/console/endpoints/e/change").body)
			test.change(form)
			got := s.send(http.MethodPost, "/console/publish", form, nil)
			if test.want == "" {
				if got.status != http.StatusUnprocessableEntity || len(s.pushed) > 0 || !strings.Contains(got.body, "Nothing changes yet.") {
					t.Errorf("%d\n%s", got.status, got.body)
				}
				return
			}
			if got.status != http.StatusOK || s.files["endpoints/e.yaml"] != test.want {
				t.Errorf("%d, and the document is %q instead of %q\n%s", got.status, s.files["endpoints/e.yaml"], test.want, got.body)
			}
		})
	}
}

// What a browser cannot send as it is can be deleted all the same, and goes only then.
func TestADocumentThatIsNoTextCanBeDeleted(t *testing.T) {
	for _, document := range []string{"schemaVersion: 1\r\nbackends:\n  a: {static: 1}", "\xff\xfe\x00", ""} {
		s := newStage(t, map[string]string{"endpoints/e.yaml": document, "endpoints/other.yaml": split()["endpoints/e.yaml"]}, nil)
		s.logIn("editor")
		got := s.send(http.MethodPost, "/console/publish", formIn(t, s.get("/console/endpoints/e/change").body), nil)
		if got.status != http.StatusUnprocessableEntity || len(s.pushed) > 0 {
			t.Errorf("%q, which nobody has touched, is answered %d\n%s", document, got.status, got.body)
		}
		got = s.send(http.MethodPost, "/console/publish", formIn(t, s.get("/console/endpoints/e/delete").body), nil)
		if _, there := s.files["endpoints/e.yaml"]; there || got.status != http.StatusOK {
			t.Errorf("%q is answered %d\n%s", document, got.status, got.body)
		}
	}
}

func TestTheNameOfANewEndpointIsTaken(t *testing.T) {
	s := newStage(t, split(), nil)
	s.logIn("editor")
	form := formIn(t, s.get("/console/new").body)
	form.Set("endpoint", "e")
	form.Set("mode", "yaml")
	form.Set("yaml", "schemaVersion: 1\r\nbackends:\r\n  a: {static: 5}\r\n")
	for path, status := range map[string]int{"/console/preview": http.StatusOK, "/console/publish": http.StatusUnprocessableEntity} {
		got := s.send(http.MethodPost, path, form, nil)
		if got.status != status || !strings.Contains(got.body, `There is an endpoint <a href="/console/endpoints/e/change">e</a> already`) || strings.Contains(got.body, "faster") {
			t.Errorf("%s is answered %d\n%s", path, got.status, got.body)
		}
	}
}

// Who asks for a second merge gets a second branch.
func TestABranchOfThatNameIsThereAlready(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	form := s.form(token, map[string]string{"b.b.weight": "2", "where": "branch"})
	suggested := form.Get("own")
	if !ownName.MatchString(suggested) {
		t.Errorf("the form suggests %q", suggested)
	}
	form.Set("own", "mine")
	s.push = func(c console.Commit) error { return &console.TakenError{Branch: c.Branch} }
	got := s.send(http.MethodPost, "/console/publish", form, nil)
	if got.status != http.StatusConflict || !strings.Contains(got.body, "There is a branch mine already. Nothing was pushed.") {
		t.Errorf("%d\n%s", got.status, got.body)
	}
	again := formIn(t, got.body)
	if !ownName.MatchString(again.Get("own")) || again.Get("where") != "branch" || again.Get("b.b.weight") != "2" {
		t.Errorf("the form comes back with %v", again)
	}
}
