package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// answerOf4KB is what a model server answers: some 4 KB of JSON.
func answerOf4KB(seed int) string {
	var b strings.Builder
	b.WriteString(`{"model": "ranker", "items": [`)
	for i := range 48 {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `{"id": "item-%04d", "score": %.6f, "tags": ["a", "b%d"], "ok": true}`, i*7919%10000, 1/float64(i+2), seed*i%7)
	}
	b.WriteString(`], "version": 3}`)
	return b.String()
}

// BenchmarkCompare compares answers of 4 KB: the same to the byte, the same, some that differ, some
// whose members stand in another order, and streams.
func BenchmarkCompare(b *testing.B) {
	same := answerOf4KB(1)
	shuffled := strings.ReplaceAll(same, `"tags": ["a", "b`, `"gone": 1, "tags": ["a", "b`)
	shuffled = strings.ReplaceAll(shuffled, `"gone": 1, `, "")
	shuffled = strings.ReplaceAll(shuffled, `, "ok": true}`, `}`)
	shuffled = strings.ReplaceAll(shuffled, `{"id"`, `{"ok": true, "id"`)
	piece := chunks(`{"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}`)
	stream := strings.Repeat(piece, 32)
	for name, pair := range map[string][2]compare.Answer{
		"equal":   {answer(same), answer(same)},
		"same":    {answer(same), answer(same + " ")},
		"differ":  {answer(same), answer(answerOf4KB(2))},
		"members": {answer(same), answer(shuffled)},
		"stream":  {events(stream), events(stream + "\n")},
	} {
		b.Run(name, func(b *testing.B) {
			r := rules(b, "")
			var c compare.Comparer
			var out record.Comparison
			b.ReportAllocs()
			b.SetBytes(int64(len(pair[0].Body) + len(pair[1].Body)))
			for b.Loop() {
				out = record.Comparison{Diff: out.Diff[:0]}
				c.Compare(r, pair[0], pair[1], &out)
			}
		})
	}
}

func TestComparingDoesNotAllocate(t *testing.T) {
	r := rules(t, "ignore: /items/*/id")
	live, mirror := answer(answerOf4KB(1)), answer(answerOf4KB(1)+" ")
	var c compare.Comparer
	var out record.Comparison
	compareBoth := func() {
		out = record.Comparison{}
		c.Compare(r, live, mirror, &out)
	}
	compareBoth()
	if n := testbed.Allocs(100, compareBoth); n != 0 || out.Agree != record.Agrees {
		t.Errorf("%v allocations, %+v", n, out)
	}
}
