package login_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// A session ends when its time is over, however busy it is, and before that when
// nobody uses it.
func TestSessionsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		lasts, every, want time.Duration
	}{
		"after the time that they were given": {lasts: time.Hour, every: time.Minute, want: time.Hour},
		"after twelve hours at most":          {lasts: 100 * time.Hour, every: time.Minute, want: 12 * time.Hour},
		"after two hours without use":         {lasts: login.LongestSession, every: 3 * time.Hour, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, w := login.NewSessions(), httptest.NewRecorder()
				s.Begin(w, func() (login.User, bool) { return login.User{Name: "jo"}, true }, false, test.lasts)
				r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
				r.AddCookie(w.Result().Cookies()[0])
				began, last := time.Now(), time.Duration(0)
				for range 1000 {
					<-time.After(test.every) // in the bubble's time
					if _, ok := s.Of(r); !ok {
						break
					}
					last = time.Since(began)
				}
				if last != test.want {
					t.Errorf("it lasted %v, not %v", last, test.want)
				}
			})
		})
	}
}
