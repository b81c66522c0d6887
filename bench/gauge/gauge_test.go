//go:build linux

package gauge //nolint:testpackage // the parsers decide the figures, and real files show no odd ones

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStatOfOddNames(t *testing.T) {
	for text, want := range map[string][2]int{
		"12 (nginx) S 7 12 12 0 -1 4194624":             {12, 7},
		"13 (a) R 1 (b) c) S 12 1 1":                    {13, 12},
		"14 () Z 1 0":                                   {14, 1},
		"15 (tmux: server) S 1 15 15 0 -1 4194624 1 \n": {15, 1},
	} {
		pid, parent, err := parseStat(text)
		if err != nil || pid != want[0] || parent != want[1] {
			t.Errorf("%q: %d %d %v", text, pid, parent, err)
		}
	}
	for _, text := range []string{"", "1", "1 (a", "1 a) S 2", "1 (a) S", "x (a) S 1", "1 (a) S x"} {
		if _, _, err := parseStat(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestParseBusyCountsAllButIdleAndWaiting(t *testing.T) {
	const text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 1000 2000 8 16 32 500 500\ncpu10 7 0 0 0 0 0 0 0 0 0\nintr 1 2 3\n"
	if got, err := parseBusy(text, 0); err != nil || got != 630*time.Millisecond {
		t.Errorf("%v %v", got, err)
	}
	if got, err := parseBusy(text, 10); err != nil || got != 70*time.Millisecond {
		t.Errorf("%v %v", got, err)
	}
	if _, err := parseBusy(text, 1); err == nil {
		t.Error("there is no core 1")
	}
}

func TestParseKilobytes(t *testing.T) {
	const text = "Name:\tVmHWM: 5 kB\nVmPeak:\t  9 kB\nVmHWM:\t   1234 kB\nThreads:\t1\n"
	if got, err := parseKilobytes(text, "VmHWM:"); err != nil || got != 1234<<10 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := parseKilobytes(text, "Threads:"); err == nil {
		t.Error("threads have no size")
	}
}

// The CPU clock is compared with what the kernel told this process of itself.
func TestCPUIsThatOfTheProcess(t *testing.T) {
	own := os.Getpid()
	before := CPU(own)
	for CPU(own) < before+50*time.Millisecond { //nolint:revive // it is to compute
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	want := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if got := CPU(own); got < want-20*time.Millisecond || got > want+time.Second {
		t.Errorf("the clock says %v, the kernel's accounting %v", got, want)
	}
	if CPU(own, own) < 2*before {
		t.Error("CPU times are not summed")
	}
}

func TestTreeCPUAndMemoryOfAnotherProcess(t *testing.T) {
	shell := exec.CommandContext(t.Context(), "sh", "-c", "exec 3<&0; sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; read x <&3' & wait")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	tree := Tree(shell.Process.Pid)
	if len(tree) < 2 || tree[0] != shell.Process.Pid || !slices.Contains(Tree(os.Getpid()), tree[1]) {
		t.Errorf("tree %v", tree)
	}
	if CPU(tree...) <= CPU(tree[0]) {
		t.Error("the child's CPU time is not there")
	}
	if Memory(tree...) <= 0 || PeakMemory(tree...) < PeakMemory(tree[0]) || PeakMemory(tree[0]) <= 0 {
		t.Errorf("memory %d, peak %d", Memory(tree...), PeakMemory(tree...))
	}
	_ = in.Close()
	_ = shell.Process.Kill()
	_ = shell.Wait()
	if CPU(tree[0]) != 0 || PeakMemory(tree[0]) != 0 {
		t.Error("a process that has ended counts 0")
	}
}

func TestMachineIsDescribed(t *testing.T) {
	m := ThisMachine()
	cores, err := Cores()
	if err != nil || len(cores) == 0 || m.Cores < len(cores) || m.CPU == "" || m.Kernel == "" || m.GiB == 0 {
		t.Errorf("%+v, cores %v, %v", m, cores, err)
	}
	if _, err := CoreBusy(cores[0]); err != nil {
		t.Error(err)
	}
}
