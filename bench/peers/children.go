//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/deployment"
	"github.com/switchyard-gateway/switchyard/bench/gauge"
	"github.com/switchyard-gateway/switchyard/bench/load"
	"github.com/switchyard-gateway/switchyard/bench/peer"
)

// The program runs itself for the parts of a measurement that need a process of
// their own: first argument the part, second what it is told, as JSON.
const (
	partDeploy = "deploy"
	partLoad   = "load"
)

// child prepares this program as one of its parts. It ends with the thread that
// starts it. Its loop is one thread that never waits for the collector; the
// second processor is for what else there is to do.
func child(ctx context.Context, part string, told any) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(told)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, part, string(text))
	command.Env = append(command.Environ(), "GOGC=off", "GOMAXPROCS=2", "GODEBUG=asyncpreemptoff=1")
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return command, nil
}

// deployments are the deployments of a measurement, in a process.
type deployments struct {
	ports   map[string]int
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
}

func startDeployments(ctx context.Context, core int) (*deployments, error) {
	command, err := child(ctx, partDeploy, []deployment.Spec{
		{Name: peer.A, Behavior: deployment.Fast},
		{Name: peer.B, Behavior: deployment.Fast},
		{Name: peer.Fast, Behavior: deployment.Fast},
		{Name: peer.Slow, Behavior: deployment.Slow, Delay: 2 * time.Second},
		{Name: peer.Hole, Behavior: deployment.Hole},
		{Name: peer.Dead, Behavior: deployment.Dead},
	})
	if err != nil {
		return nil, err
	}
	d := &deployments{command: command}
	if d.ask, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.answers = bufio.NewReader(out)
	if err := peer.Pinned([]int{core}, command.Start); err != nil {
		return nil, err
	}
	if err := d.read(&d.ports); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *deployments) read(v any) error {
	line, err := d.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("hear from the deployments: %w", err)
	}
	return json.Unmarshal(line, v)
}

// counts asks what each deployment has seen.
func (d *deployments) counts() (map[string]deployment.Counts, error) {
	if _, err := d.ask.Write([]byte("\n")); err != nil {
		return nil, fmt.Errorf("ask the deployments: %w", err)
	}
	var c map[string]deployment.Counts
	return c, d.read(&c)
}

func (d *deployments) stop() error {
	return errors.Join(d.ask.Close(), d.command.Wait())
}

// deploy is the process of deployments: it tells their ports, then for each line
// that it reads what they have seen, and ends with its input.
func deploy(told string, in io.Reader, out io.Writer) error {
	var specs []deployment.Spec
	if err := json.Unmarshal([]byte(told), &specs); err != nil {
		return err
	}
	server, err := deployment.New(specs)
	if err != nil {
		return err
	}
	stop, ended := make(chan struct{}), make(chan error, 1) // one value, never waited for by its sender
	go func() { ended <- server.Serve(stop) }()
	tell := json.NewEncoder(out)
	err = tell.Encode(server.Ports())
	lines := bufio.NewScanner(in)
	for err == nil && lines.Scan() {
		err = tell.Encode(server.Counts())
	}
	close(stop)
	return errors.Join(err, <-ended)
}

// order is what the process of the load is told.
type order struct {
	Load   load.Options
	Peer   []int // processes whose CPU time is measured
	Others []int // of the measurement, besides the load itself
	Core   int
}

// outcome is what it tells. The CPU times are of exactly the measured time.
type outcome struct {
	Result load.Result
	Peer   time.Duration
	Others time.Duration // the load itself too
	Core   time.Duration // that the core was busy
}

// perform is the process of the load.
func perform(told string, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return err
	}
	others := append(slices.Clone(o.Others), os.Getpid())
	var did outcome
	read := func(sign time.Duration) func() {
		return func() {
			busy, _ := gauge.CoreBusy(o.Core) // only for telling how quiet it was
			did.Peer += sign * gauge.CPU(o.Peer...)
			did.Others += sign * gauge.CPU(others...)
			did.Core += sign * busy
		}
	}
	var err error
	if did.Result, err = load.Run(o.Load, load.Window{Begin: read(-1), End: read(1)}); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(did)
}

// started is a load that is under way.
type started struct {
	command *exec.Cmd
	cancel  context.CancelFunc
	out     bytes.Buffer
}

func startLoad(ctx context.Context, o order) (*started, error) {
	const grace = 20 * time.Second // for a machine that is busy with other things
	ctx, cancel := context.WithTimeout(ctx, o.Load.Warm+o.Load.Duration+o.Load.Drain+grace)
	command, err := child(ctx, partLoad, o)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &started{command: command, cancel: cancel}
	command.Stdout = &s.out
	if err := peer.Pinned([]int{o.Core}, command.Start); err != nil {
		cancel()
		return nil, fmt.Errorf("start the load: %w", err)
	}
	return s, nil
}

func (s *started) wait() (outcome, error) {
	defer s.cancel()
	var did outcome
	if err := s.command.Wait(); err != nil {
		return did, fmt.Errorf("load: %w", err)
	}
	if err := json.Unmarshal(s.out.Bytes(), &did); err != nil {
		return did, fmt.Errorf("load: %w", err)
	}
	return did, nil
}
