package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

const (
	// headerRelayed marks what one gateway tells another: it goes no further. Whoever
	// forges it has kept his own delivery from being relayed, and nothing else.
	headerRelayed = "X-Switchyard-Relayed"

	relayBody  = `{"relayed":true}` // it names no branch, so it always matters
	relayTime  = 5 * time.Second    // for one peer, from connecting to its answer
	relayAtOne = 16                 // peers that are told at a time
	maxPeers   = 256                // addresses that are told at all
)

// RelayOptions is what a relay is made of. All but Resolve and TLS
// are needed.
type RelayOptions struct {
	// Peers is the URL of the webhook of all gateways that follow the repository,
	// this one among them: each address of its host gets what is told.
	Peers *url.URL
	// Secrets is that of Options; the first of them signs.
	Secrets func() (string, error)
	// Resolve looks up the addresses of a host; nil: as the machine does.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// TLS says whom to trust, and which certificate to show, where Peers is https. Their
	// certificates are for its host, at whichever address. Nil: as the machine does.
	TLS    *tls.Config
	Logger zerolog.Logger
}

// Relay tells the other gateways of a repository what a forge told this one: a
// load balancer gives a delivery to one of them only, and the others would wait
// for their next poll. What it sends is a delivery like any other, signed with
// the same secret, so that a gateway believes no peer more than a forge.
type Relay struct {
	options RelayOptions
	told    chan struct{} // capacity 1: a further one is dropped, as what follows is for all
}

// NewRelay makes a relay.
func NewRelay(o RelayOptions) *Relay {
	if o.Resolve == nil {
		o.Resolve = net.DefaultResolver.LookupHost
	}
	return &Relay{options: o, told: make(chan struct{}, 1)}
}

// Tell has the peers told soon. It never blocks, and is safe for concurrent use.
func (r *Relay) Tell() {
	select {
	case r.told <- struct{}{}:
	default:
	}
}

// Run tells peers until ctx ends. A peer that cannot be told looks at the
// repository at its next poll; the log says so.
func (r *Relay) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.told:
		}
		if err := r.tellAll(ctx); err != nil && ctx.Err() == nil {
			r.options.Logger.Warn().Str(fieldEvent, eventWebhook).Err(err).Msg("not every gateway was told of a push; those look at their next poll")
		}
	}
}

// tellAll tells every address of the peers' host; the error is of all that were
// not told.
func (r *Relay) tellAll(ctx context.Context) error {
	signature, err := r.sign()
	if err != nil {
		return err
	}
	looking, cancel := context.WithTimeout(ctx, relayTime)
	defer cancel()
	addresses, err := r.options.Resolve(looking, r.options.Peers.Hostname())
	if err != nil {
		return fmt.Errorf("look up the peers of the webhook: %w", err)
	}
	failed := make([]error, min(len(addresses), maxPeers))
	var group errgroup.Group
	group.SetLimit(relayAtOne)
	for i := range failed {
		group.Go(func() error {
			failed[i] = r.tell(ctx, addresses[i], signature)
			return nil
		})
	}
	_ = group.Wait() // each error is in its place
	return errors.Join(failed...)
}

// sign is the signature of what is told, in GitHub's form.
func (r *Relay) sign() (string, error) {
	text, err := r.options.Secrets()
	if err != nil {
		return "", fmt.Errorf("read the secrets of the webhook: %w", err)
	}
	secrets, err := parseSecrets(text)
	if err != nil {
		return "", fmt.Errorf("read the secrets of the webhook: %w", err)
	}
	if len(secrets) == 0 {
		return "", errors.New("the webhook has no secret to sign with")
	}
	sum := hmac.New(sha256.New, secrets[0].text)
	_, _ = io.WriteString(sum, relayBody)
	return "sha256=" + hex.EncodeToString(sum.Sum(nil)), nil
}

// tell tells the peer at one address. A connection for each: deliveries are rare,
// and peers come and go.
func (r *Relay) tell(ctx context.Context, address, signature string) error {
	ctx, cancel := context.WithTimeout(ctx, relayTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.options.Peers.String(), strings.NewReader(relayBody))
	if err != nil {
		return fmt.Errorf("tell %s of a push: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(fieldHub256, signature)
	request.Header.Set(headerRelayed, "1")
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   r.options.TLS,
		DialContext: func(ctx context.Context, network, asked string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(asked)
			if err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, network, net.JoinHostPort(address, port))
		},
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("tell %s of a push: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("tell %s of a push: it answered %s", address, response.Status)
	}
	return nil
}
