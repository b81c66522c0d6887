package sink_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestAFullDiskLosesNothingThatIsNotCounted spools to a file system of 256 KiB.
func TestAFullDiskLosesNothingThatIsNotCounted(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("NOT TESTED: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	r := &receiver{}
	r.down.Store(true)
	s, stop := start(t, sink.Options{Send: r.send, Spool: &sink.Spool{Dir: filepath.Join(dir, "spool")}, Buffer: 64 << 10, BatchSize: 8 << 10})
	const n = 4000
	for i := range n {
		s.Append(attempt(i))
		if i%100 == 0 { // slowly enough for the disk to be what is full
			testbed.Eventually(t, "the disk takes records, or is full", func() bool {
				return s.Counts().Lost > 0 || s.Counts().Spooled > int64(min(i*200, 150_000))
			})
		}
	}
	testbed.Eventually(t, "records are lost", func() bool { return s.Counts().Lost > 0 })
	testbed.Eventually(t, "ten batches are on disk", func() bool {
		entries, err := os.ReadDir(filepath.Join(dir, "spool"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries) >= 10
	})
	r.down.Store(false)
	r.whole(t, n, stop)
}
