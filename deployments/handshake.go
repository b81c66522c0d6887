package deployments

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// WebSocketKey is the key under which a context says, with true, that its request asks for
// a WebSocket: its connection is one of HTTP/1.1, whatever the server offers.
type WebSocketKey struct{}

// HandshakeError is a TLS handshake that did not come to its end.
type HandshakeError struct {
	Addr string // host and port
	Err  error
}

// Error names the server and the cause.
func (e *HandshakeError) Error() string { return "TLS handshake with " + e.Addr + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// securing connects to a host and greets it as t is configured, within the limit. It is what
// t does by itself, but for the error: t does not tell a handshake that fails from a request
// that does.
func securing(t *http.Transport, limit time.Duration) func(ctx context.Context, network, host string) (net.Conn, error) {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		plain, err := t.DialContext(ctx, network, host)
		if err != nil {
			return nil, err
		}
		config := t.TLSClientConfig.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(host) // it has been dialled
		}
		if only, _ := ctx.Value(WebSocketKey{}).(bool); only {
			config.NextProtos = nil
		}
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		secure := tls.Client(plain, config)
		if err := secure.HandshakeContext(limited); err != nil {
			_ = plain.Close()
			return nil, &HandshakeError{Addr: host, Err: err}
		}
		return secure, nil
	}
}

// refusedCertificate reports whether a server does not take the gateway's certificate, or
// misses one. In TLS 1.3 it says so when the client has done its part of the handshake and
// may have sent a request, which the server does not look at (RFC 8446, sections 4.4.2.4
// and 6.2); unless the end of the connection overtakes that word. Renegotiation and later authentication, where the same might be said, are not
// spoken.
func refusedCertificate(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return false
	}
	for _, alert := range [...]tls.AlertError{
		42,  // bad_certificate
		43,  // unsupported_certificate
		44,  // certificate_revoked
		45,  // certificate_expired
		46,  // certificate_unknown
		48,  // unknown_ca
		49,  // access_denied
		116, // certificate_required
	} {
		if op.Err.Error() == alert.Error() { // the package's own type for alerts that came is not exported
			return true
		}
	}
	return false
}
