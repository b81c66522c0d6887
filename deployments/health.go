package deployments

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// A replica that cannot be connected to is left aside for minAside at first
	// and for twice as long after each failed probe, up to maxAside.
	minAside = time.Second
	maxAside = 10 * time.Second

	// probeTime is how long a probe keeps others from probing, if nothing is
	// heard of it: its request may have been given up before it was sent.
	probeTime = DefaultConnectTimeout
)

// health is the passive mark of a replica. It is only about connecting: whatever
// a server answers, it is there.
//
// The mark must never make a server unavailable for longer than it is. It is
// therefore a preference among replicas; see Group.Pick for what happens when no
// replica is left.
type health struct {
	start    time.Time
	out      *atomic.Uint32 // the replica's; outUnreached stands for this mark in it
	since    atomic.Int64   // when the last probe failed or will have, on clock; 0: up
	failures atomic.Int32   // in a row, each counted once however many requests met it
	instant  atomic.Bool    // the last failure cost no time: the port is closed
	epoch    atomic.Uint32  // counts the changes of the mark
	reason   atomic.Pointer[string]

	mu    sync.Mutex // held to change the mark
	aging int64      // until when another failure says nothing new, on clock
}

// clock is monotonic, in nanoseconds, and never 0.
func (h *health) clock() int64 { return int64(time.Since(h.start)) + 1 }

// observe is what a request remembers of the mark when it begins.
func (h *health) observe() (epoch uint32, down bool) {
	return h.epoch.Load(), h.down()
}

func (h *health) down() bool { return h.since.Load() != 0 }

// failed marks the replica as down. A hundred failures at the same moment are
// one: requests that began before the mark changed say nothing new, and neither
// do those that were sent while the replica was known to refuse.
func (h *health) failed(epoch uint32, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock()
	if h.epoch.Load() != epoch || h.down() && now < h.aging {
		return
	}
	h.instant.Store(errors.Is(err, syscall.ECONNREFUSED))
	reason := err.Error()
	h.reason.Store(&reason)
	h.failures.Add(1)
	h.epoch.Add(1)
	h.since.Store(now)
	h.out.Or(outUnreached)
	h.aging = now + int64(h.aside())
}

// reached takes the mark away.
func (h *health) reached() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down() {
		h.failures.Store(0)
		h.epoch.Add(1)
		h.since.Store(0)
		h.out.And(^uint32(outUnreached))
	}
}

// claim reports whether the caller's request is the one that may probe a replica
// which has been down for at least the time given. Until the outcome is known,
// or has taken too long, nobody else gets it.
func (h *health) claim(after time.Duration) bool {
	since, now := h.since.Load(), h.clock()
	return since != 0 && now-since >= int64(after) && h.since.CompareAndSwap(since, now+int64(probeTime))
}

// aside is how long the replica is left aside while there are others.
func (h *health) aside() time.Duration {
	doublings := min(max(h.failures.Load()-1, 0), 16)
	return min(minAside<<doublings, maxAside)
}

// ConnectFailed reports whether err says that no connection to the server could
// be made, so that no byte of the request has been sent: the name could not be
// resolved, the address not be connected to, or there was no handshake of TLS. A request
// that a server of TLS 1.3 has refused for the gateway's certificate counts as well, as it
// was not looked at. What cannot be told from a later failure does not count.
func ConnectFailed(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var handshake *HandshakeError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	return errors.As(err, &handshake) || errors.As(err, &certificate) || errors.As(err, &noTLS) || refusedCertificate(err)
}
