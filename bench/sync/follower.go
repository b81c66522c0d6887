//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/bench/gauge"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

// follower is a process that follows a repository as Switchyard does.
type follower struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// step is what a follower tells about one sync.
type step struct {
	cost
	Commit string
	Memory int64 // bytes, resident, afterwards
	Idle   int64 // the same before the first sync
}

func startFollower(ctx context.Context, url string) (*follower, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &follower{cmd: exec.CommandContext(ctx, self, "-follow", url)}
	f.cmd.Stderr = os.Stderr
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.out = bufio.NewReader(out)
	return f, f.cmd.Start()
}

// sync lets it sync once.
func (f *follower) sync() (step, error) {
	var s step
	if _, err := f.in.Write([]byte("\n")); err != nil {
		return s, err
	}
	line, err := f.out.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("the follower ended: %w", err)
	}
	return s, json.Unmarshal(line, &s)
}

func (f *follower) stop() {
	_ = f.in.Close()
	_ = f.cmd.Wait() // it ends with its input
}

// followURL is the follower's process: one sync for each line that comes in.
func followURL(ctx context.Context, url string) error {
	idle := gauge.Memory(os.Getpid())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	first := make(chan struct{}, 1) // one signal, that of the first revision
	f, err := gitsync.New(gitsync.Options{
		URL: url, Poll: time.Hour, Logger: zerolog.New(os.Stderr).Level(zerolog.WarnLevel),
		Take: func(context.Context, *gitsync.Revision) error {
			select {
			case first <- struct{}{}:
			default:
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for n := 0; lines.Scan(); n++ {
		begin, cpu := time.Now(), gauge.CPU(os.Getpid())
		if n == 0 {
			go func() { ended <- f.Run(ctx) }()
			<-first
		} else if err := f.Sync(ctx); err != nil {
			return err
		}
		s := step{cost: cost{Wall: time.Since(begin), CPU: gauge.CPU(os.Getpid()) - cpu}}
		if n == 0 { // Take is called before its revision is live
			if err := f.Sync(ctx); err != nil {
				return err
			}
		}
		s.Commit, s.Memory, s.Peak, s.Idle = f.Status().Live.Commit(), gauge.Memory(os.Getpid()), gauge.PeakMemory(os.Getpid()), idle
		if err := out.Encode(s); err != nil {
			return err
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return lines.Err()
}
