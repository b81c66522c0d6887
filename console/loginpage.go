package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
)

// The pages between which a browser is at the provider. IssuedPath is where it
// comes back.
const (
	issuerPath = "/console/login/issuer"
	IssuedPath = "/console/login/issued"
)

// loginPage is the form of a login.
type loginPage struct {
	To      string
	Name    string
	Problem string
	Users   bool // who is in the file of users can log in
	Issuer  bool // whom the provider knows can log in
	Token   bool // who holds the token of the admin listener can log in
}

func (c *Console) loginPage(to string) loginPage {
	return loginPage{To: ownPath(to), Users: c.o.Users != nil, Issuer: c.o.Issuer != nil, Token: c.token != nil}
}

// canLogIn reports whether anybody can.
func (c *Console) canLogIn() bool { return c.o.Users != nil || c.o.Issuer != nil || c.token != nil }

func (c *Console) showLogin(v *visit) {
	v.showLogin(http.StatusOK, c.loginPage(v.r.URL.Query().Get("to")))
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
	if !v.parseForm() {
		return
	}
	page := c.loginPage(r.PostForm.Get("to"))
	page.Name = r.PostForm.Get("name")
	who, err := c.identify(r)
	wait := &login.WaitError{}
	switch {
	case err == nil:
		user, _ := who()
		c.sessions.Begin(w, who, c.secure(r), login.LongestSession)
		c.loggedIn(user)
		http.Redirect(w, r, page.To, http.StatusSeeOther)
	case errors.As(err, &wait), errors.Is(err, login.ErrBusy):
		page.Problem = sentence(err.Error())
		v.showLogin(http.StatusTooManyRequests, page)
	case errors.Is(err, login.ErrWrong), errors.Is(err, login.ErrWrongToken):
		c.o.Logger.Warn().Str("event", "console").Str("address", c.remote(r)).Msg("a login failed")
		page.Problem = sentence(err.Error())
		v.showLogin(http.StatusUnauthorized, page)
	case errors.Is(err, errNobody):
		v.showLogin(http.StatusForbidden, page)
	case r.Context().Err() != nil: // who waited has left
	default:
		c.o.Logger.Error().Err(err).Str("event", "console").Msg("the users of the console cannot be read")
		page.Problem = "Nobody can log in: the file of users cannot be read. The log says why."
		v.showLogin(http.StatusInternalServerError, page)
	}
}

// secure reports whether the browser speaks TLS, be it to a proxy in front.
func (c *Console) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(c.o.URL, "https:")
}

// errNobody is the answer to a login of a sort that there is not.
var errNobody = errors.New("nobody can log in like this")

// identify is who sends the form: by a token of the listener, or by a name and a
// password.
func (c *Console) identify(r *http.Request) (login.Who, error) {
	given := r.PostForm
	switch {
	case given.Has("admin") && c.token != nil:
		return c.token.Check(strings.TrimSpace(given.Get("admin")), c.remote(r))
	case given.Has("admin"), c.o.Users == nil:
		return nil, errNobody
	}
	user, err := c.o.Users.Check(r.Context(), given.Get("name"), given.Get("password"), c.remote(r))
	return c.o.Users.Still(user), err
}

func (c *Console) loggedIn(u login.User) {
	c.o.Logger.Info().Func(by(u)).Msg("somebody logged in")
}

// by says in the log who it is that does something.
func by(u login.User) func(*zerolog.Event) {
	return func(e *zerolog.Event) {
		e.Str("event", "console").Str("user", u.Name)
		if u.Subject != "" {
			e.Str("subject", u.Subject) // names change hands
		}
	}
}

// beginLogin leads to the provider.
func (c *Console) beginLogin(v *visit) {
	page := c.loginPage(v.r.URL.Query().Get("to"))
	if c.o.Issuer == nil {
		v.showLogin(http.StatusForbidden, page)
		return
	}
	if err := c.o.Issuer.Begin(v.w, v.r, page.To); err != nil {
		v.notIssued(page, err)
	}
}

// endLogin is where the provider sends browsers back.
func (c *Console) endLogin(v *visit) {
	page := c.loginPage("")
	if c.o.Issuer == nil {
		v.showLogin(http.StatusForbidden, page)
		return
	}
	user, to, err := c.o.Issuer.End(v.w, v.r)
	if err != nil {
		v.notIssued(page, err)
		return
	}
	// What the provider said counts for so long: then it is to say it again.
	c.sessions.Begin(v.w, func() (login.User, bool) { return user, true }, c.secure(v.r), c.o.Issuer.Lasts())
	c.loggedIn(user)
	// A redirect would still count as coming from the provider's site, and the
	// browser leave the session's cookie out. A page that goes on by itself does not.
	v.follow = Following{}
	v.show(http.StatusOK, "issued", "Logged in", "", noEvents, ownPath(to))
}

// notIssued says why a login at the provider came to nothing. What the provider
// does wrong is for the log.
func (v *visit) notIssued(page loginPage, err error) {
	refused := &issuer.RefusedError{}
	switch {
	case errors.Is(err, issuer.ErrStale):
		page.Problem = sentence(err.Error()) + " Try again."
		v.showLogin(http.StatusBadRequest, page)
	case errors.As(err, &refused):
		v.o.Logger.Warn().Err(err).Str("event", "console").Str("address", v.remote(v.r)).Msg("a login failed")
		page.Problem = sentence(err.Error())
		v.showLogin(http.StatusForbidden, page)
	default:
		v.o.Logger.Error().Err(err).Str("event", "console").Str("address", v.remote(v.r)).Msg("a login at the provider failed")
		page.Problem = "The login at the provider failed. The log of the gateway says why."
		v.showLogin(http.StatusBadGateway, page)
	}
}

func (c *Console) logOut(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if !v.parseForm() {
		return
	}
	if v.session != nil && v.session.Carries(r.PostForm.Get("token")) {
		c.sessions.End(w, r, c.secure(r))
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
