package gateway

import (
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Phases is how long the parts of making a revision serve took.
type Phases struct {
	Parse   time.Duration // reading and checking the documents
	Compile time.Duration // making the snapshot
	Swap    time.Duration // making it current, and letting go of the former
}

func (p Phases) plus(q Phases) Phases {
	return Phases{Parse: p.Parse + q.Parse, Compile: p.Compile + q.Compile, Swap: p.Swap + q.Swap}
}

// Applied is what Apply has done so far. It only grows, but for Last.
type Applied struct {
	Count int64  // revisions that serve or served
	Last  Phases // of the one that serves
	Total Phases // of all of them
}

// Applied tells how long revisions took to serve. Safe for concurrent use.
func (g *Gateway) Applied() Applied {
	if a := g.applied.Load(); a != nil {
		return *a
	}
	return Applied{}
}

func (g *Gateway) account(p Phases) {
	a := g.Applied()
	g.applied.Store(&Applied{Count: a.Count + 1, Last: p, Total: a.Total.plus(p)})
}

// Check tells whether Apply would make a revision serve, which it does not. A
// refusal is counted and logged as by Apply.
func (g *Gateway) Check(rev schema.Revision) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, _, problems := g.loaders.load(rev); len(problems) > 0 {
		g.refuse(rev, problems)
		return problems
	}
	return nil
}
