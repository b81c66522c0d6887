package forward

import (
	"net/http"
	"net/textproto"
	"strings"
)

// Names of header fields, in the form of the keys of http.Header.
const (
	fieldConnection = "Connection"
	fieldUpgrade    = "Upgrade"
	fieldRequestID  = "X-Request-Id"
	fieldTrace      = "Traceparent"
	fieldTraceState = "Tracestate"

	fieldForwardedFor   = "X-Forwarded-For"
	fieldForwardedHost  = "X-Forwarded-Host"
	fieldForwardedProto = "X-Forwarded-Proto"
)

// forwardedFields is how many X-Forwarded-* fields are made.
const forwardedFields = 3

// rewrite makes the caller's header h, of request r, the one for a deployment.
// The values that it makes live in slots.
func (f *Forwarder) rewrite(h http.Header, r *http.Request, slots *[forwardedFields]string) {
	trailers := acceptsTrailers(h)
	dropNominated(h)
	trusted := f.trusted.trust(r.RemoteAddr)
	for key := range h {
		if hopByHop(key) || framing(key) || forged(key, trusted) {
			delete(h, key)
		}
	}
	if trailers {
		h["Te"] = teTrailers // gRPC servers insist on it
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // http.Transport would name itself
	}
	forbidReplay(h, r.Method)
	setForwarded(h, r, slots, trusted)
}

var teTrailers = []string{"trailers"}

// hopByHop reports whether a field concerns one connection only: RFC 9110 7.6.1,
// with those of RFC 9110 11.7 and RFC 7540 3.2.1. Trailer, also one of them, is
// rendered from the map of trailers.
func hopByHop(key string) bool {
	switch key {
	case fieldConnection, "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", fieldUpgrade,
		"Proxy-Authenticate", "Proxy-Authorization", "Http2-Settings":
		return true
	}
	return false
}

// framing reports whether a field is rendered from the request itself: there
// must be no second opinion about where a body ends (RFC 9112 6.3).
func framing(key string) bool { return key == "Content-Length" || key == "Host" }

// forged reports whether a field of a request says what only the gateway, or a
// proxy that it trusts, may say. Frameworks that follow CGI take an underscore
// for a hyphen, so names are compared that way.
func forged(key string, trusted bool) bool {
	if key == "" || key[0]|0x20 != 'x' && key[0]|0x20 != 'f' {
		return false
	}
	switch {
	case key == MirrorMark:
		return false
	case sameName(key, "Forwarded"):
		return true // we write X-Forwarded-* and do not keep a second version
	case hasName(key, "X-Switchyard-"):
		return true
	case hasName(key, "X-Forwarded-"), sameName(key, "X-Real-Ip"):
		return !trusted || strings.Contains(key, "_")
	case sameName(key, fieldRequestID):
		return key != fieldRequestID
	}
	return false
}

func sameName(key, name string) bool { return len(key) == len(name) && hasName(key, name) }

// hasName reports whether key begins with name, whatever its case, with
// underscores for hyphens.
func hasName(key, name string) bool {
	if len(key) < len(name) {
		return false
	}
	for i := range len(name) {
		a, b := key[i], name[i]
		if a == '_' {
			a = '-'
		}
		if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

// dropNominated removes the fields that Connection names (RFC 9110 7.6.1), but
// for those that the gateway answers for.
func dropNominated(h http.Header) {
	for _, v := range h[fieldConnection] {
		for name := range strings.SplitSeq(v, ",") {
			if key := textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); !ours(key) {
				delete(h, key)
			}
		}
	}
}

// ours reports whether a request bears a field on the gateway's account.
func ours(key string) bool {
	switch key {
	case fieldConnection, fieldRequestID, fieldTrace, fieldTraceState, MirrorMark:
		return true // Connection is needed until the last of its values is read
	}
	return false
}

// acceptsTrailers reports whether TE says so, the one thing of it that is passed
// on (RFC 9110 10.1.4).
func acceptsTrailers(h http.Header) bool { return hasToken(h["Te"], "trailers") }

// hasToken reports whether a list of elements has the token, whatever its case.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for element := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(textproto.TrimString(element), token) {
				return true
			}
		}
	}
	return false
}

// forbidReplay keeps http.Transport from sending a request twice that is not
// idempotent by its method: it does so, when the first time ends without an
// answer, if it finds one of these keys in the header map. Under a key in lower
// case it does not find them, and to the deployment the case makes no difference.
func forbidReplay(h http.Header, method string) {
	for _, key := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		hidden := hiddenKey(key, method)
		if v, ok := h[key]; ok && hidden != key {
			delete(h, key)
			h[hidden] = v
		}
	}
}

// hiddenKey is what a field is called for forbidReplay.
func hiddenKey(key, method string) string {
	switch {
	case method == http.MethodGet, method == http.MethodHead, method == http.MethodOptions:
	case key == "Idempotency-Key":
		return "idempotency-key"
	case key == "X-Idempotency-Key":
		return "x-idempotency-key"
	}
	return key
}

// setForwarded tells the deployment who called, and by which name.
func setForwarded(h http.Header, r *http.Request, slots *[forwardedFields]string, trusted bool) {
	peer := peerHost(r.RemoteAddr)
	if before := h[fieldForwardedFor]; trusted && len(before) > 0 && peer != "" {
		peer = strings.Join(before, ", ") + ", " + peer
	}
	slots[0], slots[1], slots[2] = peer, r.Host, protoOf(r)
	if peer != "" {
		h[fieldForwardedFor] = slots[0:1:1]
	}
	if _, ok := h[fieldForwardedHost]; !ok {
		h[fieldForwardedHost] = slots[1:2:2]
	}
	if _, ok := h[fieldForwardedProto]; !ok {
		h[fieldForwardedProto] = slots[2:3:3]
	}
}

// protoOf is the scheme by which the caller came.
func protoOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// peerHost is the address in a request's RemoteAddr, without port, brackets and
// zone; empty for a connection that has none.
func peerHost(remote string) string {
	colon := strings.LastIndexByte(remote, ':')
	if colon < 0 {
		return ""
	}
	host := strings.TrimSuffix(strings.TrimPrefix(remote[:colon], "["), "]")
	if zone := strings.IndexByte(host, '%'); zone >= 0 {
		host = host[:zone]
	}
	return host
}
