//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/peer"
	"github.com/switchyard-gateway/switchyard/bench/report"
)

const (
	swapLimit = 20 * time.Second // until a change serves
	swapLook  = time.Millisecond // between two looks whether it does
)

// measureSwaps measures the same load quiet and while one change follows the
// other.
func measureSwaps(m *measurement) error {
	quiet, err := m.underLoad(func() error { return nil })
	if err != nil {
		return err
	}
	var took []float64
	swapping, err := m.underLoad(func() error {
		took, err = m.swaps()
		return err
	})
	if err != nil {
		return err
	}
	swapping[report.Swap] = report.Median(took)
	m.values[report.Quiet], m.values[report.Swapping] = quiet, swapping
	return nil
}

func (m *measurement) underLoad(meanwhile func() error) (map[report.Metric]float64, error) {
	o := m.order()
	running, err := startLoad(m.ctx, o)
	if err != nil {
		return nil, err
	}
	pause(m.ctx, m.pace.warm)
	failed := meanwhile()
	did, err := running.wait()
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	values := did.values(o)
	// The peer's processes come and go, and it has more than the one core.
	delete(values, report.CPU)
	delete(values, report.Disturbed)
	return values, nil
}

// swaps makes one change after the other while the load is measured, at least
// one, and returns how many milliseconds each took to serve.
func (m *measurement) swaps() ([]float64, error) {
	var took []float64
	for until := time.Now().Add(m.pace.duration); len(took) == 0 || time.Now().Before(until); {
		m.site.Changed = !m.site.Changed
		if err := m.peer.Rewrite(m.ctx, m.site); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := m.peer.Reload(m.ctx, m.site, m.process); err != nil {
			return nil, err
		}
		if err := m.serves(); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(began))/float64(time.Millisecond))
		pause(m.ctx, m.pace.swapEvery)
	}
	return took, nil
}

// serves waits until the changed endpoint answers as it is to.
func (m *measurement) serves() error {
	want := peer.A
	if m.site.Changed {
		want = peer.B
	}
	for limit := time.Now().Add(swapLimit); ; {
		got, err := peer.Ask(m.ctx, m.site.Port, m.site.Last())
		if err == nil && got == want {
			return nil
		}
		if time.Now().After(limit) || m.ctx.Err() != nil {
			return fmt.Errorf("the change does not serve: %q answers: %w", got, err)
		}
		pause(m.ctx, swapLook)
	}
}
