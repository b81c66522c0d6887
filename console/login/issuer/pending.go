package issuer

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// Cookie is the name of the cookie that ties a login to the browser it was begun
// in.
const Cookie = "switchyard_login"

const (
	longestLogin = 10 * time.Minute
	mostPending  = 10_000 // the oldest goes first
)

// attempt is a login that has begun.
type attempt struct {
	state    string
	nonce    string
	verifier string
	to       string
	expires  time.Time
}

// pending are the logins that have begun, by the hash of what the browser holds.
type pending struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]attempt
}

func newPending() pending { return pending{all: map[[sha256.Size]byte]attempt{}} }

// begin gives the browser the cookie. It is Lax: the browser comes back from
// another site.
func (p *pending) begin(w http.ResponseWriter, a attempt, secure bool) {
	token, now := login.Random(), time.Now()
	a.expires = now.Add(longestLogin)
	p.mu.Lock()
	p.sweep(now)
	p.all[sha256.Sum256([]byte(token))] = a
	p.mu.Unlock()
	http.SetCookie(w, cookie(token, int(longestLogin.Seconds()), secure))
}

// end is the login that the browser has begun; it ends with this.
func (p *pending) end(w http.ResponseWriter, r *http.Request, secure bool) (attempt, bool) {
	held, err := r.Cookie(Cookie)
	if err != nil {
		return attempt{}, false
	}
	http.SetCookie(w, cookie("", -1, secure))
	id := sha256.Sum256([]byte(held.Value))
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.all[id]
	delete(p.all, id)
	return a, ok && time.Now().Before(a.expires)
}

func cookie(token string, maxAge int, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: Cookie, Value: token, Path: "/console/login", MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// sweep drops logins that took too long, and one more if there are too many.
func (p *pending) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var first time.Time
	for id, a := range p.all {
		if now.After(a.expires) {
			delete(p.all, id)
			continue
		}
		if first.IsZero() || a.expires.Before(first) {
			oldest, first = id, a.expires
		}
	}
	if len(p.all) >= mostPending {
		delete(p.all, oldest)
	}
}
