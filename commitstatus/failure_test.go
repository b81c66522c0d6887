package commitstatus_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/commitstatus"
)

func options(f *forge, kind commitstatus.Forge) commitstatus.Options {
	return commitstatus.Options{Forge: kind, API: f.server.URL, Project: "o/r"}
}

var done = commitstatus.Status{Commit: commit, State: commitstatus.Success}

// Answers after which asking again is of no use are given up at once, and the log
// says what the forge said and what to check. It never says the token.
func TestAnswersThatWillNotChangeAreGivenUp(t *testing.T) {
	for status, hint := range map[int]string{
		http.StatusBadRequest:          "odd REDACTED",
		http.StatusUnauthorized:        "allowed to write commit statuses",
		http.StatusForbidden:           "allowed to write commit statuses",
		http.StatusNotFound:            "check the project",
		http.StatusUnprocessableEntity: "odd REDACTED",
		http.StatusFound:               "correct the API's URL",
	} {
		f := newForge(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"message": "odd %s"}`, r.Header.Get("Authorization")[len("Bearer "):])
		})
		r := report(t, options(f, commitstatus.GitHub))
		r.Report(done)
		r.counted("failed", 1)
		if text := r.text(); !strings.Contains(text, fmt.Sprint(status)) || !strings.Contains(text, hint) {
			t.Errorf("%d: the log says %s", status, text)
		}
		if len(f.calls) != 1 {
			t.Errorf("%d: %d calls", status, len(f.calls))
		}
	}
}

func TestTroubleThatPassesIsRetried(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t, func(call int, w http.ResponseWriter, r *http.Request) {
				if call < 3 {
					answer(w, r)
					return
				}
				w.WriteHeader(http.StatusCreated)
			})
			r := report(t, options(f, commitstatus.GitHub))
			r.Report(done)
			r.counted("sent", 1)
			r.counted("retried", 2)
			r.counted("failed", 0)
		})
	}
}

// The forge says when it wants to be called again: all is silent until then.
func TestRetryAfterIsObeyed(t *testing.T) {
	for name, limit := range map[string]http.HandlerFunc{
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"GitHub's 403": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(4*time.Second).Unix()))
			w.WriteHeader(http.StatusForbidden)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t, func(call int, w http.ResponseWriter, r *http.Request) {
				if call == 1 {
					limit(w, r)
					return
				}
				w.WriteHeader(http.StatusCreated)
			})
			r := report(t, options(f, commitstatus.GitHub))
			r.Report(done)
			first := f.next()
			r.counted("retried", 1)
			r.Report(commitstatus.Status{Commit: strings.Repeat("a", 40), State: commitstatus.Failure})
			if waited := f.next().at.Sub(first.at); waited < 2*time.Second {
				t.Errorf("called again after %v", waited)
			}
			r.counted("sent", 2)
		})
	}
}

// Of one commit only what is so at last is told, also when the forge was away.
func TestLatestStatusOfACommitWins(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	f := newForge(t, func(call int, w http.ResponseWriter, _ *http.Request) {
		if call == 1 {
			close(held)
			<-release
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	r := report(t, options(f, commitstatus.GitHub))
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Pending})
	<-held
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Failure, Description: "first"})
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Success})
	close(release)
	if got := f.next().Body["state"]; got != "pending" {
		t.Errorf("first call: %s", got)
	}
	if got := f.next().Body["state"]; got != "success" {
		t.Errorf("second call: %s", got)
	}
	r.counted("sent", 1)
	// What is known at the forge is not told again; neither is that it is checked again.
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Pending})
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Success})
	r.Report(commitstatus.Status{Commit: strings.Repeat("b", 40), State: commitstatus.Success})
	if got := f.next().Path; !strings.HasSuffix(got, "/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") {
		t.Errorf("third call: %s", got)
	}
}

// Reporting never waits, and what waits is bounded.
func TestReportingNeverWaits(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	f := newForge(t, func(call int, w http.ResponseWriter, _ *http.Request) {
		if call == 1 {
			close(held)
			<-release
		}
		w.WriteHeader(http.StatusCreated)
	})
	r := report(t, options(f, commitstatus.Gitea))
	r.Report(done)
	<-held
	for i := range 100 {
		r.Report(commitstatus.Status{Commit: fmt.Sprintf("%040x", i), State: commitstatus.Success})
	}
	r.counted("dropped", 100-32)
	close(release)
	r.counted("sent", 33)
}

// A token that was exchanged is read again when it is refused.
func TestTokenIsReadAgain(t *testing.T) {
	f := newForge(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Private-Token") != "new" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	o := options(f, commitstatus.GitLab)
	var reads atomic.Int64
	o.Token = func() (string, error) {
		switch reads.Add(1) {
		case 1:
			return "", errors.New("open /token: no such file")
		case 2:
			return "old", nil
		}
		return "new", nil
	}
	r := report(t, o)
	r.Report(done)
	r.counted("sent", 1)
	r.counted("retried", 1)
	r.counted("failed", 0)
}

// GitLab refuses to be told what it knows.
func TestStatusThatStandsIsNoFailure(t *testing.T) {
	f := newForge(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"message": "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"}`)
	})
	r := report(t, options(f, commitstatus.GitLab))
	r.Report(commitstatus.Status{Commit: commit, State: commitstatus.Pending})
	r.counted("sent", 1)
}

// A renamed project redirects; another host never sees the token.
func TestRedirectsStayAtTheHost(t *testing.T) {
	other := newForge(t, nil)
	f := newForge(t, func(call int, w http.ResponseWriter, r *http.Request) {
		switch call {
		case 1:
			http.Redirect(w, r, "/repositories/1/statuses/"+commit, http.StatusTemporaryRedirect)
		case 2:
			w.WriteHeader(http.StatusCreated)
		default:
			http.Redirect(w, r, other.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}
	})
	r := report(t, options(f, commitstatus.GitLab))
	r.Report(done)
	r.counted("sent", 1)
	r.Report(commitstatus.Status{Commit: strings.Repeat("c", 40), State: commitstatus.Success})
	r.counted("failed", 1)
	if len(other.calls) != 0 {
		t.Error("another host was called")
	}
}

func TestFailuresFillNoLog(t *testing.T) {
	f := newForge(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	r := report(t, options(f, commitstatus.GitHub))
	for i := range 20 {
		r.Report(commitstatus.Status{Commit: fmt.Sprintf("%040x", i), State: commitstatus.Success})
	}
	r.counted("failed", 20)
	if n := strings.Count(r.text(), "\n"); n != 1 {
		t.Errorf("%d lines:\n%s", n, r.text())
	}
}
