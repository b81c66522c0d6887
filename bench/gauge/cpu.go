//go:build linux

package gauge

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const ticksPerSecond = 100 // USER_HZ, which /proc counts in on every architecture that Go knows

// CPU is the time that the processes have computed since they began, without
// that of children which are not listed. Processes that have ended count 0.
func CPU(pids ...int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		var t unix.Timespec
		if unix.ClockGettime(clock(pid), &t) == nil {
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

// clock is the CPU clock of a process, as clock_getcpuclockid(3) makes it.
func clock(pid int) int32 {
	const scheduled = 2 // CPUCLOCK_SCHED: as the scheduler counts it
	return ^int32(pid)<<3 | scheduled
}

// CoreBusy is how long a core has been busy since the machine began, for
// whomever, in ticks of 10 ms.
func CoreBusy(core int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read how busy a core is: %w", err)
	}
	return parseBusy(string(text), core)
}

// parseBusy reads /proc/stat, see proc_stat(5): all but idle and iowait. Guests
// are counted in user already.
func parseBusy(text string, core int) (time.Duration, error) {
	name := "cpu" + strconv.Itoa(core)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != name {
			continue
		}
		var ticks int64
		for i, field := range fields[1:9] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/stat: %s: %w", name, err)
			}
			if i != 3 && i != 4 {
				ticks += n
			}
		}
		return time.Duration(ticks) * (time.Second / ticksPerSecond), nil
	}
	return 0, fmt.Errorf("/proc/stat: there is no %s", name)
}

// Pin lets the calling thread, and what it starts from then on, run on these
// cores only.
func Pin(cores ...int) error {
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to cores %v: %w", cores, err)
	}
	return nil
}

// Cores are those that the calling thread may run on.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the cores: %w", err)
	}
	var cores []int
	for c := 0; len(cores) < set.Count(); c++ {
		if set.IsSet(c) {
			cores = append(cores, c)
		}
	}
	return cores, nil
}
