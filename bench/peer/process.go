//go:build linux

package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/gauge"
)

const (
	lookEvery  = 5 * time.Millisecond // for what a process has not done yet
	startLimit = 90 * time.Second     // until a peer answers
	stopLimit  = 5 * time.Second      // until a peer that was asked to has ended
	askLimit   = 5 * time.Second      // for one answer
)

// Process is a peer that serves.
type Process struct {
	Boot time.Duration // from its start to its first good answer

	command *exec.Cmd
	files   []*os.File
	ended   chan struct{} // closed when it has
	failure error         // why it ended, after ended
}

// Start starts a peer whose files are set up, lets it run on these cores only,
// and returns when it answers. It ends with the calling thread, so that nothing
// is left behind when the caller dies: call it from a goroutine that is locked to
// one that lives on. Stop it.
func (p Peer) Start(ctx context.Context, s Site, cores []int) (*Process, error) {
	process := &Process{ended: make(chan struct{})}
	began := time.Now()
	if err := process.start(p.argv(s), s, cores); err != nil {
		process.closeFiles()
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	if err := process.answers(ctx, s); err != nil {
		process.Stop()
		said, _ := os.ReadFile(filepath.Join(s.Dir, "stderr"))
		return nil, fmt.Errorf("start %s: %w: %s", p.Name, err, bytes.TrimSpace(said[:min(len(said), 2000)]))
	}
	process.Boot = time.Since(began)
	return process, nil
}

func (p *Process) start(argv []string, s Site, cores []int) error {
	for _, name := range []string{s.Log(), filepath.Join(s.Dir, "stderr")} {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		p.files = append(p.files, file)
	}
	p.command = exec.Command(argv[0], argv[1:]...) //nolint:noctx // Stop ends it, with its children
	p.command.Dir = s.Dir
	p.command.Stdout, p.command.Stderr = p.files[0], p.files[1]
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := Pinned(cores, p.command.Start); err != nil {
		return err
	}
	go func() {
		p.failure = p.command.Wait()
		close(p.ended)
	}()
	return nil
}

// Pinned calls start with the calling thread pinned to the cores, so that what
// it starts is.
func Pinned(cores []int, start func() error) error {
	before, err := gauge.Cores()
	if err != nil {
		return err
	}
	if err := gauge.Pin(cores...); err != nil {
		return err
	}
	return errors.Join(start(), gauge.Pin(before...))
}

// answers waits for the first good answer.
func (p *Process) answers(ctx context.Context, s Site) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		if _, err := Ask(ctx, s.Port, Plain); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-p.ended:
			return fmt.Errorf("it has ended: %w", errors.Join(p.failure, errors.New("before it answered")))
		case <-ticks.C:
		}
	}
}

// Ask posts one request on a connection of its own and returns the first byte of
// the answer's body, which names the deployment. Any status but 200 is an error.
func Ask(ctx context.Context, port int, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	url := "http://127.0.0.1:" + strconv.Itoa(port) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewBufferString("{}"))
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil || response.StatusCode != http.StatusOK || len(body) == 0 {
		return "", fmt.Errorf("%s answers %s: %w", path, response.Status, err)
	}
	return string(body[:1]), nil
}

// PIDs are the process and its descendants as they are now.
func (p *Process) PIDs() []int { return gauge.Tree(p.command.Process.Pid) }

// Stop asks the process to end, and ends it with all its descendants if it does
// not within five seconds. It returns when they have ended.
func (p *Process) Stop() {
	all := p.PIDs()
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for running(all) {
		select {
		case <-ticks.C:
			continue
		case <-limit.C:
		}
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		break
	}
	<-p.ended
	p.closeFiles()
}

func running(pids []int) bool {
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			return true
		}
	}
	return false
}

func (p *Process) closeFiles() {
	for _, f := range p.files {
		_ = f.Close()
	}
}
