package soak_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// counted is what a gateway has counted.
type counted struct {
	live, superseded float64 // attempts; those of them that others took the place of
	copies           float64 // that were sent or dropped
}

// atRest waits until nothing is under way and the ledger of the endpoint that is mirrored
// closes, and tells what was counted until then.
func (p *process) atRest(mirrored string) (c counted) {
	p.t.Helper()
	testbed.Eventually(p.t, "no attempt is in flight", func() bool { return p.metric("switchyard_attempts_in_flight") == 0 })
	c.live = p.metric("switchyard_attempts_total", `role="live"`)
	c.superseded = p.metric("switchyard_attempts_superseded_total")
	endpoint := `endpoint="` + mirrored + `"`
	requests := p.metric("switchyard_attempts_total", `role="live"`, endpoint) - p.metric("switchyard_attempts_superseded_total", endpoint)
	testbed.Eventually(p.t, "the ledger closes", func() bool { return p.metric("switchyard_mirror_copies_total", endpoint) == requests })
	c.copies = requests - p.metric("switchyard_mirror_copies_total", endpoint, `result="sampled_out"`)
	return c
}

// attempt is one as the log tells it.
type attempt struct {
	Event, RequestID string
	Role             record.Role
	Outcome          record.Outcome
	Status           int
	ErrorKind        record.ErrorKind
	Superseded       bool
}

// isRecorded compares what was counted, and how many requests were sent, with the log of a
// gateway that has ended: every attempt and every copy has its record, and every request
// is answered for once. It returns the records that answer for requests, by their ids, and
// those of the attempts before.
func (c counted) isRecorded(t *testing.T, path string, sent int64) (final map[string]attempt, before []attempt) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.live-c.superseded != float64(sent) {
		t.Errorf("%d requests were sent, and %v attempts made, of which %v were superseded", sent, c.live, c.superseded)
	}
	final = map[string]attempt{}
	var live, copied float64
	for line := range bytes.Lines(text) {
		var r attempt
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch {
		case r.Event != record.EventInference:
			continue
		case r.Role == record.Mirror:
			copied++
			continue
		}
		live++
		if r.Superseded {
			before = append(before, r)
			continue
		}
		if _, ok := final[r.RequestID]; ok {
			t.Errorf("request %s was answered for twice", r.RequestID)
		}
		final[r.RequestID] = r
	}
	if live != c.live || int64(len(final)) != sent {
		t.Errorf("%v records of %v live attempts, %d requests of %d", live, c.live, len(final), sent)
	}
	if copied != c.copies {
		t.Errorf("%v records of %v copies that were sent or dropped", copied, c.copies)
	}
	return final, before
}
