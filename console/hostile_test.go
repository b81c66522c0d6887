package console_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// hostile is a text that would become an element or a handler wherever one forgets
// to escape it; unspaced is one that passes for the id of a request, or the name of a branch.
const (
	hostile  = "\"'`><x-evil onclick=alert(1)>{{.}}<script>alert(1)</script>\r\nevent: x\r\n\r\n"
	unspaced = "\"'`><x-evil/onclick=alert(1)><script>//../{{.}}#a&b;c%2f"
)

// hostileIDs are ids that callers may give to requests.
func hostileIDs() []string {
	return []string{unspaced, "a/b;o=1", "../endpoints/e/delete", "..", ".", "?q#f", "%2e%2e%2f", "a//b"}
}

// hostileStage is a console of which everything says hostile things that others than the
// operator write: names, commits, documents, records, other gateways.
func hostileStage(t *testing.T) *stage {
	t.Helper()
	const branch = "a\"'<x-evil/onclick=1>"
	files := mirrored(t, fmt.Sprintf(`{"data": %q}`, unspaced), fmt.Sprintf(`{"data": %q}`, hostile))
	files["endpoints/e.yaml"] = strings.Replace(files["endpoints/e.yaml"], "b: {static: 2", fmt.Sprintf("b: {static: %q", unspaced), 1) +
		"  other: {deployment: {branch: \"a\\\"'<x-evil/onclick=1>\", name: m, version: latest}}\n" +
		"capture: {request: true, response: true}\n" +
		"assignment: {key: \"header:x-'`evil`'\"}\n# <x-evil onclick=alert(1)><script>\n"
	s := newStage(t, files, func(o *console.Options) {
		past(files["endpoints/e.yaml"], files["endpoints/e.yaml"]+"# "+unspaced+"\n")(o)
		list := o.Revisions
		o.Revisions = func(ctx context.Context) ([]console.Kept, error) {
			kept, err := list(ctx)
			for i := range kept {
				kept[i].Author, kept[i].Subject = hostile, hostile
			}
			return append(kept, console.Kept{Tip: console.Tip{Commit: commitOf(9), Author: hostile, Subject: hostile}, Number: 9, Error: hostile}), err
		}
		o.Branches = func(context.Context) ([]string, error) { return []string{unspaced, "main"}, nil }
		o.Branch = func(context.Context, string) (schema.Tree, error) { return schema.Tree{}, errors.New(hostile) }
		o.Peers = console.Peers{URLs: []string{"http://127.0.0.1:1/" + url.PathEscape(unspaced)}}
		o.Version = hostile
	})
	rev := s.newest
	rev.Trees = maps.Clone(rev.Trees)
	rev.Trees[branch] = schema.Tree{Commit: strings.Repeat("b", 40), FS: fstest.MapFS{"deployments/m.yaml": {Data: []byte(files["deployments/m.yaml"])}}}
	if err := s.gateway.Apply(rev); err != nil {
		t.Fatal(err)
	}
	tip := console.Tip{Commit: strings.Repeat("a", 40), Author: hostile, Subject: hostile, Time: time.Now()}
	s.following = console.Following{
		Repository: "https://git.example.com/" + url.PathEscape(unspaced), Branch: branch, Newest: rev, LiveRevision: rev, Live: &tip, Error: hostile, Pending: &tip,
		Held: &console.Held{Reason: hostile, Commit: unspaced, Gone: []string{hostile}},
		Refused: &console.Refused{Tip: tip, Reason: hostile, Problems: schema.Diagnostics{
			{Position: schema.Position{Branch: branch, File: "endpoints/" + hostile}, Rule: schema.Rule(hostile), Message: hostile, Source: hostile},
		}},
	}
	s.following.Branch = "main"
	for _, id := range hostileIDs() {
		s.call("/v1/e/"+url.PathEscape(hostile), map[string]string{"X-Request-Id": id, "X-'`evil`'": hostile[:len("\"'`><x-evil onclick=alert(1)>{{.}}<script>")]}, fmt.Sprintf("{%q: %q}", unspaced, hostile))
		testbed.Eventually(t, "the records of the request", func() bool {
			return strings.Count(s.get("/console/requests?id="+url.QueryEscape(id)).body, `<section class="card">`) >= 2
		})
	}
	return s
}

