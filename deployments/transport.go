package deployments

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Transport is the connections to one replica. After CloseIdleConnections,
// connections that become idle later are closed as well, until another request
// is sent; http.Transport keeps to that.
type Transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// Defaults of TransportOptions.
const (
	DefaultConnectTimeout = 2 * time.Second // a lost SYN is sent again after 1 s
	DefaultIdleTimeout    = 90 * time.Second
	DefaultMirrorConns    = 64 // of PoolOptions
)

// TransportOptions tune the connections to one replica. The zero value holds for
// live requests.
type TransportOptions struct {
	// ConnectTimeout bounds resolving the name and connecting together, and the
	// TLS handshake once more; 0 means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// IdleTimeout closes a connection that no request used for so long; 0 means
	// DefaultIdleTimeout.
	IdleTimeout time.Duration
	// MaxConns bounds the connections; more requests wait for one. 0: no bound.
	MaxConns int
	// Resolver looks up names; nil means that of the system.
	Resolver *net.Resolver
	// Address is connected to instead of what the name in a request's URL
	// resolves to; the zero Addr means that name.
	Address netip.Addr
	// Protocol is what is spoken; empty means schema.AutoProtocol.
	Protocol schema.Protocol
	// TLS is how a server is met over https, and Host the one that is; nil: as
	// crypto/tls does.
	TLS  *TLS
	Host string
}

// NewTransport makes connections for a gateway: what passes through is not
// changed (no compression is asked for), the environment has no say (no proxy),
// and nothing waits that the caller's context does not bound. Where o does not say
// otherwise, HTTP/2 is spoken where a TLS server offers it, except for WebSockets; see
// WebSocketKey.
func NewTransport(o TransportOptions) *http.Transport {
	connect := cmp.Or(o.ConnectTimeout, DefaultConnectTimeout)
	dialer := &net.Dialer{
		Timeout:  connect,
		Resolver: o.Resolver,
		// A host that vanished without a word is noticed after some 30 s.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(16)}
	o.TLS.configure(secure, o.Host)
	t := &http.Transport{
		DialContext:     dialing(dialer, o.Address),
		TLSClientConfig: secure,
		Protocols:       protocols(o.Protocol),
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second, // an HTTP/2 connection carries all requests: notice when it is dead
			PingTimeout:     10 * time.Second,
		},
		MaxIdleConnsPerHost: 1024, // closing what the next burst needs costs more than keeping it
		MaxConnsPerHost:     o.MaxConns,
		IdleConnTimeout:     cmp.Or(o.IdleTimeout, DefaultIdleTimeout),
		DisableCompression:  true,
		// 0: a body is sent without waiting for "100 Continue", should a request
		// ask for it at all.
		ExpectContinueTimeout:  0,
		MaxResponseHeaderBytes: 256 << 10, // of all 1xx answers together, too
		// The head and a usual body of a prediction leave in one write. Larger
		// bodies and answers bypass the buffers.
		WriteBufferSize: 16 << 10,
		ReadBufferSize:  8 << 10,
	}
	t.DialTLSContext = securing(t, connect)
	return t
}

// protocols is what a transport may speak.
func protocols(p schema.Protocol) *http.Protocols {
	var all http.Protocols
	all.SetHTTP1(p != schema.HTTP2 && p != schema.H2C)
	all.SetHTTP2(p != schema.HTTP1 && p != schema.H2C)
	all.SetUnencryptedHTTP2(p == schema.H2C)
	return &all
}

// dialing connects to an address, if it is given, whatever name is asked for.
func dialing(d *net.Dialer, address netip.Addr) func(ctx context.Context, network, host string) (net.Conn, error) {
	if !address.IsValid() {
		return func(ctx context.Context, network, host string) (net.Conn, error) {
			return dialerFor(ctx, d).DialContext(ctx, network, host)
		}
	}
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(host)
		if err != nil {
			return nil, err
		}
		return dialerFor(ctx, d).DialContext(ctx, network, net.JoinHostPort(address.String(), port))
	}
}

// ConnectTimeoutKey is the key of the time, a time.Duration, that a context gives
// to looking up a name and connecting, instead of TransportOptions.ConnectTimeout.
type ConnectTimeoutKey struct{}

func dialerFor(ctx context.Context, d *net.Dialer) *net.Dialer {
	own, ok := ctx.Value(ConnectTimeoutKey{}).(time.Duration)
	if !ok {
		return d
	}
	other := *d
	other.Timeout = own
	return &other
}

// OptionsFor are the options for one replica: the look-ups of mirrors' names are kept
// off the threads of the system's resolver, of which there are few and live requests
// need them.
func OptionsFor(to Destination) TransportOptions {
	o := TransportOptions{Address: to.Address, Protocol: to.Protocol, TLS: to.TLS, Host: to.URL.Hostname(), MaxConns: to.MaxConns}
	if to.Use != (Use{}) {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	return o
}

// defaultTransport never sends a copy twice.
func defaultTransport(to Destination) Transport {
	t := NewTransport(OptionsFor(to))
	if to.Use == (Use{}) {
		return t
	}
	return Once(t)
}
