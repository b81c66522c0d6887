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
	var listen net.ListenConfig
	if p.listen, err = listen.Listen(ctx, "tcp", p.options.Listen); err != nil {
		return fmt.Errorf("open the public listener: %w", err)
	}
	if p.admin, err = listen.Listen(ctx, "tcp", p.options.Admin); err != nil {
		return fmt.Errorf("open the admin listener: %w", err)
	}
	return nil
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
	return front.New(front.Options{Std: std, StdOnly: !p.options.OwnFront, Seed: gateway.Seed})
}

// servePublic serves the public listener until it is shut down.
func (p *process) servePublic() error {
	if p.certificates == nil {
		return p.public.Serve(p.listen)
	}
	return p.public.ServeTLS(p.listen, p.certificates.Config())
}

// watchCertificates reads them when they change, until ctx ends.
func (p *process) watchCertificates(ctx context.Context) error {
	if p.certificates != nil {
		p.certificates.Run(ctx)
	}
	return nil
}
