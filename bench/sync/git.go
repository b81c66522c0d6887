//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// cost is what one step took.
type cost struct {
	Wall   time.Duration
	CPU    time.Duration // of the process or, of git, of all its processes
	Peak   int64         // bytes of memory, resident
	served               // by the server meanwhile
}

func git(ctx context.Context, dir, input string, args ...string) (string, error) {
	out, _, err := timed(ctx, dir, input, args...)
	return out, err
}

// timed runs a git command and measures it, with the processes that it waits for.
func timed(ctx context.Context, dir, input string, args ...string) (string, cost, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	c := cost{Wall: time.Since(begin)}
	if err != nil {
		return "", c, fmt.Errorf("git %s: %w: %s", args[0], err, stderr.Bytes())
	}
	c.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.Peak = usage.Maxrss << 10
	}
	return stdout.String(), c, nil
}

// clone is a repository that git follows another with.
type clone struct {
	dir string
	url string
}

// read fetches without history and reads files, a folder's all together.
func (c clone) read(ctx context.Context, files []string) (cost, error) {
	_, fetch, err := timed(ctx, c.dir, "", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"fetch", "-q", "--depth=1", "--no-tags", c.url, "+refs/heads/main:refs/heads/main")
	if err != nil || len(files) == 0 {
		return fetch, err
	}
	names, list, err := timed(ctx, c.dir, "", append([]string{"ls-tree", "--format=%(objectname)", "main"}, files...)...)
	if err != nil {
		return fetch, err
	}
	text, cat, err := timed(ctx, c.dir, names, "cat-file", "--batch", "--buffer")
	if n := strings.Count(text, "schemaVersion: 1\n"); err == nil && n < len(files) {
		err = fmt.Errorf("git gave %d of %d files", n, len(files))
	}
	return cost{
		Wall: fetch.Wall + list.Wall + cat.Wall, CPU: fetch.CPU + list.CPU + cat.CPU,
		Peak: max(fetch.Peak, list.Peak, cat.Peak),
	}, err
}
