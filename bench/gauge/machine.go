//go:build linux

package gauge

import (
	"bytes"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what was measured on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"` // that are online, whether used or not
	Kernel string `json:"kernel"`
	System string `json:"system"`
	GiB    int    `json:"memoryGiB"`
}

// ThisMachine describes the machine; what cannot be found out is empty.
func ThisMachine() Machine {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	system, _ := os.ReadFile("/etc/os-release")
	memory, _ := os.ReadFile("/proc/meminfo")
	bytesOfMemory, _ := parseKilobytes(string(memory), "MemTotal:")
	m := Machine{
		CPU:    value(string(cpu), "model name", ":"),
		Cores:  strings.Count("\n"+string(cpu), "\nprocessor"),
		System: strings.Trim(value(string(system), "PRETTY_NAME", "="), `"`),
		GiB:    int((bytesOfMemory + 1<<29) >> 30),
	}
	if m.CPU == "" {
		m.CPU = runtime.GOARCH
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release, _, _ := bytes.Cut(name.Release[:], []byte{0})
		m.Kernel = string(release)
	}
	return m
}

// value is what stands behind the first key of that name.
func value(text, key, separator string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, separator); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
