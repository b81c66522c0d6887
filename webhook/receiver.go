package webhook

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

const (
	maxBody  = 1 << 20          // of a delivery; forges send less, even after large pushes
	bodyTime = 10 * time.Second // for a delivery's body to arrive
)

// Options is what a receiver is made of. All but Relay and Followed are needed.
type Options struct {
	// Secrets gives the secrets, one a line. It is called for each delivery, so
	// that they can be exchanged. As long as there are none, or it fails, the
	// webhook is off. At most 8 are tried.
	Secrets func() (string, error)
	// Poke says that something may have been pushed. It must not block.
	Poke func()
	// Relay says the same to the other gateways of the repository, unless one of
	// them has told this one. It must not block. Nil: there are none.
	Relay func()
	// Followed tells whether a push to a branch may matter; when in doubt, it
	// does. Nil means that every one does.
	Followed func(branch string) bool
	// Answer answers with an error and a text for people.
	Answer func(w http.ResponseWriter, r *http.Request, status int, message string)
	// Logger gets a line now and then while deliveries are refused.
	Logger zerolog.Logger
}

// Receiver is the handler of push hooks. It is safe for concurrent use.
type Receiver struct {
	options Options
	counts  counts
	journal journal
	// keeping holds a token for each delivery whose beginning is kept in memory.
	// When it is full, deliveries are not kept: they are taken to matter.
	keeping chan struct{}
}

// New makes a receiver.
func New(o Options) *Receiver {
	if o.Followed == nil {
		o.Followed = func(string) bool { return true }
	}
	if o.Relay == nil {
		o.Relay = func() {}
	}
	return &Receiver{
		options: o,
		counts:  newCounts(),
		journal: journal{log: o.Logger},
		keeping: make(chan struct{}, maxKeeping),
	}
}

// Collector gives the receiver's metrics for registration.
func (h *Receiver) Collector() prometheus.Collector { return h.counts }

// refusal is an answer other than 202.
type refusal struct {
	status  int
	result  result
	message string
}

var (
	off       = &refusal{http.StatusNotFound, resultOff, "there is no webhook here"}
	notPosted = &refusal{http.StatusMethodNotAllowed, resultMethod, "webhooks are delivered with POST"}
	tooLarge  = &refusal{http.StatusRequestEntityTooLarge, resultTooLarge, "the delivery is larger than 1 MiB"}
	tooSlow   = &refusal{http.StatusRequestTimeout, resultBody, "the delivery did not arrive in time"}
	broken    = &refusal{http.StatusBadRequest, resultBody, "the delivery could not be read whole"}
	unsigned  = &refusal{http.StatusUnauthorized, resultUnsigned, "the delivery is not signed; give the forge the secret of this webhook"}
	wrong     = &refusal{http.StatusUnauthorized, resultWrong, "the signature is not made with a secret of this webhook"}
	wrongForm = &refusal{http.StatusUnauthorized, resultWrong, "the signature is not that of this form; have the forge send application/json"}
)

// ServeHTTP takes a delivery. It answers before anything is read from the
// repository.
func (h *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told, no := h.receive(w, r)
	if no != nil {
		h.counts.add(no.result)
		h.journal.refused(no, r)
		if no == notPosted {
			w.Header().Set("Allow", http.MethodPost)
		}
		h.options.Answer(w, r, no.status, no.message)
		return
	}
	became := h.decide(told)
	h.counts.add(became)
	if became == resultAccepted {
		h.options.Poke()
		if r.Header.Get(headerRelayed) == "" {
			h.options.Relay()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"`+string(became)+"\"}\n") // who is gone needs no answer
}

// decide is what a delivery that was proven means.
func (h *Receiver) decide(told push) result {
	if told.ping {
		return resultPing
	}
	if !told.certain || slices.ContainsFunc(told.branches, h.options.Followed) {
		return resultAccepted
	}
	return resultIgnored
}

// receive reads a delivery and gives what it tells, or why it is refused.
func (h *Receiver) receive(w http.ResponseWriter, r *http.Request) (push, *refusal) {
	secrets := h.secrets()
	if len(secrets) == 0 {
		return push{}, off
	}
	if r.Method != http.MethodPost {
		return push{}, notPosted
	}
	if r.ContentLength > maxBody {
		return push{}, tooLarge
	}
	given := readProof(r.Header)
	known := given.byToken(secrets)
	if !known && given.empty() {
		if len(given.token) > 0 {
			return push{}, wrong
		}
		return push{}, unsigned
	}
	check := given.begin(secrets)
	body, no := h.read(w, r, check)
	if no != nil {
		return push{}, no
	}
	if !known && !check.holds() {
		return push{}, unproven(r.Header)
	}
	return readPush(r.Header, body), nil
}

// unproven is what is wrong with a delivery whose signatures do not hold. Gitea and
// Forgejo sign what a form holds, not the form, so that no secret could prove one.
func unproven(h http.Header) *refusal {
	if isForm(h) && (h.Get(fieldGitea) != "" || h.Get(fieldForgejo) != "") {
		return wrongForm
	}
	return wrong
}

// secrets are those that hold at this moment.
func (h *Receiver) secrets() []secret {
	text, err := h.options.Secrets()
	var all []secret
	if err == nil {
		all, err = parseSecrets(text)
	}
	if err != nil {
		h.journal.unreadable(err)
	}
	return all
}

// read lets the body stream by, and keeps its beginning if there is room.
func (h *Receiver) read(w http.ResponseWriter, r *http.Request, check io.Writer) (beginning, *refusal) {
	// A writer that knows no deadlines belongs to a server that bounds whole requests.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	var kept beginning
	select {
	case h.keeping <- struct{}{}:
		defer func() { <-h.keeping }()
		kept.room = maxKept
	default:
	}
	_, err := io.Copy(io.MultiWriter(check, &kept), http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return kept, bodyRefusal(err)
	}
	return kept, nil
}

func bodyRefusal(err error) *refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return tooSlow
	}
	return broken
}
