package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// How often progress is shown: on a terminal, and in a log.
const (
	drawEvery = 100 * time.Millisecond
	tellEvery = 10 * time.Second
)

// progress shows how far something has come: as a bar on a terminal, elsewhere as a line
// now and then. It must not be used by several goroutines at a time.
type progress struct {
	out      io.Writer
	terminal bool
	total    int64 // 0: not known
	now      func() time.Time

	done  int64
	began time.Time // zero before the first step
	shown time.Time
}

func newProgress(out io.Writer) progress {
	return progress{out: out, terminal: isTerminal(out), now: time.Now}
}

// step counts one more.
func (p *progress) step() {
	p.done++
	now := p.now()
	if p.began.IsZero() {
		p.began, p.shown = now, now
	}
	every := tellEvery
	if p.terminal {
		every = drawEvery
	}
	if now.Sub(p.shown) >= every {
		p.show(now)
	}
}

// end shows how far it came, if it has begun.
func (p *progress) end() {
	if p.began.IsZero() {
		return
	}
	p.show(p.now())
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}

func (p *progress) show(now time.Time) {
	p.shown = now
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s%s", p.bar(), p.text(now))
		return
	}
	fmt.Fprintln(p.out, p.text(now))
}

func (p *progress) text(now time.Time) string {
	text := fmt.Sprintf("%d sent", p.done)
	if p.total > 0 {
		text = fmt.Sprintf("%d of %d sent", p.done, p.total)
	}
	took := now.Sub(p.began)
	if took < time.Second || p.done < 2 {
		return text
	}
	text += fmt.Sprintf(", %.0f a second", float64(p.done)/took.Seconds())
	if left := p.total - p.done; left > 0 {
		text += ", " + (took / time.Duration(p.done) * time.Duration(left)).Round(time.Second).String() + " left"
	}
	return text
}

func (p *progress) bar() string {
	const width = 30
	if p.total == 0 {
		return ""
	}
	full := int(width * min(p.done, p.total) / p.total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] "
}
