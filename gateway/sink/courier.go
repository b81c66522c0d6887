package sink

import (
	"bytes"
	"context"
	cryptorand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Times between two attempts at a receiver that is down.
const (
	minWait = 250 * time.Millisecond
	maxWait = 30 * time.Second
	maxBusy = 5 * time.Minute // that a receiver may ask for
)

// tellEvery is how often a receiver that is down is logged.
const tellEvery = time.Minute

// courier is the writer of a sink's log: it gives batches to the receiver, or to
// the spool while the receiver is down or the spool is not empty. Write is called
// by one goroutine, empty runs in another one.
type courier struct {
	name    string
	send    Send
	timeout time.Duration
	spool   *spool // nil: none
	logger  zerolog.Logger
	lost    func(record.Lost)
	ctx     context.Context // ends what is under way; set by begin
	process string          // random, so that ids of two processes differ
	batches uint64          // so many ids were given; Write's
	pending string          // the id of the batch that was not taken yet; Write's
	wait    backoff         // Write's
	sent    atomic.Int64
	failed  atomic.Int64

	mu   sync.Mutex
	told time.Time // when it was last logged that the receiver is down
}

func newCourier(o Options) (*courier, error) {
	c := &courier{name: o.Name, send: o.Send, timeout: o.Timeout, logger: o.Logger, process: newProcess()}
	if o.Spool == nil {
		return c, nil
	}
	var err error
	if c.spool, err = openSpool(*o.Spool); err != nil {
		return nil, fmt.Errorf("sink %s: %w", o.Name, err)
	}
	return c, nil
}

func newProcess() string {
	var b [8]byte
	_, _ = cryptorand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func (c *courier) begin(ctx context.Context) { c.ctx = ctx }

// Write gives whole lines to the receiver or to the spool, all of them or none.
// It waits, so that the log, which calls again at once, does not press a receiver
// that is down.
func (c *courier) Write(lines []byte) (int, error) {
	if c.pending == "" {
		c.batches++
		c.pending = c.process + "-" + strconv.FormatUint(c.batches, 16)
	}
	b := Batch{ID: c.pending, Lines: lines}
	if err := c.place(b); err != nil {
		c.wait.pause(c.ctx, err)
		return 0, err
	}
	c.pending = ""
	c.wait.reset()
	return len(lines), nil
}

// place finds a place for a batch: with the receiver, or on disk.
func (c *courier) place(b Batch) error {
	if c.spool == nil {
		return c.deliver(b)
	}
	if c.spool.held() == 0 {
		if c.deliver(b) == nil {
			return nil
		}
	}
	return c.spool.put(b)
}

// deliver makes one attempt. A batch that the receiver refuses is done with.
func (c *courier) deliver(b Batch) error {
	if err := c.ctx.Err(); err != nil {
		return err // the end has come, and is nobody's failure
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout)
	defer cancel()
	err := c.send(ctx, b)
	var refused *RefusedError
	switch {
	case err == nil:
		c.sent.Add(1)
		return nil
	case errors.As(err, &refused):
		lost := linesOf(b.Lines)
		if refused.Lines > 0 {
			lost = someOf(lost, refused.Lines)
		}
		c.logger.Error().Str(record.FieldEvent, EventSink).Str(FieldSink, c.name).Int64(record.FieldCount, lost.Total()).Err(err).
			Msg("the receiver refused records; they are dropped")
		c.lost(lost)
		return nil
	}
	c.failed.Add(1)
	c.tell(err)
	return err
}

// tell logs that the receiver is down, not too often.
func (c *courier) tell(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil || time.Since(c.told) < tellEvery {
		return
	}
	c.told = time.Now()
	c.logger.Warn().Str(record.FieldEvent, EventSink).Str(FieldSink, c.name).Err(err).
		Msg("records do not reach a receiver; they wait and are sent again")
}

// empty sends what is on disk, oldest first, until ctx ends.
func (c *courier) empty(ctx context.Context) error {
	if c.spool == nil {
		return nil
	}
	var wait backoff
	for c.spool.await(ctx) {
		b, err := c.spool.oldest()
		if err == nil {
			err = c.deliver(b) //nolint:contextcheck // it is the courier's own, which outlives the one that asks
		}
		if err == nil {
			err = c.spool.remove()
		}
		if err != nil {
			c.tell(err)
			wait.pause(ctx, err)
			continue
		}
		wait.reset()
	}
	return nil
}

// backoff is the time between attempts.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

// pause waits for longer each time, as long as the receiver asks for, or until
// ctx ends.
func (b *backoff) pause(ctx context.Context, err error) {
	b.next = min(max(2*b.next, minWait), maxWait)
	d := b.next/2 + rand.N(b.next/2)
	if busy, ok := errors.AsType[*BusyError](err); ok {
		d = max(d, min(busy.After, maxBusy))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// someOf is n of those lines. Which, the receiver does not say.
func someOf(all record.Lost, n int64) record.Lost {
	some := record.Lost{Live: min(n, all.Live)}
	some.Mirror = min(n-some.Live, all.Mirror)
	some.Process = min(n-some.Live-some.Mirror, all.Process)
	return some
}

// linesOf counts lines by what they are. The first role in a line is its own: what
// comes before it cannot hold such quotes, being escaped.
func linesOf(lines []byte) record.Lost {
	var n record.Lost
	role := []byte(`"` + record.FieldRole + `":"`)
	for line := range bytes.Lines(lines) {
		_, rest, _ := bytes.Cut(line, role)
		switch {
		case bytes.HasPrefix(rest, []byte(record.Live+`"`)):
			n.Live++
		case bytes.HasPrefix(rest, []byte(record.Mirror+`"`)):
			n.Mirror++
		default:
			n.Process++
		}
	}
	return n
}
