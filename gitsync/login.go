package gitsync

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"
)

// login is what is sent to a git server over http, and where it comes from. One
// goroutine uses it.
type login struct {
	user, password string
	ends           time.Time // of the password; zero: it does not say
	// again reads or asks for both; nil when they never change. user may be empty.
	again func(context.Context) (user, password string, ends time.Time, err error)
	file  bool   // again reads a file, which costs nothing
	name  string // that was given; it wins over that of again
}

// earlier is how long before its end a password is exchanged, so that none ends
// on its way.
const earlier = 5 * time.Minute

// anyUser is sent with a token when no user name was given; the forges that
// take tokens ignore it.
const anyUser = "git"

// newLogin finds what Auth and the URL say; nil if nothing is to be sent.
func newLogin(a address, auth Auth, app *app) (*login, error) {
	l := &login{user: a.user, password: a.password, name: cmp.Or(auth.Username, a.user)}
	switch {
	case app != nil:
		l.again = app.token
	case auth.CredentialsFile != "":
		l.file = true
		l.again = func(context.Context) (string, string, time.Time, error) {
			return readCredentials(auth.CredentialsFile, a, l.name)
		}
	case auth.TokenFile != "":
		l.file = true
		l.again = func(context.Context) (string, string, time.Time, error) { return readToken(auth.TokenFile) }
	case auth.Token != "":
		l.password = auth.Token
	}
	if l.name != "" {
		l.user = l.name
	}
	if l.again == nil && l.user == "" && l.password == "" {
		return nil, nil
	}
	if a.scheme == "http" && !a.loopback() {
		return nil, errors.New("credentials are not sent over plain http, where anyone on the way can read them; use https")
	}
	if l.user == "" {
		l.user = anyUser
	}
	return l, nil
}

// ready sees to it that there is something to send.
func (l *login) ready(ctx context.Context) error {
	if l == nil || l.again == nil || l.password != "" && (l.ends.IsZero() || time.Now().Before(l.ends.Add(-earlier))) {
		return nil
	}
	_, err := l.renew(ctx)
	if err != nil && l.password != "" && time.Now().Before(l.ends) {
		return nil // the next request tries again; this one may do with what there is
	}
	return err
}

// renew gets what is to be sent now, after the server has refused what was sent
// before, and tells whether it is something else.
func (l *login) renew(ctx context.Context) (changed bool, err error) {
	if l == nil || l.again == nil {
		return false, nil
	}
	user, password, ends, err := l.again(ctx)
	if err != nil {
		return false, err
	}
	if l.name != "" || user == "" {
		user = l.user
	}
	changed = user != l.user || password != l.password
	l.user, l.password, l.ends = user, password, ends
	return changed, nil
}

// doubtful tells whether other credentials may help: forges say of a repository that
// somebody may not see that there is none.
func (l *login) doubtful(err error) bool {
	return errors.Is(err, ErrAuth) || errors.Is(err, ErrNoRepository) && l != nil && l.file
}

// hidden is what the server was told; a token may stand in place of the user.
func (l *login) hidden() secrets {
	if l == nil {
		return nil
	}
	out := secrets{base64.StdEncoding.EncodeToString([]byte(l.user + ":" + l.password))}
	for _, secret := range []string{l.password, l.user} {
		if secret != anyUser && secret != appUser {
			out = append(out, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	return out
}

func readToken(path string) (user, token string, ends time.Time, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "", ends, &problem{kind: ErrAuth, detail: "token file: " + err.Error()}
	}
	if token = strings.TrimSpace(string(data)); token == "" {
		return "", "", ends, &problem{kind: ErrAuth, detail: "token file " + path + " is empty"}
	}
	return "", token, ends, nil
}
