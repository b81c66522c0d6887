package mirror_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

func TestM05CapturedBytesNeverExceedTheBudget(t *testing.T) {
	const budget = 1 << 20
	gate := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	defer s.Close()
	f := newFixture(t, mirror.Options{Budget: budget, MaxBody: 256 << 10, Queue: 10_000})
	m := f.mirror(s.URL)
	var most peak
	const uploads, size = 64, 100_000
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			length := int64(size)
			if i%2 == 0 {
				length = -1
			}
			c := f.NewCapture(length)
			defer c.Finish()
			f.offer(c, newRequest(t, http.MethodPost, "/x", nil), m)
			live := c.Wrap(io.NopCloser(strings.NewReader(strings.Repeat("b", size))))
			p, n := make([]byte, 4000), 0
			for err := error(nil); err == nil; most.tell(f.Captured()) {
				var k int
				k, err = live.Read(p)
				n += k
			}
			if n != size {
				t.Errorf("live read %d bytes", n)
			}
		})
	}
	wg.Wait()
	if most.Load() > budget || most.Load() < budget/2 {
		t.Errorf("at most %d bytes were captured of a budget of %d", most.Load(), budget)
	}
	close(gate)
	results := count(f.wait(uploads))
	if results[result{record.Dropped, record.Memory, 0}] == 0 || results[result{record.OK, record.None, 200}] < 5 || len(results) != 2 {
		t.Errorf("results %v", results)
	}
}

func TestTheBudgetIsReservedWithTheAnnouncedLength(t *testing.T) {
	f := newFixture(t, mirror.Options{Budget: 100 << 10, MaxBody: 90 << 10})
	url, _ := hashing(t)
	m := f.mirror(url)
	r := newRequest(t, http.MethodPost, "/x", nil)
	first := f.NewCapture(70 << 10)
	f.offer(first, r, m)
	if n := f.Captured(); n != 80<<10 { // a block of 64 KiB and one of 16 KiB
		t.Errorf("%d bytes are reserved", n)
	}
	second := f.NewCapture(70 << 10)
	f.offer(second, r, m, m)
	third := f.NewCapture(200 << 10)
	f.offer(third, r, m)
	first.Finish()
	second.Finish()
	third.Finish()
	want := map[result]int{
		{record.Dropped, record.Memory, 0}: 2, {record.Dropped, record.TooLarge, 0}: 1, {record.Dropped, record.Refused, 0}: 1,
	}
	if diff := cmp.Diff(want, count(f.wait(4))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
