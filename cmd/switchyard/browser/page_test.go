package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// goTo opens a page.
func (s *stage) goTo(path string) {
	s.t.Helper()
	s.do(chromedp.Navigate(s.admin+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// sees waits until the page has a text.
func (s *stage) sees(text string) {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(stepTime); time.Now().Before(deadline); <-tick.C {
		if strings.Contains(s.text(), text) {
			return
		}
	}
	s.t.Fatalf("the page never says %q:\n%s", text, s.text())
}

// until waits for what a script says.
func (s *stage) until(what, script string) {
	s.t.Helper()
	testbed.Eventually(s.t, what, func() bool {
		ctx, cancel := context.WithTimeout(s.tab, stepTime)
		defer cancel()
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		return err == nil && is // while one page follows another there may be none
	})
}

// lacks fails if the page has a text.
func (s *stage) lacks(text string) {
	s.t.Helper()
	if all := s.text(); strings.Contains(all, text) {
		s.t.Errorf("the page says %q:\n%s", text, all)
	}
}

// run runs a script that gives true.
func (s *stage) run(script string) {
	s.t.Helper()
	if !get(s, chromedp.Evaluate[bool]("(() => { "+script+"; return true })()")) {
		s.t.Fatal("the script did not end")
	}
}

// fill writes into a field, as somebody who types.
func (s *stage) fill(name, value string) {
	s.t.Helper()
	s.until("the page is there", scripted)
	s.run(fmt.Sprintf(`const f = document.querySelector("form.change, form.stack, form.card, form.filters").elements[%q];
		f.focus(); f.value = %q; for (const kind of ["input", "change"]) f.dispatchEvent(new Event(kind, {bubbles: true}))`, name, value))
}

// scripted is true once the script of the page has run.
const scripted = `document.readyState === "complete" && document.documentElement.classList.contains("scripted")`

// choose clicks on a radio button, a box or a summary.
func (s *stage) choose(selector string) {
	s.t.Helper()
	s.until("the page is there", scripted)
	s.run(fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// click clicks on a button or link that leads to another page, once it is there. A
// mouse would miss what moves while events arrive.
func (s *stage) click(selector string) {
	s.t.Helper()
	s.until(selector+" can be clicked", fmt.Sprintf(`%s && document.querySelector(%q)?.disabled !== true && document.querySelector(%[2]q) !== null`, scripted, selector))
	s.choose(selector)
}

// logIn logs in, and is at a page afterwards.
func (s *stage) logIn(name, to string) {
	s.t.Helper()
	s.goTo("/console/login?to=" + to)
	s.fill("name", name)
	s.fill("password", password)
	s.click("form.stack button")
	s.sees("Log out")
}

// commits commits what the form says.
func (s *stage) commits() {
	s.t.Helper()
	s.until("the checker finds no problem", `document.querySelector("#verdict")?.innerText.includes("The checker finds no problem.") && !document.querySelector("button[data-commit]").disabled`)
	s.click("button[data-commit]")
}

// picture takes a screenshot, and looks for what is in the way of those who do
// not see it.
func (s *stage) picture(name string) {
	s.t.Helper()
	s.accessible(name)
	if *screenshots == "" {
		return
	}
	shot := chromedp.FullScreenshot(100)
	if name == "records" { // which goes on for long
		shot = chromedp.CaptureScreenshot()
	}
	png := get(s, shot)
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// dark shows pages as in the dark.
func (s *stage) dark(on bool) {
	s.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	feature := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(s.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: feature}); err != nil {
		s.t.Fatal(err)
	}
}

// narrow shows pages as on a phone.
func (s *stage) narrow(on bool) {
	s.t.Helper()
	width := int64(1280)
	if on {
		width = 390
	}
	if _, err := chromedp.Call(s.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 860, DeviceScaleFactor: 1, Mobile: false}); err != nil {
		s.t.Fatal(err)
	}
	if on && get(s, chromedp.Evaluate[int]("document.documentElement.scrollWidth")) > 390 {
		s.t.Errorf("%s is wider than the screen", get(s, chromedp.Evaluate[string]("location.pathname")))
	}
}

// everywhere takes a picture, and looks at the page in the dark and on a phone as
// well.
func (s *stage) everywhere(name string) {
	s.t.Helper()
	s.picture(name)
	s.dark(true)
	s.accessible(name + " in the dark")
	s.dark(false)
	s.narrow(true)
	s.accessible(name + " on a phone")
	s.narrow(false)
}

// traffic calls an endpoint until the test ends.
func (s *stage) traffic(endpoint string) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				s.call(endpoint, fmt.Sprint("caller-", i))
			case <-ctx.Done():
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// accessible fails if axe finds anything.
func (s *stage) accessible(name string) {
	s.t.Helper()
	if *axe == "" {
		return
	}
	script, err := os.ReadFile(*axe)
	if err != nil {
		s.t.Fatal(err)
	}
	s.do(chromedp.Evaluate[chromedp.Void](string(script)))
	found := get(s, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v =>
		({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.html)}))))`, chromedp.EvalAwaitPromise))
	var violations []struct {
		ID, Impact, Help string
		Nodes            []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		s.t.Fatal(err)
	}
	for _, v := range violations {
		s.t.Errorf("%s: %s (%s): %s\n  %s", name, v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n  "))
	}
}

// calls calls an endpoint so often, and waits for as many copies.
func (s *stage) calls(endpoint string, n int, mirror string) {
	s.t.Helper()
	for i := range n {
		s.call(endpoint, fmt.Sprint("subject-", i))
	}
	testbed.Eventually(s.t, "the copies have their records", func() bool {
		return mirror == "" || strings.Count(s.log.String(), `"backend":"`+mirror+`","role":"mirror"`) >= n
	})
}
