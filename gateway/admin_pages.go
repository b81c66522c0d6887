package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// refuseBrowsers lets no page that somebody looks at on this machine read or change
// what serves.
func (o AdminOptions) refuseBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case o.Local && !isProbe(r.URL.Path) && !o.forConsole(r.URL.Path) && !LocalName(r.Host):
			writeJSON(w, http.StatusForbidden, changeAnswer{Error: "the admin listener asks nobody for a token, and so answers to addresses and localhost only, not to the name " + quoted(r.Host)})
		case o.sentForPage(r), takesTime(r.URL.Path) && fromUntoldPage(r):
			writeJSON(w, http.StatusForbidden, changeAnswer{Error: "requests that a browser sends for a page are refused here"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// sentForPage reports whether a browser sends the request for some page. Browsers send
// Origin with each POST, or say who sent it; no tool does. That the origin is the
// listener's own is no excuse where something changes, as a name that resolves to
// loopback (DNS rebinding) makes it so. The console, if there is one, looks after
// itself: it asks who it is. What changes nothing may be followed as a link, and is not
// loaded by pages of others: a profile takes its time of the processor.
func (o AdminOptions) sentForPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Mode") != "navigate"
	}
	own := o.Console != nil && strings.HasPrefix(r.URL.Path, ConsolePath)
	return !own && (r.Header.Get("Origin") != "" || site != "" && site != "none")
}

// takesTime reports whether a path of the admin listener costs more than the answer.
func takesTime(path string) bool { return strings.HasPrefix(path, "/debug/pprof/") }

// fromUntoldPage reports whether a browser sends the request and does not say for which
// page. Over plain HTTP it tells that to loopback only (W3C Fetch Metadata, section 2),
// but sends a password that it knows. Browsers call themselves Mozilla; no tool does.
func fromUntoldPage(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(r.Header.Get("User-Agent"), "Mozilla/")
}

// LocalName reports whether a Host is an address or localhost, or there is none: no name
// that somebody else can let lead here.
func LocalName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
