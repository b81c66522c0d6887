//go:build !race

package recent_test

import (
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// The race detector makes pools forget, so that what they save is seen without it.
func TestObserveDoesNotAllocate(t *testing.T) {
	ring := recent.New(recent.Options{})
	r := numbered(1)
	ring.Observe(r)
	if n := testbed.Allocs(2000, func() { ring.Observe(r) }); n > 0.1 { // a collection empties the pool now and then
		t.Errorf("Observe allocates %v times", n)
	}
}
