package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/front"
)

// Of HTTP/2 connections of callers: how many requests one may have under way, and
// how soon one is noticed whose caller vanished without a word.
const (
	maxStreams  = 250
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
)

func (p *process) openListeners(ctx context.Context) (err error) {
	if p.options.TLS != nil {
		o := *p.options.TLS
		o.Logger = p.logger
		if p.certificates, err = certificates.Open(o); err != nil {
			return fmt.Errorf("certificates of the public listener: %w", err)
		}
	}
	if p.options.AdminTLS != nil {
		o := *p.options.AdminTLS
		o.Logger = p.logger
		if p.adminCertificates, err = certificates.Open(o); err != nil {
			return fmt.Errorf("certificates of the admin listener: %w", err)
		}
	}
	if p.listen, err = listen(ctx, p.options.Public, p.options.Listen); err != nil {
		return fmt.Errorf("open the public listener: %w", err)
	}
	if p.admin, err = listen(ctx, p.options.Private, p.options.Admin); err != nil {
		return fmt.Errorf("open the admin listener: %w", err)
	}
	if p.options.Metrics == "" {
		return nil
	}
	if p.metrics, err = listen(ctx, nil, p.options.Metrics); err != nil {
		return fmt.Errorf("open the metrics listener: %w", err)
	}
	return nil
}

// listen is the listener that was given, or a new one.
func listen(ctx context.Context, given net.Listener, address string) (net.Listener, error) {
	if given != nil {
		return given, nil
	}
	var c net.ListenConfig
	c.SetMultipathTCP(false) // whose connections the system does not end when callers take nothing
	return c.Listen(ctx, "tcp", address)
}

// newPublic makes the public server. It has no time limit for whole requests:
// streams have none, and attempts have their own.
func (p *process) newPublic() *front.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // over TLS
	protocols.SetUnencryptedHTTP2(p.options.H2C)
	std := &http.Server{
		Handler:           p.live,
		BaseContext:       func(net.Listener) context.Context { return p.lives },
		ReadHeaderTimeout: p.options.ReadHeaderTimeout,
		IdleTimeout:       p.options.IdleTimeout,
		MaxHeaderBytes:    p.options.MaxHeaderBytes,
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		ErrorLog:          p.errorLog(),
	}
	return front.New(front.Options{
		Std: std, StdOnly: !p.options.OwnFront, Seed: gateway.Seed,
		MaxConnections: p.options.maxConnections(), MinBodyRate: p.options.MinBodyRate,
	})
}

// servePublic serves the public listener until it is shut down.
func (p *process) servePublic(ctx context.Context) error {
	if p.options.Public != nil {
		p.serves.await(ctx, holdCallers)
	}
	if p.certificates == nil {
		return p.public.Serve(p.listen) //nolint:contextcheck // it is shut down
	}
	return p.public.ServeTLS(p.listen, p.certificates.Config()) //nolint:contextcheck // it is shut down
}

// serveAdmin serves the admin listener until it is closed.
func (p *process) serveAdmin() error {
	if p.adminCertificates == nil {
		return p.private.Serve(p.admin)
	}
	p.private.TLSConfig = p.adminCertificates.Config()
	return p.private.ServeTLS(p.admin, "", "")
}

// watchCertificates reads them when they change, until ctx ends.
func watchCertificates(ctx context.Context, s *certificates.Store) error {
	if s != nil {
		s.Run(ctx)
	}
	return nil
}
