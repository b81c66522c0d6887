package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

// awake keeps the monitor thread of Go's runtime from deep sleep: the interval of
// a trace that never comes, 24 days, the longest there is.
const awake = "schedtrace=2147483647"

// keepMonitorAwake starts the process once more, under its process id, with that
// setting of the runtime; only a start can set it. It returns if the process is
// started so already, if GODEBUG says something about it, or if it cannot be done.
//
// A gateway that is not saturated is idle many thousand times a second. Each time the
// monitor falls asleep, and the next system call of a request wakes it, with two
// switches of threads and some naps of 20 µs: up to a fifth of what a request costs.
// Kept awake it looks 100 times a second at most. See docs/adr/0009.
func keepMonitorAwake() {
	settings := os.Getenv("GODEBUG")
	if given, ours := strings.CutSuffix(settings, awake); ours {
		restore(strings.TrimSuffix(given, ","))
		return
	}
	if strings.Contains(settings, "schedtrace=") {
		return
	}
	path, err := os.Executable()
	if err != nil {
		return
	}
	if settings != "" {
		settings += ","
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
	_ = syscall.Exec(path, os.Args, append(env, "GODEBUG="+settings+awake)) // returns only if it fails
}

// restore leaves to children of the process what the process was given.
func restore(settings string) {
	if settings == "" {
		_ = os.Unsetenv("GODEBUG")
	} else {
		_ = os.Setenv("GODEBUG", settings)
	}
}
