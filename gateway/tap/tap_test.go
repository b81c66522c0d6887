package tap_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// feed writes a whole message to a tap, its body in pieces of so many bytes.
func feed(t *tap.Tap, h http.Header, body []byte, piece int) {
	t.Begin(h)
	for len(body) > 0 {
		n := min(piece, len(body))
		_, _ = t.Write(body[:n])
		body = body[n:]
	}
	t.End()
}

// atRest checks that nothing of a budget is taken any more.
func atRest(t *testing.T, b *tap.Budget) {
	t.Helper()
	if n := b.Held(); n != 0 {
		t.Errorf("%d bytes are held at rest", n)
	}
}

func TestTapKeepsTheBeginningAndCountsTheRest(t *testing.T) {
	const most = 1000
	for _, size := range []int{0, 1, most - 1, most, most + 1, 10 * most} {
		for _, piece := range []int{1, 7, most, 1 << 20} {
			b := tap.NewBudget(1 << 20)
			kept := b.Tap(most, nil)
			body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
			feed(kept, http.Header{}, body, piece)
			want := body[:min(size, most)]
			if !bytes.Equal(kept.Body(), want) || kept.Total() != int64(size) {
				t.Errorf("%d bytes in pieces of %d: %d kept of %d", size, piece, len(kept.Body()), kept.Total())
			}
			if truncated := size > most; kept.Truncated() != truncated || kept.Whole() == truncated || kept.Starved() {
				t.Errorf("%d bytes: truncated %t, whole %t, starved %t", size, kept.Truncated(), kept.Whole(), kept.Starved())
			}
			kept.Release()
			atRest(t, b)
		}
	}
}

func TestTapSharesNothingWithWhatItIsFedFrom(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	kept := b.Tap(100, []string{"X-Tenant"})
	defer kept.Release()
	piece := []byte("one")
	h := http.Header{"X-Tenant": {"a", "b"}, "Content-Type": {"text/plain"}}
	feed(kept, h, piece, 3)
	copy(piece, "two")
	h["X-Tenant"][0] = "changed"
	if got := string(kept.Body()); got != "one" {
		t.Errorf("the body became %q", got)
	}
	if diff := cmp.Diff([]tap.Field{{Name: "X-Tenant", Values: []string{"a", "b"}}}, kept.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestTapKeepsTheWantedFieldsWithinBounds(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	kept := b.Tap(100, []string{"X-Tenant", "X-Absent"})
	defer kept.Release()
	long := strings.Repeat("x", 10_000)
	h := http.Header{"X-Tenant": {}, "Content-Type": {long}, "Authorization": {"secret"}}
	for range 100 {
		h["X-Tenant"] = append(h["X-Tenant"], long)
	}
	feed(kept, h, nil, 1)
	fields := kept.Fields()
	if len(fields) != 1 || len(fields[0].Values) != 4 || len(fields[0].Values[3]) != 256 || len(kept.ContentType()) != 256 {
		t.Errorf("kept %d fields, of the first %d values", len(fields), len(fields[0].Values))
	}
}

func TestTapsNeverTakeMoreThanTheirBudget(t *testing.T) {
	const limit = 64 << 10
	b := tap.NewBudget(limit)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	most := make(chan int64, 1)
	go func() {
		high := int64(0)
		for {
			select {
			case <-stop:
				most <- high
				return
			default:
				high = max(high, b.Held())
			}
		}
	}()
	body := bytes.Repeat([]byte("x"), 40_000)
	var together sync.WaitGroup // the first of each are there at once, which is more than there is room for
	together.Add(8)
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				kept := b.Tap(1<<20, nil)
				feed(kept, http.Header{}, body, 1000)
				if i == 0 {
					together.Done()
					together.Wait()
				}
				if kept.Truncated() != kept.Starved() || kept.Starved() == kept.Whole() {
					t.Errorf("truncated %t, starved %t, whole %t", kept.Truncated(), kept.Starved(), kept.Whole())
				}
				if !bytes.HasPrefix(body, kept.Body()) {
					t.Error("a body that is kept is not the beginning of what passed")
				}
				kept.Release()
			}
		})
	}
	wg.Wait()
	close(stop)
	if high := <-most; high > limit {
		t.Errorf("%d bytes were held", high)
	}
	if b.Refused() == 0 {
		t.Error("nothing was refused: the test does not test")
	}
	atRest(t, b)
}

