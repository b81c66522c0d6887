package serve

import (
	"context"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/webhook"
)

// hook is the webhook and what looks at the repository for it. A nil hook is
// that of a process without one.
type hook struct {
	receiver *webhook.Receiver
	poller   *webhook.Poller
	relay    *webhook.Relay // nil: there are no other gateways
}

func (p *process) makeWebhook() {
	if p.options.WebhookSecrets == nil {
		return
	}
	poller := webhook.NewPoller(p.look)
	o := webhook.Options{
		Secrets:  p.options.WebhookSecrets,
		Poke:     poller.Poke,
		Followed: func(branch string) bool { return mayMatter(p.follower.Status(), branch) },
		Answer:   gateway.WriteError,
		Logger:   p.logger,
	}
	p.webhook = &hook{poller: poller}
	if peers := p.options.WebhookPeers; peers != nil {
		p.webhook.relay = webhook.NewRelay(webhook.RelayOptions{Peers: peers, Secrets: p.options.WebhookSecrets, TLS: p.options.WebhookPeersTLS, Logger: p.logger})
		o.Relay = p.webhook.relay.Tell
	}
	p.webhook.receiver = webhook.New(o)
}

func (h *hook) handler() http.Handler {
	if h == nil {
		return nil
	}
	return h.receiver
}

func (h *hook) register(registry *prometheus.Registry) {
	if h != nil {
		registry.MustRegister(h.receiver.Collector())
	}
}

// deliveries are how many came, by what became of them; nil without a webhook.
func (h *hook) deliveries() map[string]int64 {
	if h == nil {
		return nil
	}
	return h.receiver.Deliveries()
}

func (h *hook) run(ctx context.Context) error {
	if h == nil {
		return nil
	}
	var parts errgroup.Group
	parts.Go(func() error { h.poller.Run(ctx); return nil })
	if h.relay != nil {
		parts.Go(func() error { h.relay.Run(ctx); return nil })
	}
	return parts.Wait()
}

// look reads the repository and tells whether the newest revision is another
// than before. How it went, the follower logs.
func (p *process) look(ctx context.Context) (moved bool) {
	before := p.follower.Status().Newest
	_ = p.follower.Poll(ctx)
	return !maps.Equal(commits(before), commits(p.follower.Status().Newest))
}

// commits are where the branches of a revision stand; none if it is nil.
func commits(r *gitsync.Revision) map[string]string {
	if r == nil {
		return nil
	}
	all := make(map[string]string, len(r.Heads))
	for branch, head := range r.Heads {
		all[branch] = head.Commit
	}
	return all
}

// mayMatter tells whether a push to a branch may change what serves. It does
// not only if what was read last is good and names no such branch.
func mayMatter(s gitsync.Status, branch string) bool {
	if s.Newest == nil || s.Rejected != nil || s.Held != nil || s.LastError != nil {
		return true
	}
	_, followed := s.Newest.Heads[branch]
	return followed || branch == s.Branch
}
