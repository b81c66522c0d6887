package login

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

// Cookie is the name of the cookie that holds a session.
const Cookie = "switchyard_console"

const (
	longestSession = 12 * time.Hour
	longestIdle    = 2 * time.Hour
	mostSessions   = 1000 // the one that was used least lately goes first
)

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
type Sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*kept
}

type kept struct {
	who     Who
	secret  string
	expires time.Time
	used    time.Time
}

// NewSessions makes sessions; there are none yet.
func NewSessions() *Sessions {
	return &Sessions{now: time.Now, all: map[[sha256.Size]byte]*kept{}}
}

// Random is 256 bits that cannot be guessed, as text.
func Random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Begin logs somebody in: the browser gets the cookie. secure is whether it comes
// over TLS.
func (s *Sessions) Begin(w http.ResponseWriter, who Who, secure bool) {
	token, now := Random(), s.now()
	s.mu.Lock()
	s.sweep(now)
	s.all[sha256.Sum256([]byte(token))] = &kept{
		who: who, secret: Random(), expires: now.Add(longestSession), used: now,
	}
	s.mu.Unlock()
	http.SetCookie(w, cookie(token, int(longestSession.Seconds()), secure))
}

func cookie(token string, maxAge int, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: Cookie, Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	}
}

// sweep drops sessions that are over, and one more if there are too many.
func (s *Sessions) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var since time.Time
	for id, k := range s.all {
		if k.over(now) {
			delete(s.all, id)
			continue
		}
		if since.IsZero() || k.used.Before(since) {
			oldest, since = id, k.used
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, oldest)
	}
}

func (k *kept) over(now time.Time) bool { return now.After(k.expires) || now.Sub(k.used) > longestIdle }

// Of is the session of a request; false if there is none, or it is over.
func (s *Sessions) Of(r *http.Request) (Session, bool) {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return Session{}, false
	}
	id, now := sha256.Sum256([]byte(c.Value)), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.all[id]
	if k == nil || k.over(now) {
		delete(s.all, id)
		return Session{}, false
	}
	u, ok := k.who()
	if !ok {
		delete(s.all, id)
		return Session{}, false
	}
	k.used = now
	return Session{User: u, Secret: k.secret}, true
}

// End logs out.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(Cookie); err == nil {
		s.mu.Lock()
		delete(s.all, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie("", -1, r.TLS != nil))
}
