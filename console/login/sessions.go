package login

import (
	"crypto/subtle"
	"net/http"
	"time"
)

// Cookie is the name of the cookie that holds a session.
const Cookie = "switchyard_console"

// LongestSession is how long any session lasts.
const LongestSession = 12 * time.Hour

// Session is somebody who has logged in.
type Session struct {
	User   User   // as it is now
	Secret string // what the forms of the session carry
}

// Carries reports whether a form's token is that of the session.
func (s Session) Carries(token string) bool {
	return s.Secret != "" && subtle.ConstantTimeCompare([]byte(s.Secret), []byte(token)) == 1
}

// Who tells who somebody is now, as long as he may be here; false: no longer.
type Who func() (User, bool)

// Sessions are those who have logged in. They are safe for concurrent use.
type Sessions struct{ cookies *Cookies[session] }

type session struct {
	who    Who
	secret string
}

// NewSessions makes sessions; there are none yet.
func NewSessions() *Sessions {
	return &Sessions{NewCookies[session](CookieOptions{
		Name: Cookie, Path: "/", SameSite: http.SameSiteStrictMode, Life: LongestSession, Idle: 2 * time.Hour, Most: 1000,
	})}
}

// Begin logs somebody in for so long, LongestSession at most: the browser gets the
// cookie. secure is whether it comes over
// TLS, be it to a proxy in front.
func (s *Sessions) Begin(w http.ResponseWriter, who Who, secure bool, lasts time.Duration) {
	s.cookies.GiveFor(w, session{who: who, secret: Random()}, secure, lasts)
}

// Of is the session of a request, which uses it; false if there is none, or it is over.
func (s *Sessions) Of(r *http.Request) (Session, bool) { return s.look(r, use) }

// Seen is Of that is no use: for what a page asks by itself while it is open.
func (s *Sessions) Seen(r *http.Request) (Session, bool) { return s.look(r, see) }

func (s *Sessions) look(r *http.Request, does effect) (Session, bool) {
	begun, ok := s.cookies.look(r, does)
	if !ok {
		return Session{}, false
	}
	user, ok := begun.who()
	if !ok {
		s.cookies.look(r, drop) // for good: who comes back logs in
		return Session{}, false
	}
	return Session{User: user, Secret: begun.secret}, true
}

// End logs out. secure is as for Begin.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request, secure bool) {
	s.cookies.Take(w, r, secure)
}
