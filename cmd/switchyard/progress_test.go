package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A log gets a line now and then, and a terminal a bar that is drawn over.
func TestProgressIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		terminal bool
		total    int64
		want     string
	}{
		"in a log":              {false, 40, "11 of 40 sent, 1 a second, 26s left\n21 of 40 sent, 1 a second, 18s left\n30 of 40 sent, 1 a second, 10s left\n"},
		"of an unknown number":  {false, 0, "11 sent, 1 a second\n21 sent, 1 a second\n30 sent, 1 a second\n"},
		"on a terminal, at end": {true, 40, "\r\x1b[K[######################........] 30 of 40 sent, 1 a second, 10s left\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			now := time.Unix(0, 0)
			p := progress{out: &out, terminal: c.terminal, total: c.total, now: func() time.Time { return now }}
			for range 30 {
				p.step()
				now = now.Add(time.Second)
			}
			p.end()
			got := out.String()
			if c.terminal {
				got = got[bytes.LastIndexByte(out.Bytes(), '\r'):]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	var out bytes.Buffer
	p := progress{out: &out, now: time.Now}
	if p.end(); out.Len() > 0 {
		t.Errorf("what never began shows %q", out.String())
	}
}
