package soak_test

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/switchyard-gateway/switchyard/bench/gauge"
)

// startApart starts a command on the first core, and leaves the others to this
// process until the test ends. It reports false when there is only one core.
func startApart(t *testing.T, cmd *exec.Cmd) (apart bool, err error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all, err := gauge.Cores()
	if err != nil || len(all) < 2 {
		return false, cmd.Start()
	}
	if err := gauge.Pin(all[0]); err != nil {
		return false, err
	}
	err = cmd.Start() // a process inherits the cores of the thread that starts it
	confine(t, all[1:])
	procs := runtime.GOMAXPROCS(len(all) - 1)
	t.Cleanup(func() {
		confine(t, all)
		runtime.GOMAXPROCS(procs)
	})
	return true, err
}

// confine lets all threads of this process run on these cores only.
func confine(t *testing.T, cores []int) {
	t.Helper()
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			_ = unix.SchedSetaffinity(id, &set) // it may have ended
		}
	}
}
