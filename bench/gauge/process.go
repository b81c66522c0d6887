//go:build linux

package gauge

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tree is a process and its descendants as they are now, itself first.
func Tree(pid int) []int {
	children := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if child, parent, err := parseStat(string(text)); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}

// parseStat reads /proc/PID/stat, see proc_pid_stat(5). The name of the program
// stands in parentheses and may hold blanks and parentheses.
func parseStat(text string) (pid, parent int, err error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, 0, fmt.Errorf("stat of a process: no name in %q", text)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("stat of a process: no parent in %q", text)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(text[:open])); err != nil {
		return 0, 0, fmt.Errorf("stat of a process: %w", err)
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return 0, 0, fmt.Errorf("stat of a process: %w", err)
	}
	return pid, parent, nil
}

// ResetPeak lets PeakMemory begin anew.
func ResetPeak(pids ...int) error {
	for _, pid := range pids {
		if err := os.WriteFile(proc(pid, "clear_refs"), []byte("5"), 0); err != nil {
			return fmt.Errorf("reset the peak of memory: %w", err)
		}
	}
	return nil
}

// PeakMemory is the sum of the most bytes that each process has held in memory
// since it began or ResetPeak. What processes share counts for each. Processes
// that have ended count 0.
func PeakMemory(pids ...int) int64 {
	return sum(pids, "status", "VmHWM:")
}

// Memory is how many bytes the processes hold in memory now. What they share
// counts once. Processes that have ended count 0.
func Memory(pids ...int) int64 {
	return sum(pids, "smaps_rollup", "Pss:")
}

func sum(pids []int, file, field string) int64 {
	var total int64
	for _, pid := range pids {
		text, err := os.ReadFile(proc(pid, file))
		if err != nil {
			continue // it has ended
		}
		n, _ := parseKilobytes(string(text), field) // a process that ends has none
		total += n
	}
	return total
}

// parseKilobytes is the value of a line as "VmHWM:	 1234 kB", in bytes.
func parseKilobytes(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != field || fields[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s %w", field, err)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("there is no %s", field)
}

func proc(pid int, file string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), file)
}
