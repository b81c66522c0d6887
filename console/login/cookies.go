package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

// CookieOptions say what a cookie is like, and how long and for how many browsers something is kept.
type CookieOptions struct {
	Name     string
	Path     string
	SameSite http.SameSite
	Life     time.Duration
	Idle     time.Duration // without being used, see Of; 0: as long as it lives
	Most     int           // what was used least lately goes first
}

// Cookies keep a value for each browser that was given a cookie: the browser holds a
// random token that no script can read, the process its SHA-256 alone. They are safe
// for concurrent use.
type Cookies[V any] struct {
	o CookieOptions

	mu  sync.Mutex
	all map[[sha256.Size]byte]*kept[V]
}

type kept[V any] struct {
	value   V
	expires time.Time
	used    time.Time
}

// NewCookies makes cookies; no browser has one yet.
func NewCookies[V any](o CookieOptions) *Cookies[V] {
	if o.Idle == 0 {
		o.Idle = o.Life
	}
	return &Cookies[V]{o: o, all: map[[sha256.Size]byte]*kept[V]{}}
}

// Random is 256 bits that cannot be guessed, as text.
func Random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Give keeps a value for the browser that is answered. secure is whether it comes over
// TLS, be it to a proxy in front.
func (c *Cookies[V]) Give(w http.ResponseWriter, value V, secure bool) {
	c.GiveFor(w, value, secure, c.o.Life)
}

// GiveFor is Give for another time than CookieOptions.Life, which is the longest.
func (c *Cookies[V]) GiveFor(w http.ResponseWriter, value V, secure bool, life time.Duration) {
	life = min(life, c.o.Life)
	token, now := Random(), time.Now()
	c.mu.Lock()
	c.sweep(now)
	c.all[sha256.Sum256([]byte(token))] = &kept[V]{value: value, expires: now.Add(life), used: now}
	c.mu.Unlock()
	c.set(w, token, int(life.Seconds()), secure)
}

func (c *Cookies[V]) set(w http.ResponseWriter, token string, maxAge int, secure bool) {
	http.SetCookie(w, &http.Cookie{
		Name: c.o.Name, Value: token, Path: c.o.Path, MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: c.o.SameSite,
	})
}

// Of is what is kept for the browser that asks, which uses it; false if there is nothing, or
// no longer.
func (c *Cookies[V]) Of(r *http.Request) (value V, ok bool) {
	return c.look(r, use)
}

// effect is what a look does to what is kept.
type effect int

const (
	see  effect = iota // nothing
	use                // it has been used now
	drop               // it is kept no longer
)

func (c *Cookies[V]) look(r *http.Request, does effect) (value V, ok bool) {
	held, err := r.Cookie(c.o.Name)
	if err != nil {
		return value, false
	}
	id, now := sha256.Sum256([]byte(held.Value)), time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.all[id]
	valid := k != nil && !c.over(k, now)
	if !valid || does == drop {
		delete(c.all, id)
	}
	if !valid {
		return value, false
	}
	if does == use {
		k.used = now
	}
	return k.value, true
}

// Take is Of that keeps it no longer: of those who come with one cookie at once, one gets
// the value. The browser is told to forget the cookie.
func (c *Cookies[V]) Take(w http.ResponseWriter, r *http.Request, secure bool) (value V, ok bool) {
	if _, err := r.Cookie(c.o.Name); err == nil {
		c.set(w, "", -1, secure)
	}
	return c.look(r, drop)
}

// sweep drops what is over, and one more if there is too much.
func (c *Cookies[V]) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var since time.Time
	for id, k := range c.all {
		if c.over(k, now) {
			delete(c.all, id)
			continue
		}
		if since.IsZero() || k.used.Before(since) {
			oldest, since = id, k.used
		}
	}
	if len(c.all) >= c.o.Most {
		delete(c.all, oldest)
	}
}

func (c *Cookies[V]) over(k *kept[V], now time.Time) bool {
	return now.After(k.expires) || now.Sub(k.used) > c.o.Idle
}
