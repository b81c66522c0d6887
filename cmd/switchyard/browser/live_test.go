package browser_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// listens is true while the page gets what moves.
const listens = `document.querySelector("#status[data-revision]") !== null && document.querySelector("[data-lost]") === null`

// Tabs that nobody sees leave the browser its connections.
func TestManyTabsAreOpen(t *testing.T) {
	s := newStage(t)
	first := s.tab
	for range 8 {
		tab, closeTab := chromedp.NewContext(first)
		t.Cleanup(closeTab)
		if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
			t.Fatal(err)
		}
		s.tab = tab
		s.goTo("/")
		s.sees("quotes")
		s.until("the page is there", scripted)
		s.run(`Object.defineProperty(document, "hidden", {value: true, configurable: true}); document.dispatchEvent(new Event("visibilitychange"))`)
	}
	s.push("Another one", map[string]string{"endpoints/quotes.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1}\n  b: {static: 2}\n"})
	s.run(`Object.defineProperty(document, "hidden", {value: false}); document.dispatchEvent(new Event("visibilitychange"))`)
	s.sees("b 50 %")
	s.sees("Another revision serves since this page was made")
	s.accessible("endpoints of another revision")
	s.goTo("/")
	s.lacks("Another revision serves")
}

// A page that gets nothing any more says so, and goes on when it can.
func TestAPageThatIsCutOffSaysSo(t *testing.T) {
	s := newStage(t)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 100 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/console/events/status", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		defer answer.Body.Close()
	}
	s.goTo("/")
	s.sees("not live")
	s.accessible("a page that is cut off")
	leave()
	s.until("it is live again", listens)
	s.lacks("not live")
}

// By another name than localhost pages come over plain HTTP, and a login is needed.
func TestPagesByAnotherName(t *testing.T) {
	s := newStage(t)
	at, err := url.Parse(s.admin)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = "http://" + elsewhere + ":" + at.Port()
	s.logIn("viewer", "/")
	s.goTo("/console/endpoints/quotes")
	s.until("the page is there", scripted)
	if get(s, chromedp.Evaluate[bool]("isSecureContext")) {
		t.Error("the browser takes the page for a secure one: the test proves nothing")
	}
	s.click("[data-copy]")
	s.until("it is copied, or selected to be", `["Copied", "Selected"].includes(document.querySelector("[data-copy]").textContent)`)
	if got := get(s, chromedp.Evaluate[string]("getSelection().toString()")); !strings.HasPrefix(got, "curl http://") {
		t.Errorf("what is selected is %q", got)
	}

	s.goTo("/")
	s.until("the page is there", scripted)
	s.run(`const form = document.querySelector(".who form"); fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))}).then(() => { document.title = "out" })`)
	s.until("the session is over", `document.title === "out"`)
	s.sees("not live")
	s.run(`const f = document.querySelector("[data-search]"); f.value = "quo"; f.dispatchEvent(new Event("input", {bubbles: true}))`)
	s.until("the login is there", `location.pathname === "/console/login" && location.search.includes("quo")`)
}
