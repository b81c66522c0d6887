package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// probes are the paths of the admin listener that never need a token: whoever
// asks whether the process is well has none.
func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// forConsole reports whether the console answers a path.
func (o AdminOptions) forConsole(path string) bool {
	return o.Console != nil && (path == "/" || strings.HasPrefix(path, ConsolePath))
}

// authorized lets requests in that bear one of the tokens, and those for the
// console, which asks by itself.
func (o AdminOptions) authorized(logger zerolog.Logger) func(http.Handler) http.Handler {
	told := rate.Sometimes{Interval: time.Minute} // strangers must not fill the log
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if o.Tokens == nil || isProbe(r.URL.Path) || o.forConsole(r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			text, err := o.Tokens()
			if err == nil && HoldsToken(text, PresentedToken(r)) {
				next.ServeHTTP(w, r)
				return
			}
			told.Do(func() {
				logger.Warn().Str(record.FieldEvent, eventAdmin).Err(err).Str(record.FieldMethod, r.Method).Str(record.FieldPath, r.URL.Path).
					Str(fieldRemote, r.RemoteAddr).Msg("the admin listener was called without its token; further calls of this minute are not logged")
			})
			w.Header().Set("WWW-Authenticate", `Basic realm="switchyard admin"`)
			writeJSON(w, http.StatusUnauthorized, changeAnswer{Error: "the admin listener needs its token: send it as Authorization: Bearer TOKEN, or as the password"})
		})
	}
}

// PresentedToken is the token of a request: that of Bearer, or the password of
// Basic, which browsers ask their users for.
func PresentedToken(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	text, _ := bearer(r.Header.Get(headerAuthorization))
	return text
}

// HoldsToken reports whether a token is one of those in text, one a line. It
// takes as long for one that is nearly right: what is compared are hashes, all of
// them.
func HoldsToken(text, token string) bool {
	found := 0
	given := sha256.Sum256([]byte(token))
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			known := sha256.Sum256([]byte(line))
			found |= subtle.ConstantTimeCompare(known[:], given[:])
		}
	}
	return token != "" && found == 1
}

// logged says of every call that changes something who made it and what came of
// it.
func logged(logger zerolog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				next.ServeHTTP(w, r)
				return
			}
			seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
			next.ServeHTTP(seen, r)
			event := logger.Info().Str(record.FieldEvent, eventAdmin).Str(record.FieldMethod, r.Method).Str(record.FieldPath, r.URL.Path).
				Str(fieldRemote, r.RemoteAddr).Int(record.FieldStatus, seen.status)
			for _, name := range []string{"accept", "commit"} {
				if r.URL.Query().Has(name) {
					event.Str(name, r.URL.Query().Get(name))
				}
			}
			event.Msg("a call to the admin listener")
		})
	}
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
