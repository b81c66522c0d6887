package gateway

import (
	"net/http"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// WebhookPath is where forges deliver push hooks on the public listener.
const WebhookPath = "/-/webhook"

// serveWebhook serves a delivery. It is no request to an endpoint: it has an id
// but no record.
func (g *Gateway) serveWebhook(w http.ResponseWriter, r *http.Request) {
	w.Header()[headerRequestID] = []string{forward.RequestID(r)}
	g.webhook.ServeHTTP(w, r)
}

// WriteError answers with an error as the gateway's own are: JSON, with the
// request's id. It is for handlers that the gateway was given.
func WriteError(w http.ResponseWriter, r *http.Request, status int, message string) {
	id := w.Header().Get(headerRequestID)
	if id == "" {
		id = forward.RequestID(r)
	}
	forward.WriteError(w, r, status, message, id)
}
