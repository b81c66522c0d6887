package gateway

import (
	"cmp"
	"net"
	"net/http"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/schema"
)

// OwnTransport makes the connections of a replica with the gateway's own
// HTTP/1.1 client where that can be: for plain http. It leaves TLS, HTTP/2 and
// upgrades to net/http. It is a deployments.PoolOptions.Transport.
func OwnTransport(to deployments.Destination) deployments.Transport {
	o := deployments.OptionsFor(to)
	standard := deployments.NewTransport(o)
	mirrors := to.Use != (deployments.Use{})
	var rest deployments.Transport = standard
	if mirrors {
		rest = deployments.Once(standard)
	}
	u := to.URL
	if u.Scheme != "http" || to.Protocol == schema.H2C {
		return rest
	}
	return &ownTransport{
		rest: rest,
		plain: upstream.New(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")), upstream.Options{
			Dial:                   standard.DialContext,
			MaxIdle:                standard.MaxIdleConnsPerHost,
			IdleTimeout:            standard.IdleConnTimeout,
			MaxConns:               o.MaxConns,
			MaxResponseHeaderBytes: int(standard.MaxResponseHeaderBytes),
			NoRetry:                mirrors,
			Fallback:               rest,
		}),
	}
}

// ownTransport is the connections to one replica: those of the own client, and
// those for what it hands on.
type ownTransport struct {
	plain *upstream.Pool
	rest  deployments.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.plain.RoundTrip(r)
}

// Post sends a copy that is small.
func (t *ownTransport) Post(m *upstream.Message) error { return t.plain.Post(m) }

// CloseIdleConnections closes those of both clients.
func (t *ownTransport) CloseIdleConnections() {
	t.plain.CloseIdleConnections()
	t.rest.CloseIdleConnections()
}
