package serve

import (
	"context"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/webhook"
)

// hook is the webhook and what looks at the repository for it. A nil hook is
// that of a process without one.
type hook struct {
	receiver *webhook.Receiver
	poller   *webhook.Poller
}

func (p *process) makeWebhook() {
	if p.options.WebhookSecrets == nil {
		return
	}
	poller := webhook.NewPoller(p.look)
	p.webhook = &hook{
		poller: poller,
		receiver: webhook.New(webhook.Options{
			Secrets:  p.options.WebhookSecrets,
			Poke:     poller.Poke,
			Followed: func(branch string) bool { return mayMatter(p.follower.Status(), branch) },
			Answer:   gateway.WriteError,
			Logger:   p.logger,
		}),
	}
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

func (h *hook) run(ctx context.Context) error {
	if h != nil {
		h.poller.Run(ctx)
	}
	return nil
}

// look reads the repository and tells whether the newest revision is another
// than before. How it went, the follower logs.
func (p *process) look(ctx context.Context) (moved bool) {
	before := newest(p.follower.Status())
	_ = p.follower.Sync(ctx)
	return !maps.Equal(before, newest(p.follower.Status()))
}

// newest is where the branches stood when they were read last, if that is known.
func newest(s gitsync.Status) map[string]string {
	revision := s.Newest
	if revision == nil {
		return nil
	}
	commits := make(map[string]string, len(revision.Heads))
	for branch, head := range revision.Heads {
		commits[branch] = head.Commit
	}
	return commits
}

// mayMatter tells whether a push to a branch may change what serves. It does
// not only if what was read last serves and names no such branch.
func mayMatter(s gitsync.Status, branch string) bool {
	if s.Live == nil || s.Rejected != nil || s.LastError != nil || s.Stale {
		return true
	}
	_, followed := s.Live.Heads[branch]
	return followed || branch == s.Branch
}