func TestHoldsKeepABodyUntilTheLastIsGivenUp(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	kept := b.Tap(100, nil)
	feed(kept, http.Header{}, []byte("body"), 4)
	var wg sync.WaitGroup
	for range 4 {
		kept.Retain()
		wg.Go(func() {
			defer kept.Release()
			if string(kept.Body()) != "body" {
				t.Error("the body is gone")
			}
		})
	}
	kept.Release()
	wg.Wait()
	atRest(t, b)
}

func TestABodyThatBeginsAnewReplacesTheOneBefore(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	kept := b.Tap(100, nil)
	defer kept.Release()
	kept.Begin(http.Header{"Content-Type": {"text/plain"}})
	_, _ = kept.Write([]byte("the first, which broke off"))
	if kept.Whole() {
		t.Error("a body that broke off is whole")
	}
	feed(kept, http.Header{}, []byte("second"), 3)
	if string(kept.Body()) != "second" || kept.Total() != 6 || !kept.Whole() || kept.ContentType() != "" {
		t.Errorf("kept %q of %d, type %q", kept.Body(), kept.Total(), kept.ContentType())
	}
}

func encoded(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "deflate":
		w = zlib.NewWriter(&buf)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestEncodedBodiesAreDecodedWithinBounds(t *testing.T) {
	bomb := bytes.Repeat([]byte{0}, 4<<20)
	for _, encoding := range []string{"gzip", "deflate"} {
		for name, body := range map[string][]byte{"small": []byte(`{"data": 1}`), "bomb": bomb} {
			b := tap.NewBudget(1 << 20)
			kept := b.Tap(1<<20, nil)
			feed(kept, http.Header{"Content-Encoding": {encoding}}, encoded(t, encoding, body), 1000)
			plain, whole, ok := kept.Plain(1000)
			want := body[:min(1000, len(body))]
			if !ok || whole != (name == "small") || !bytes.Equal(plain, want) {
				t.Errorf("%s, %s: %d bytes, whole %t, ok %t", encoding, name, len(plain), whole, ok)
			}
			kept.Release()
		}
	}
}

func TestWhatCannotBeDecodedIsNotTakenForPlain(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	for _, encoding := range []string{"gzip", "br", "gzip, br"} {
		kept := b.Tap(1<<20, nil)
		feed(kept, http.Header{"Content-Encoding": {encoding}}, []byte(`{"ssn": "123"}`), 1000)
		if body, whole, ok := kept.Plain(1000); ok || whole || len(body) > 0 {
			t.Errorf("%s: %q", encoding, body)
		}
		kept.Release()
	}
}

// FuzzPlainIsABeginningOfTheBody holds for whatever part of an encoded body was
// kept, and for bytes that are no such body.
func FuzzPlainIsABeginningOfTheBody(f *testing.F) {
	f.Add([]byte("hello hello hello"), uint16(5), uint16(100), []byte(nil))
	f.Add([]byte(""), uint16(0), uint16(0), []byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, body []byte, kept, most uint16, garbage []byte) {
		b := tap.NewBudget(4 << 20)
		one := b.Tap(int64(kept), nil)
		feed(one, http.Header{"Content-Encoding": {"gzip"}}, encoded(t, "gzip", body), 100)
		plain, whole, ok := one.Plain(int64(most))
		if !bytes.HasPrefix(body, plain) || len(plain) > int(most) || whole && !bytes.Equal(plain, body) || whole && !ok {
			t.Errorf("%q of %q, whole %t, ok %t", plain, body, whole, ok)
		}
		one.Release()
		other := b.Tap(1<<20, nil)
		feed(other, http.Header{"Content-Encoding": {"gzip"}}, garbage, 100)
		if plain, _, _ := other.Plain(int64(most)); len(plain) > int(most) {
			t.Errorf("%d bytes of at most %d", len(plain), most)
		}
		other.Release()
		atRest(t, b)
	})
}

func TestAKeptBodyAllocatesNothingOfItsSize(t *testing.T) {
	b := tap.NewBudget(1 << 20)
	h := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"4096"}}
	body := make([]byte, 4096)
	n := testbed.Allocs(100, func() {
		kept := b.Tap(64<<10, nil)
		feed(kept, h, body, 4096)
		kept.Release()
	})
	if n > 1 && !raceDetector { // pools lose a part of what they are given then
		t.Errorf("a body that is kept allocates %v times", n)
	}
}

func BenchmarkTap(b *testing.B) {
	budget := tap.NewBudget(1 << 20)
	h := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"4096"}}
	body := make([]byte, 4096)
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		kept := budget.Tap(64<<10, nil)
		feed(kept, h, body, 4096)
		kept.Release()
	}
}
