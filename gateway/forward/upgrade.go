package forward

import (
	"net/http"
	"strings"
)

var (
	connectionUpgrade = []string{"Upgrade"}
	upgradeWebSocket  = []string{"websocket"}
)

// asksForWebSocket reports whether a request asks for the one protocol that may
// be switched to (RFC 6455 4.1). An Upgrade to anything else, h2c above all, is
// ignored and not passed on, as RFC 9110 7.8 allows to any server: a tunnel would
// take what follows past the gateway. Callers like curl --http2 offer it without
// insisting.
func asksForWebSocket(r *http.Request) bool {
	upgrade := r.Header[fieldUpgrade]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") &&
		r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.ContentLength == 0 &&
		hasToken(r.Header[fieldConnection], "upgrade")
}

// switchProtocols joins the two connections.
func (t *attempt) switchProtocols(res *http.Response) {
	t.refuse(fault(&protocolError{"unasked upgrade"}, true))
}
