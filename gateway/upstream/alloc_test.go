package upstream_test

import (
	"context"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// A 200-byte POST and its small answer cost two allocations: the answer with its Body, and the string that all its fields share.
// context.AfterFunc adds two for a context that is watched already, five for one that is not.
func TestAllocationsOfASmallPost(t *testing.T) {
	if underRace {
		t.Skip("under the race detector")
	}
	rep := newReplica(t, echoless("END", smallAnswer))
	p := newPool(t, rep.addr, upstream.Options{})
	longLived, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer context.AfterFunc(longLived, func() {})()
	own := &ownContext{Context: longLived, stop: func() bool { return true }}
	for name, tt := range map[string]struct {
		ctx  context.Context
		want float64
	}{
		"context without end":              {context.Background(), 2},
		"context with an AfterFunc method": {own, 2},
		"context that is watched already":  {longLived, 4},
	} {
		do := poster(t, p, rep.addr, tt.ctx, 200)
		got := testbed.Allocs(500, do)
		t.Logf("%s: %v allocations", name, got)
		if got > tt.want {
			t.Errorf("%s: %v allocations, want at most %v", name, got, tt.want)
		}
	}
}

// ownContext is a server's context that can be watched without allocating.
type ownContext struct {
	context.Context
	stop func() bool
}

func (c *ownContext) AfterFunc(func()) func() bool { return c.stop }
