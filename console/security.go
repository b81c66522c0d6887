package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// headers are those of every answer. Nothing is loaded, run, framed or sent that
// is not of the console's own origin, and nothing stands within the pages: no
// script, no style.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// mostForm bounds the form of a request: two documents, and what else there is.
const mostForm = 1 << 20

// guard is in front of all pages.
func (c *Console) guard(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	return sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if strings.HasPrefix(r.URL.Path, "/console/assets/") {
			w.Header().Set("Cache-Control", "max-age=300")
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		if !public(r.URL.Path) && !c.mayRead(r) {
			c.askToLogIn(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// public reports whether a page tells nothing of what serves.
func public(path string) bool {
	switch path {
	case "/console/login", issuerPath, IssuedPath:
		return true
	}
	return strings.HasPrefix(path, "/console/assets/")
}

// mayRead reports whether who comes like this may see what serves: who has logged
// in or bears a token of the listener; and if it asks for none, who has shown it a
// certificate, and everybody on loopback.
func (c *Console) mayRead(r *http.Request) bool {
	if c.token == nil && (c.o.Certified || c.o.Loopback && gateway.LocalName(r.Host)) {
		return true
	}
	if c.token != nil && c.isToken(gateway.PresentedToken(r)) {
		return true
	}
	_, ok := c.session(r)
	return ok
}

// isToken reports whether a token is one of the listener now.
func (c *Console) isToken(token string) bool {
	text, err := c.o.Tokens()
	return err == nil && gateway.HoldsToken(text, token)
}

// askToLogIn answers who may not read the page. Who asked for no page is told by
// the status.
func (c *Console) askToLogIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || isStream(r) {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, "/console/login?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
}

// session is who sends the request; false if it is nobody who has logged in. That a page
// listens is no use of the session: it does so as long as it is open.
func (c *Console) session(r *http.Request) (login.Session, bool) {
	if isStream(r) {
		return c.sessions.Seen(r)
	}
	return c.sessions.Of(r)
}

func isStream(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/console/events/") }

// change registers a page that changes something: for editors, with the token of
// their session.
func (c *Console) change(pattern string, show func(*visit)) {
	c.page(pattern, func(v *visit) {
		switch {
		case !c.o.Write:
			v.fail(http.StatusForbidden, "This console shows and changes nothing. It is changed by who runs the gateway, with --console-write.")
		case v.session == nil:
			v.fail(http.StatusForbidden, "Log in to change something.")
		case !v.session.User.Editor():
			v.fail(http.StatusForbidden, "You may see everything and change nothing: your role is viewer.")
		case !v.parseForm():
		case !v.session.Carries(v.r.PostForm.Get("token")):
			v.fail(http.StatusForbidden, "The form does not belong to your session. Go back, load the page anew and try again.")
		default:
			show(v)
		}
	})
}

// remote is the address of who sends a request, be it through a proxy that is trusted.
func (c *Console) remote(r *http.Request) string {
	if caller := c.o.Proxies.Caller(r); caller.IsValid() {
		return caller.String()
	}
	return r.RemoteAddr
}
