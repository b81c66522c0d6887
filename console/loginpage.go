package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// loginPage is the form of a login.
type loginPage struct {
	To      string
	Name    string
	Problem string
	Nobody  bool // nobody can log in
}

func (c *Console) showLogin(v *visit) {
	v.showLogin(http.StatusOK, loginPage{To: ownPath(v.r.URL.Query().Get("to")), Nobody: c.sessions == nil})
}

func (v *visit) showLogin(status int, page loginPage) {
	if !v.mayRead(v.r) {
		v.follow = Following{} // it is for who has logged in
	}
	v.show(status, "login", "Log in", "", noEvents, page)
}

// ownPath is a path of this console, whatever was given: nobody is led elsewhere
// after a login.
func ownPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

func (c *Console) logIn(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if c.sessions == nil {
		v.showLogin(http.StatusForbidden, loginPage{Nobody: true})
		return
	}
	if !v.parseForm() {
		return
	}
	page := loginPage{To: ownPath(r.PostForm.Get("to")), Name: r.PostForm.Get("name")}
	user, err := c.o.Users.Check(page.Name, r.PostForm.Get("password"), remote(r))
	wait := &login.WaitError{}
	switch {
	case err == nil:
		c.sessions.Begin(w, user, r.TLS != nil)
		c.o.Logger.Info().Str("event", "console").Str("user", user.Name).Msg("somebody logged in")
		http.Redirect(w, r, page.To, http.StatusSeeOther)
	case errors.As(err, &wait):
		page.Problem = sentence(err.Error())
		v.showLogin(http.StatusTooManyRequests, page)
	case errors.Is(err, login.ErrWrong):
		c.o.Logger.Warn().Str("event", "console").Str("address", remote(r)).Msg("a login failed")
		page.Problem = sentence(err.Error())
		v.showLogin(http.StatusUnauthorized, page)
	default:
		c.o.Logger.Error().Err(err).Str("event", "console").Msg("the users of the console cannot be read")
		page.Problem = "Nobody can log in: the file of users cannot be read. The log says why."
		v.showLogin(http.StatusInternalServerError, page)
	}
}

func (c *Console) logOut(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if !v.parseForm() {
		return
	}
	if v.session != nil && v.session.Carries(r.PostForm.Get("token")) {
		c.sessions.End(w, r)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
