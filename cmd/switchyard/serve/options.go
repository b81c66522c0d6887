package serve

import (
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/commitstatus"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Options is what a process is made of. What the parts default by themselves
// may be left zero.
type Options struct {
	Version string // of the binary, for the log and /status

	Listen  string // the public listener's address
	Admin   string // the admin listener's address
	Metrics string // the metrics listener's address; empty: there is none
	// Public and Private are the public and the admin listener if somebody has opened
	// them already; the process closes them. Nil: it opens its own.
	Public, Private net.Listener
	// AdminTokens gives the tokens of the admin listener, one a line, at each
	// request; nil: it asks for none.
	AdminTokens func() (string, error)
	// AdminTLS is TLS for the admin listener.
	AdminTLS *certificates.Options
	// TLS says which certificates the public listener shows; Logger is the process's
	// own. Nil: it speaks plain HTTP.
	TLS *certificates.Options
	H2C bool // HTTP/2 without TLS as well, by prior knowledge

	Repository gitsync.Options // Named, Take and Logger are the process's own
	Pool       deployments.PoolOptions
	// CommitStatus says which forge is told what became of commits; Logger is the
	// process's own. Nil: none.
	CommitStatus *commitstatus.Options
	// WebhookSecrets gives the secrets of the webhook, one a line, at each
	// delivery; nil: there is no webhook.
	WebhookSecrets func() (string, error)
	// WebhookPeers is the URL of the webhook of all gateways of the repository, told
	// of what a forge tells this one; nil: it is the only one, or each is told.
	WebhookPeers *url.URL
	// WebhookPeersTLS says whom to trust there, and which certificate to show; nil: as
	// the machine does.
	WebhookPeersTLS *tls.Config
	Secrets         deployments.Secrets
	Access          schema.Access // what endpoints that do not say ask of callers; empty: a key as soon as one is declared
	// SharedLimits says where rates are kept for several gateways; Logger is the process's
	// own. Nil: this one keeps them for itself.
	SharedLimits *shared.Options
	// Tokens says whose tokens callers may show in place of API keys; Logger is the
	// process's own. Nil: nobody's.
	Tokens        *token.Options
	Forward       forward.Options
	Mirror        mirror.Options
	CaptureBudget int64 // bytes for captured bodies; gateway.DefaultCaptureBudget when 0
	Pair          pair.Options
	// Overload is what the process takes upon itself. Its Memory is made the limit of
	// Go's garbage collector as well; 0: the limit is that one's, if it has one.
	Overload gateway.Overload
	JSON     gateway.JSON // the bodies that are read as a whole

	OwnFront    bool // serve plain HTTP/1.1 with the gateway's own server instead of net/http's
	OwnUpstream bool // call replicas with the gateway's own client instead of net/http's, where Pool does not say

	ReadHeaderTimeout time.Duration // for the head of a request
	IdleTimeout       time.Duration // of a kept-alive connection between requests
	MaxHeaderBytes    int
	MaxConnections    int   // of callers that are open at a time; 0: half of the file descriptors that the process may have
	MinBodyRate       int64 // bytes per second at which a request's body has to come; 0: it may take any time

	ShutdownDelay time.Duration // from readiness off to refusing connections
	GracePeriod   time.Duration // for live requests and copies to end, together
	// AfterGrace is for what was cut off to be recorded, and then for the log, sinks and
	// collectors to take the last of what there is; 0.9 s when 0.
	AfterGrace time.Duration

	Console  *ConsoleOptions     // nil: there is none
	Recent   *recent.Options     // of the newest records for the admin listener; nil: none are kept
	Records  record.Options      // Writer and Grace are the process's own
	LogLevel zerolog.Level       // the least level of process events that is logged; records always are
	Stdout   io.Writer           // where the log goes if LogFile is nil
	LogFile  *record.FileOptions // a file that rotates, instead of Stdout

	Sinks     Sinks     // of records, besides the log
	Telemetry Telemetry // traces and metrics over OTLP

	Started func(Addresses) // if set, called once both listeners take connections

	Hangup <-chan struct{} // each value: sync now, open the log file anew, and look at the certificates
	Abort  <-chan struct{} // closed: end at once
}

// overload is the limits with that of the garbage collector.
func (o *Options) overload() gateway.Overload {
	limits := o.Overload
	if limits.Memory > 0 {
		debug.SetMemoryLimit(limits.Memory)
	} else if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 { // -1 only asks
		limits.Memory = limit
	}
	return limits
}

// Addresses are those of the listeners, with the ports that they were given.
type Addresses struct {
	Listen  string
	Admin   string
	Metrics string // empty: there is none
}