// Nothing that others write is more than text on any page, nor in what streams send.
func TestHostileTextsStayTexts(t *testing.T) {
	s := hostileStage(t)
	token := s.logIn("editor")
	query := url.QueryEscape(hostile)
	var pages []string
	for _, path := range []string{
		"/", "/?q=" + query, "/console/endpoints/e", "/console/endpoints/e/change", "/console/endpoints/e/delete", "/console/endpoints/e/try",
		"/console/endpoints/e/report", "/console/endpoints/e/report/m", "/console/endpoints/" + url.PathEscape(unspaced), "/console/new",
		"/console/records", "/console/records?endpoint=" + query + "&since=" + query, "/console/requests?id=" + url.QueryEscape(unspaced),
		"/console/requests?id=" + query, "/console/revisions", "/console/login?to=" + query, "/console/choices?branch=" + query, "/console/" + url.PathEscape(unspaced),
	} {
		got := s.get(path)
		if got.status >= http.StatusInternalServerError {
			t.Errorf("%s is answered %d", path, got.status)
		}
		inert(t, path, got.body)
		pages = append(pages, got.body)
	}
	for _, path := range []string{"/console/events/status", "/console/events/endpoints", "/console/events/endpoints/e", "/console/events/records"} {
		got := s.event(path)
		inert(t, path, got)
		pages = append(pages, got)
	}
	for path, form := range map[string]url.Values{
		"/console/endpoints/e/try": {"method": {"POST"}, "rest": {unspaced}, "headers": {"X-A: " + unspaced + "\nX-Request-Id: " + unspaced}, "body": {hostile}},
		"/console/preview":         {"about": {"change"}, "endpoint": {"e"}, "mode": {"yaml"}, "yaml": {"backends: {" + hostile}, "message": {hostile}},
		"/console/publish":         {"about": {"change"}, "endpoint": {"e"}, "mode": {"yaml"}, "yaml": {"a: |\n  " + hostile}, "message": {hostile}, "own": {hostile}},
		"/console/login":           {"name": {hostile}, "password": {hostile}, "to": {hostile}},
	} {
		form.Set("token", token)
		got := s.send(http.MethodPost, path, form, nil)
		inert(t, path, got.body)
		pages = append(pages, got.body)
	}
	shown := 0
	for _, page := range pages {
		if strings.Contains(page, "x-evil") {
			shown++
		}
	}
	if shown < len(pages)-2 { // /console/choices and what asks for nothing
		t.Errorf("only %d of %d pages show what is hostile: the test proves little", shown, len(pages))
	}
}

// inert fails if a page has an element, a handler or a link of somebody else's.
func inert(t *testing.T, path, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		own := []string{"link", "script"}
		if n.Data == "x-evil" || n.Data == "script" && !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "src" && a.Val == "/console/assets/console.js" }) {
			t.Errorf("%s has an element %s %v", path, n.Data, n.Attr)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.ContainsAny(a.Key, "\"'`<>{") {
				t.Errorf("%s: an element %s has the attribute %s", path, n.Data, a.Key)
			}
			if !slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key) {
				continue
			}
			to, err := url.Parse(a.Val)
			if err != nil || to.Host != "" && to.Host != "git.example.com" || to.Scheme != "" && to.Scheme != "https" {
				t.Errorf("%s: %s of %s leads to %q", path, a.Key, n.Data, a.Val)
			}
			if slices.Contains(own, n.Data) && !strings.HasPrefix(a.Val, "/console/assets/") {
				t.Errorf("%s loads %q", path, a.Val)
			}
		}
	}
}

// Whatever id a caller has given to a request, its link leads to its records.
func TestLinksOfRequestsLeadToThem(t *testing.T) {
	s := hostileStage(t)
	here, err := url.Parse("http://" + s.host + "/console/records")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	root, err := html.Parse(strings.NewReader(s.get(here.Path).body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		i := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "href" && strings.HasPrefix(a.Val, "/console/requests") })
		if n.Data != "a" || i < 0 {
			continue
		}
		to, err := url.Parse(n.Attr[i].Val)
		if err != nil {
			t.Fatal(err)
		}
		to = here.ResolveReference(to) // as browsers do
		got := s.get(to.RequestURI())
		id := to.Query().Get("id")
		if got.status != http.StatusOK || !strings.Contains(html.UnescapeString(got.body), `Request <span class="mono">`+id+"</span>") {
			t.Errorf("%q leads to %d\n%.300s", n.Attr[i].Val, got.status, got.body)
		}
		found[id] = true
	}
	for _, id := range hostileIDs() {
		if !found[id] {
			t.Errorf("no link leads to %q", id)
		}
	}
}
