package webhook

import (
	"context"
	"time"
)

// apart is the least time between the beginnings of two looks.
const apart = time.Second

// looks is when the repository is looked at after a poke, until something moved.
var looks = [...]time.Duration{0, time.Second, 5 * time.Second}

// Poller looks at the repository when it is poked.
type Poller struct {
	look func(context.Context) (moved bool)
	// poked holds at most one poke; further ones are dropped, as the look that
	// follows is for all of them.
	poked chan struct{}
}

// NewPoller makes a poller. look reads the repository and tells whether anything
// had moved since it was read before; a look that failed has seen nothing move.
// It is called from Run's goroutine.
func NewPoller(look func(context.Context) (moved bool)) *Poller {
	return &Poller{look: look, poked: make(chan struct{}, 1)}
}

// Poke has the repository looked at soon: at once, or a second after the last
// look began. It never blocks, and is safe for concurrent use.
func (p *Poller) Poke() {
	select {
	case p.poked <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	var (
		timer = time.NewTimer(0)
		poke  time.Time            // when the last poke was seen
		left  = looks[len(looks):] // the looks that are due after it
		last  = time.Time{}        // when the last look began
	)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.poked:
			poke, left = time.Now(), looks[:]
		case <-timer.C:
			last, left = time.Now(), left[1:]
			if p.look(ctx) {
				left = nil
			}
		}
		timer.Stop()
		if len(left) > 0 {
			timer.Reset(max(time.Until(poke.Add(left[0])), time.Until(last.Add(apart))))
		}
	}
}
