package console

import (
	"bytes"
	"net/http"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// visit is one request for a page.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	session *login.Session // nil: nobody has logged in
	follow  Following
}

// page registers a page.
func (c *Console) page(pattern string, show func(*visit)) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		show(c.visit(w, r))
	})
}

func (c *Console) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{Console: c, w: w, r: r, follow: c.o.Following()}
	if s, ok := c.session(r); ok {
		v.session = &s
	}
	return v
}

// layout is what the templates get: what all pages have, and their own.
type layout struct {
	Title   string
	Tab     string // which of the places at the top it belongs to
	Version string
	Follow  Following
	User    *login.User // nil: nobody has logged in
	Token   string
	CanLog  bool // somebody could log in
	Writes  bool // who is logged in may change something
	Here    string
	Events  string // where the live parts of the page come from; empty: it has none
	Page    any
}

// noEvents is for pages on which nothing moves.
const noEvents = "none"

// show answers with a page.
func (v *visit) show(status int, name, title, tab, events string, page any) {
	l := layout{
		Title: title, Tab: tab, Version: v.o.Version, Follow: v.follow, CanLog: v.canLogIn(),
		Here: v.r.URL.RequestURI(), Events: events, Page: page,
	}
	switch events {
	case "":
		l.Events = "/console/events/status"
	case noEvents:
		l.Events = ""
	}
	if v.r.Method != http.MethodGet {
		l.Here = "/"
	}
	if v.session != nil {
		l.User, l.Token = &v.session.User, v.session.Secret
		l.Writes = v.o.Write && l.User.Editor()
	}
	v.write(status, name, "layout", l)
}

// write renders a template as a whole before anything is sent.
func (v *visit) write(status int, page, name string, data any) {
	var b bytes.Buffer
	if err := v.pages[page].ExecuteTemplate(&b, name, data); err != nil {
		v.o.Logger.Error().Err(err).Str("page", page).Msg("a page of the console cannot be rendered; this is a bug")
		http.Error(v.w, "internal error", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // the viewer left
}

// failure is the page for what cannot be done.
type failure struct {
	Status int
	Text   string
	Detail []string
}

func (v *visit) fail(status int, text string, detail ...string) {
	v.show(status, "failure", http.StatusText(status), "", "", failure{status, text, detail})
}

// parseForm reads the form, or fails.
func (v *visit) parseForm() bool {
	if err := v.r.ParseForm(); err != nil {
		v.fail(http.StatusRequestEntityTooLarge, "The form cannot be read: it is broken, or larger than 1 MiB.")
		return false
	}
	return true
}
