package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"

	"github.com/switchyard-gateway/switchyard/records"
)

// maxHeld is how many live attempts, and how many copies, wait for their other half.
const maxHeld = 10_000

// held is a record that is kept, with its line.
type held struct {
	record records.Record
	line   []byte // empty: there is no line, what is known stands in the other record
}

func (h *held) name() string {
	if h.record.Backend == "" {
		return "live"
	}
	return h.record.Backend + "  " + deploymentOf(&h.record)
}

func (h *held) result() string {
	return fmt.Sprintf("%s  %s ms", resultOf(&h.record), strconv.FormatFloat(h.record.Duration, 'f', 1, 64))
}

// answer is what was captured of the answer, else what is said of the failure.
func (h *held) answer() string {
	captured, _ := records.ParseCaptured(h.record.Response)
	return "  " + cmp.Or(string(captured.Body), h.record.Error, "-")
}

// pairing joins copies with their live attempts by the request's ID. What waits too
// long is shown as far as it is known, or not at all if it is a live attempt.
type pairing struct {
	filter records.Filter // one of both halves is to match it
	write  func(live, mirror *held) error
	lives  map[string]*held
	copies map[string][]*held
	order  []string // of lives and copies, as they came
}

func newPairing(f records.Filter, write func(live, mirror *held) error) *pairing {
	return &pairing{filter: f, write: write, lives: map[string]*held{}, copies: map[string][]*held{}}
}

func (p *pairing) add(line []byte, r *records.Record) error {
	h := &held{record: *r, line: bytes.Clone(line)}
	id := r.RequestID
	if r.Role == records.Mirror {
		if live := p.lives[id]; live != nil {
			return p.show(live, h)
		}
		if r.LiveOutcome != "" {
			return p.show(said(r), h) // its own record says enough
		}
		p.copies[id] = append(p.copies[id], h)
		p.order = append(p.order, id)
		return p.forget()
	}
	p.lives[id] = h
	p.order = append(p.order, id)
	for _, copied := range p.copies[id] {
		if err := p.show(h, copied); err != nil {
			return err
		}
	}
	delete(p.copies, id)
	return p.forget()
}

// show writes a pair if it is meant.
func (p *pairing) show(live, mirror *held) error {
	if !p.filter.Match(&mirror.record) && !p.filter.Match(&live.record) {
		return nil
	}
	return p.write(live, mirror)
}

// said is the live attempt as a copy's record tells it.
func said(r *records.Record) *held {
	return &held{record: records.Record{Status: r.LiveStatus, Outcome: r.LiveOutcome, Duration: r.LiveDuration.Value}}
}

// forget lets go of what is oldest.
func (p *pairing) forget() error {
	for len(p.order) > maxHeld {
		id := p.order[0]
		p.order = p.order[1:]
		delete(p.lives, id)
		for _, copied := range p.copies[id] {
			if err := p.show(&held{}, copied); err != nil {
				return err
			}
		}
		delete(p.copies, id)
	}
	return nil
}
