package login_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// given is a request of a browser that was given a cookie for a value.
func given(c *login.Cookies[int], value int) *http.Request {
	w := httptest.NewRecorder()
	c.Give(w, value, true)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	return r
}

func TestWhatABrowserHoldsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookies := login.NewCookies[int](login.CookieOptions{Name: "c", Path: "/", Life: time.Hour, Idle: 20 * time.Minute, Most: 10})
		used, left := given(cookies, 1), given(cookies, 2)
		for range 3 {
			<-time.After(15 * time.Minute)
			if v, ok := cookies.Of(used); !ok || v != 1 {
				t.Fatalf("%d %v", v, ok)
			}
		}
		if v, ok := cookies.Of(left); ok {
			t.Errorf("what nobody looked at is kept: %d", v)
		}
		<-time.After(15*time.Minute + time.Second)
		if v, ok := cookies.Of(used); ok {
			t.Errorf("it lives longer than it may: %d", v)
		}
	})
}

func TestOfMoreThanAreKeptTheLeastUsedGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cookies := login.NewCookies[int](login.CookieOptions{Name: "c", Path: "/", Life: time.Hour, Most: 3})
		all := make([]*http.Request, 4)
		for i := range all {
			all[i] = given(cookies, i)
			<-time.After(time.Second)
			cookies.Of(all[0])
		}
		for i, want := range []bool{true, false, true, true} {
			if _, ok := cookies.Of(all[i]); ok != want {
				t.Errorf("the cookie %d is good: %v", i, ok)
			}
		}
	})
}

func TestWhatIsTakenIsTakenOnce(t *testing.T) {
	cookies := login.NewCookies[int](login.CookieOptions{Name: "c", Path: "/", Life: time.Hour, Most: 3})
	r := given(cookies, 1)
	var took atomic.Int64
	var browsers sync.WaitGroup
	for range 16 {
		browsers.Go(func() {
			if _, ok := cookies.Take(httptest.NewRecorder(), r, true); ok {
				took.Add(1)
			}
		})
	}
	browsers.Wait()
	if took.Load() != 1 {
		t.Errorf("it was taken %d times", took.Load())
	}
	for _, value := range []string{"", "x", login.Random()} {
		forged := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		forged.AddCookie(&http.Cookie{Name: "c", Value: value})
		if _, ok := cookies.Of(forged); ok {
			t.Errorf("%q is good", value)
		}
	}
}

// TestASessionThatEndedDoesNotComeBack has a user be taken out of the file, and put back.
func TestASessionThatEndedDoesNotComeBack(t *testing.T) {
	sessions, there := login.NewSessions(), true
	w := httptest.NewRecorder()
	sessions.Begin(w, func() (login.User, bool) { return login.User{Name: "a"}, there }, false, login.LongestSession)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.AddCookie(w.Result().Cookies()[0])
	if s, ok := sessions.Of(r); !ok || s.User.Name != "a" || !s.Carries(s.Secret) || s.Carries("") {
		t.Fatalf("%+v %v", s, ok)
	}
	there = false
	if _, ok := sessions.Of(r); ok {
		t.Error("who was taken out is let in")
	}
	there = true
	if _, ok := sessions.Of(r); ok {
		t.Error("the session came back")
	}
}
