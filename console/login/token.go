package login

import (
	"errors"
	"time"
)

// ErrWrongToken is the answer to a token that is none.
var ErrWrongToken = errors.New("the token is wrong")

// Token lets those in, to look, who hold a token of the admin listener. It is
// safe for concurrent use.
type Token struct {
	valid    func(token string) bool
	throttle *throttle
}

// NewToken makes one; valid reports whether a token is one now.
func NewToken(valid func(token string) bool) *Token {
	return &Token{valid: valid, throttle: newThrottle()}
}

// holder is who holds a token: nobody knows more of him.
var holder = User{Name: "token", Role: Viewer, Display: "Whoever holds the token of the admin listener"}

// Check lets somebody in who comes from an address, as long as the token is
// valid. The error is ErrWrongToken or a *WaitError.
func (t *Token) Check(token, address string) (Who, error) {
	keys := []string{atAddress(address)}
	if wait := t.throttle.try(keys, time.Now()); wait > 0 {
		return nil, &WaitError{For: wait}
	}
	if !t.valid(token) {
		return nil, ErrWrongToken
	}
	t.throttle.forget(keys)
	return func() (User, bool) { return holder, t.valid(token) }, nil
}
