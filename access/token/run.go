package token

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The value of the field "event" with which it is logged how reading the keys goes,
// and the fields.
const (
	eventIssuer = "issuer"
	fieldIssuer = "issuer"
	fieldKeys   = "keys"
)

// The waits after readings that failed.
const (
	shortestWait = time.Second
	longestWait  = time.Minute
)

// Run keeps the keys fresh until ctx ends. It tells the log when reading them
// begins to fail and when it works again, and no more.
func (v *Verifier) Run(ctx context.Context) {
	wait := time.Duration(0) // after a reading that failed
	asked := false
	for {
		next := v.options.Fresh
		if err := v.readKeys(ctx); err != nil {
			wait = min(max(2*wait, shortestWait), longestWait)
			next = min(wait, next)
		} else {
			wait = 0
		}
		if asked {
			v.wake()
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			asked = false
		case <-v.ask:
			timer.Stop()
			asked = true
		}
	}
}

// readKeys reads the keys once.
func (v *Verifier) readKeys(ctx context.Context) error {
	keys, err := v.fetch(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.reads[0].Add(1)
		why := err.Error()
		if v.down.Swap(&why) == nil {
			v.options.Logger.Warn().Str("event", eventIssuer).Str(fieldIssuer, v.options.Issuer).Err(err).
				Msg("the keys of the issuer cannot be read; those that were read last go on for a while")
		}
		return err
	}
	v.reads[1].Add(1)
	known := v.keys.Swap(keys)
	if v.down.Swap(nil) != nil || known == nil {
		v.options.Logger.Info().Str("event", eventIssuer).Str(fieldIssuer, v.options.Issuer).Int(fieldKeys, len(keys.all)).
			Msg("the keys of the issuer were read")
	}
	return nil
}

// wake wakes whoever has asked for the reading that has ended.
func (v *Verifier) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = false
	close(v.read)
	v.read = make(chan struct{})
}

// current is the keys, unless they are too old; nil if there are none.
func (v *Verifier) current(now time.Time) *keySet {
	keys := v.keys.Load()
	if keys == nil || now.Sub(keys.at) > v.options.Stale {
		return nil
	}
	return keys
}

// renewed waits for the keys to be read once more, if that has not been asked for
// lately, and no longer than it is worth.
func (v *Verifier) renewed(ctx context.Context) {
	v.mu.Lock()
	if !v.asked {
		if !v.early.Allow() {
			v.mu.Unlock()
			return
		}
		v.asked = true
		v.ask <- struct{}{} // there is room: asked is false only when Run has taken the one before
	}
	read := v.read
	v.mu.Unlock()
	timer := time.NewTimer(v.options.Patience)
	defer timer.Stop()
	select {
	case <-read:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Status is how the keys are, for /endpoints.
type Status struct {
	Issuer    string    `json:"issuer"`
	Audiences []string  `json:"audiences"`
	Keys      int       `json:"keys"`  // that tokens are checked by
	Read      time.Time `json:"read"`  // when they were read
	Error     string    `json:"error"` // why they could not be read again; empty: they could
}

// Status tells how the keys are.
func (v *Verifier) Status() Status {
	s := Status{Issuer: v.options.Issuer, Audiences: v.options.Audiences}
	if keys := v.current(time.Now()); keys != nil {
		s.Keys, s.Read = len(keys.all), keys.at
	}
	if why := v.down.Load(); why != nil {
		s.Error = *why
	}
	return s
}

var (
	descKeys = prometheus.NewDesc("switchyard_token_keys", "Keys of the issuer that tokens are checked by; 0: none can be checked.", nil, nil)
	descRead = prometheus.NewDesc("switchyard_token_keys_read_timestamp_seconds", "When the keys of the issuer were read last; 0: never.", nil, nil)
	descAsks = prometheus.NewDesc("switchyard_token_key_reads_total", "Readings of the issuer's keys, by result: ok or error.", []string{"result"}, nil)
)

// Describe implements prometheus.Collector.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descKeys, descRead, descAsks} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	s := v.Status()
	read := 0.0
	if !s.Read.IsZero() {
		read = float64(s.Read.Unix())
	}
	ch <- prometheus.MustNewConstMetric(descKeys, prometheus.GaugeValue, float64(s.Keys))
	ch <- prometheus.MustNewConstMetric(descRead, prometheus.GaugeValue, read)
	for i, result := range []string{"error", "ok"} {
		ch <- prometheus.MustNewConstMetric(descAsks, prometheus.CounterValue, float64(v.reads[i].Load()), result)
	}
}
