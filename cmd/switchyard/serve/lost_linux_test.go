package serve_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestNothingIsLostThatIsNotCounted calls an endpoint while stdout blocks, a receiver
// is away, and the disk is full on which the records for it wait and on which they
// are archived: each call is answered, and when all of them are mended each has each
// record once, or it is counted.
func TestNothingIsLostThatIsNotCounted(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("NOT TESTED: a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler, archive := filepath.Join(disk, "filler"), filepath.Join(disk, "records.log")
	if err := os.WriteFile(filler, make([]byte, 7<<19), 0o600); err != nil { // half a MiB is left
		t.Fatal(err)
	}
	hook, f := newReceived(t), newFault(t)
	f.begin()
	hook.fault = f
	stdout := &pausing{fault: f}
	o := serve.Options{Stdout: stdout}
	o.Records.MaxBuffered = 1 << 20
	o.Sinks = declaredSinks(t, fmt.Sprintf(`sinks:
  - {name: archive, file: {path: %s, maxSize: 1GiB}, buffer: 1MiB}
  - {name: warehouse, webhook: {url: %s, timeout: 5s}, spool: {dir: %s}, buffer: 1MiB}
`, archive, hook.URL, filepath.Join(disk, "spool")))
	r := begin(t, o, redactingEndpoint())
	r.ready()
	const callers, each = 4, 300
	body := `{"a": "` + strings.Repeat("x", 4000) + `"}`
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for range each {
				if status, text := r.call(http.MethodPost, r.url+"/v1/e", body); status != http.StatusOK {
					t.Errorf("a caller got %d %s", status, text)
				}
			}
		})
	}
	calling.Wait()
	const sinkLost = `switchyard_sink_lost_total{sink="%s"}`
	for _, name := range []string{"switchyard_records_lost_total", fmt.Sprintf(sinkLost, "archive"), fmt.Sprintf(sinkLost, "warehouse")} {
		testbed.Eventually(t, name+" counts", func() bool { return r.metric(name) > 0 })
	}

	f.end()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	received := func() string { _, text, _ := hook.all(); return text }
	for name, c := range map[string]struct {
		text func() string
		lost string
	}{
		"stdout":    {stdout.String, "switchyard_records_lost_total"},
		"archive":   {func() string { return read(t, archive) }, fmt.Sprintf(sinkLost, "archive")},
		"warehouse": {received, fmt.Sprintf(sinkLost, "warehouse")},
	} {
		ids := func() map[string]int { return requestIDs(c.text()) }
		testbed.Eventually(t, name+" has all records that are not counted", func() bool { return len(ids())+r.metric(c.lost) == callers*each })
		for id, n := range ids() {
			if n != 1 {
				t.Errorf("%s has the record of %s %d times", name, id, n)
			}
		}
	}
	r.stop()
	if err := testbed.Receive(t, "the end", r.ended); err != nil {
		t.Error(err)
	}
}
