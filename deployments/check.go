package deployments

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// maxChecks bounds the health checks at a time.
const maxChecks = 64

// check asks one server whether it is well, for the replicas of all uses that it
// is. It stays as it is when a swap keeps one of them.
type check struct {
	job
	pool      *Pool
	url       *url.URL
	address   netip.Addr
	protocol  schema.Protocol
	tls       *TLS
	terms     atomic.Pointer[terms]
	transport Transport // of its own: a pool of connections at its limit is no illness

	last atomic.Pointer[Checked] // nil: not yet
	// passes and fails are in a row; at most one of them is above 0. They are
	// touched by one run after the other.
	passes, fails int

	down     bool                  // guarded by pool.mu, as is
	replicas map[*Replica]struct{} // whose check this is
}

// checkKey is the identity by which a check is found again.
type checkKey struct {
	url      string
	address  netip.Addr
	protocol schema.Protocol
	tls      string
}

// terms are how it is asked: those of the version that was bound last.
type terms struct {
	health *schema.Health
	header http.Header
	add    http.Header // beside it
}

// Checked is the outcome of a health check.
type Checked struct {
	Time   time.Time
	Passed bool
	Status int           // 0: there was no answer
	Reason string        // why it did not pass
	Took   time.Duration // to the head of the answer
}

// attend has a replica checked as its version says. The pool is locked.
func (p *Pool) attend(r *Replica, v *Version) {
	if v.Serving.Health == nil {
		if r.leaveCheck() {
			p.untidy = true
			r.out.And(^uint32(outChecked))
		}
		return
	}
	at := checkURL(r.url, v.Serving.Health.Path)
	key := checkKey{url: at.String(), address: r.address, protocol: r.speaks, tls: r.tls.identity()}
	c := p.checks[key]
	if c == nil {
		c = &check{pool: p, url: at, address: r.address, protocol: r.speaks, tls: r.tls, replicas: map[*Replica]struct{}{}}
		c.run = c.ask
		p.checks[key] = c
		defer p.checking.add(&c.job)
	}
	c.terms.Store(&terms{health: v.Serving.Health, header: v.Header, add: v.Rules.Add})
	p.checking.pace(&c.job, v.Serving.Health.Interval)
	if r.check.Load() != c {
		p.untidy = r.leaveCheck() || p.untidy
		r.check.Store(c)
		c.replicas[r] = struct{}{}
	}
	c.mark(r)
}

// leaveCheck takes a replica from its check, and reports whether it had one. The
// pool is locked.
func (r *Replica) leaveCheck() bool {
	c := r.check.Swap(nil)
	if c != nil {
		delete(c.replicas, r)
	}
	return c != nil
}

// checkURL is where a replica is asked.
func checkURL(replica *url.URL, path string) *url.URL {
	at, err := replica.Parse(path)
	if err != nil {
		panic("deployments: the schema let a bad path of health checks pass: " + err.Error())
	}
	at.Scheme, at.Host = replica.Scheme, replica.Host // a path of // would name another host
	return at
}

// mark tells a replica what is known. The pool is locked.
func (c *check) mark(r *Replica) {
	if c.down {
		r.out.Or(outChecked)
		return
	}
	r.out.And(^uint32(outChecked))
}

// ask makes one check.
func (c *check) ask(ctx context.Context) {
	t := c.terms.Load()
	limited, cancel := context.WithTimeout(ctx, t.health.Timeout)
	defer cancel()
	outcome := c.call(limited, t)
	if ctx.Err() != nil {
		return // it says nothing of the replica
	}
	first := c.last.Swap(&outcome) == nil
	if outcome.Passed {
		c.passes, c.fails = c.passes+1, 0
	} else {
		c.passes, c.fails = 0, c.fails+1
	}
	// The first check decides alone: nothing else is known of the replica.
	switch {
	case c.fails >= t.health.UnhealthyAfter, first && c.fails > 0:
		c.settle(true, outcome)
	case c.passes >= t.health.HealthyAfter:
		c.settle(false, outcome)
	}
	if outcome.Status != 0 {
		c.reached()
	}
}

// call is what the server answers. A connection of its own shows that the server
// still takes any.
func (c *check) call(ctx context.Context, t *terms) (outcome Checked) {
	outcome.Time = time.Now()
	if c.transport == nil {
		c.transport = c.pool.options.Transport(Destination{URL: c.url, Address: c.address, Protocol: c.protocol, TLS: c.tls})
	}
	req := &http.Request{
		Method: http.MethodGet, URL: c.url, Host: c.url.Host, Header: make(http.Header, len(t.header)+1), Close: true,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	req.Header["User-Agent"] = []string{"switchyard-health"}
	maps.Copy(req.Header, t.header)
	for name, values := range t.add {
		req.Header[name] = slices.Concat(req.Header[name], values)
	}
	if host := t.header["Host"]; len(host) > 0 {
		req.Host = host[0]
	}
	resp, err := c.transport.RoundTrip(req.WithContext(ctx))
	outcome.Took = time.Since(outcome.Time)
	switch {
	case err != nil && ctx.Err() != nil:
		outcome.Reason = fmt.Sprintf("no answer within %s", t.health.Timeout)
		return outcome
	case err != nil:
		outcome.Reason = err.Error()
		return outcome
	}
	_ = resp.Body.Close() // the status says it all
	outcome.Status = resp.StatusCode
	outcome.Passed = slices.ContainsFunc(t.health.Status, func(r schema.StatusRange) bool {
		return r.From <= resp.StatusCode && resp.StatusCode <= r.To
	})
	if !outcome.Passed {
		outcome.Reason = fmt.Sprintf("status %d", resp.StatusCode)
	}
	return outcome
}

// settle calls the replicas down, or up again.
func (c *check) settle(down bool, why Checked) {
	p := c.pool
	p.mu.Lock()
	changed := c.down != down
	c.down = down
	var named []*Replica
	if changed {
		for r := range c.replicas {
			c.mark(r)
			named = append(named, r)
		}
	}
	p.mu.Unlock()
	kind := CheckPassed
	if down {
		kind = CheckFailed
	}
	for _, r := range named {
		p.tell(Change{Kind: kind, Replica: r.label, Use: r.use, Reason: why.Reason})
	}
}

// uncheck ends the checks of replicas that are retired. The pool is locked.
func (p *Pool) uncheck() {
	for key, c := range p.checks {
		if !c.needed() {
			c.gone.Store(true)
			delete(p.checks, key)
		}
	}
}

// needed reports whether some replica in service is checked. The pool is locked.
func (c *check) needed() bool {
	for r := range c.replicas {
		if !r.retired.Load() {
			return true
		}
	}
	return false
}

// reached lets the replicas be connected to, which this check was.
func (c *check) reached() {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for r := range c.replicas {
		r.health.reached()
	}
}
