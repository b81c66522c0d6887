package webhook

import (
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// quiet is how long nothing is said after something was. Whoever sends what they
// want to the webhook cannot fill the log.
const quiet = time.Minute

// Fields of the lines with event=webhook.
const (
	fieldEvent   = "event"
	fieldResult  = "result"
	fieldFrom    = "from"
	fieldRefused = "refused"

	eventWebhook = "webhook"
)

// journal logs what goes wrong, at most one line a minute for each of the two
// kinds of trouble.
type journal struct {
	log zerolog.Logger

	mu      sync.Mutex
	refusal time.Time // when the last line about a refusal was written
	untold  int       // refusals since
	secrets time.Time // when the last line about the secrets was written
}

// refused tells of a delivery that was refused, and of how many were since the
// last line. The address is that of the connection: behind a proxy, the proxy's.
func (j *journal) refused(why *refusal, r *http.Request) {
	if why == off {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.untold++
	if since := time.Since(j.refusal); !j.refusal.IsZero() && since < quiet {
		return
	}
	j.log.Warn().Str(fieldEvent, eventWebhook).Str(fieldResult, string(why.result)).Str(fieldFrom, r.RemoteAddr).
		Int(fieldRefused, j.untold).Msg("a webhook delivery was refused: " + why.message)
	j.refusal, j.untold = time.Now(), 0
}

// unreadable tells that there are no secrets although there should be.
func (j *journal) unreadable(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.secrets.IsZero() && time.Since(j.secrets) < quiet {
		return
	}
	j.log.Error().Str(fieldEvent, eventWebhook).Err(err).Msg("the webhook is off: its secrets cannot be read")
	j.secrets = time.Now()
}
