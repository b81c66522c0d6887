package rows_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/rows"
)

// cases are answers and how many rows they have.
var cases = []struct {
	answer string
	rows   int
}{
	{`{"data": [[1, 2], [2, {"a": [1, "]"]}], ["x", null]]}`, 3},
	{"\n{ \"data\"\t:\r[ [ -1.5e3 , 2 ] ,[2,3] ] }\n", 2},
	{`{"data":[["\\\"],[",[[1],[2]]]],"took":1}`, 1},
	{`{"data":[[1,"\u005d"]],"data":[[1,2],[3,4]]}`, 1},
	{`{"data": [[1, 2]`, 0},
	{`{"data": []}`, 0},
	{`{"data": [[]]}`, 0},
	{`{"data": [[1]]}`, 0},
	{`{"data": [[1, 2], [1, 2, 3]]}`, 0},
	{`{"data": [[1, 2], [1, 2, 3, 4, 5]]}`, 0},
	{`{"data": [[true, 2]]}`, 0},
	{`{"data": [[[1], 2]]}`, 0},
	{`{"data": [[1, 2], 3]}`, 0},
	{`{"data": 10}`, 0},
	{`{"dat": [[1, 2]]}`, 0},
	{`{"took": 1, "data": [[1, 2]]}`, 0},
	{`[[1, 2]]`, 0},
	{`data: [[1, 2]]`, 0},
	{"\x1f\x8b\x08\x00", 0},
	{``, 0},
}

func TestRowsAreCountedWhateverThePieces(t *testing.T) {
	for _, c := range cases {
		for size := 1; size <= len(c.answer)+1; size++ {
			var counter rows.Counter
			for rest := []byte(c.answer); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				_, _ = counter.Write(rest[:min(size, len(rest))])
			}
			if got := counter.Rows(); got != c.rows {
				t.Errorf("%q in pieces of %d: %d rows, not %d", c.answer, size, got, c.rows)
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	answer := batch(100)
	var n int
	if allocs := testing.AllocsPerRun(100, func() {
		var c rows.Counter
		_, _ = c.Write(answer)
		n = c.Rows()
	}); allocs != 0 || n != 100 {
		t.Errorf("%v allocations, %d rows", allocs, n)
	}
}

// FuzzRows holds the counter to encoding/json for whatever is JSON, and to itself for
// whatever pieces it comes in.
func FuzzRows(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.answer), uint8(3))
	}
	f.Fuzz(func(t *testing.T, answer []byte, size uint8) {
		var whole, pieces rows.Counter
		_, _ = whole.Write(answer)
		for rest := answer; len(rest) > 0; rest = rest[min(int(size)+1, len(rest)):] {
			_, _ = pieces.Write(rest[:min(int(size)+1, len(rest))])
		}
		if whole.Rows() != pieces.Rows() {
			t.Errorf("%q: %d rows as a whole, %d in pieces of %d", answer, whole.Rows(), pieces.Rows(), int(size)+1)
		}
		if json.Valid(answer) && whole.Rows() != decoded(answer) {
			t.Errorf("%q: %d rows, not %d", answer, whole.Rows(), decoded(answer))
		}
	})
}

// decoded is how many rows encoding/json finds.
func decoded(answer []byte) int {
	d := json.NewDecoder(bytes.NewReader(answer))
	if t, _ := d.Token(); t != json.Delim('{') || !d.More() {
		return 0
	}
	if _, err := d.Token(); err != nil || !bytes.HasSuffix(answer[:d.InputOffset()], []byte(`"data"`)) {
		return 0
	}
	var all []json.RawMessage
	if d.Decode(&all) != nil {
		return 0
	}
	for _, one := range all {
		var row []any
		if json.Unmarshal(one, &row) != nil || len(row) != 2 {
			return 0
		}
		switch row[0].(type) {
		case string, float64:
		default:
			return 0
		}
	}
	return len(all)
}

func batch(n int) []byte {
	return []byte(`{"data": [` + strings.Repeat(`[48213, 0.87341],`, n-1) + `[1, "x"]]}`)
}

func BenchmarkCounter(b *testing.B) {
	texts := []byte(`{"data": [` + strings.Repeat(`[48213, {"label": "a text of some words", "score": 0.87341}],`, 2000) + `[1, 2]]}`)
	for name, answer := range map[string][]byte{"batch": batch(7000), "objects": texts, "other": []byte(`{"choices": [` + strings.Repeat(`[1, 2],`, 10000) + `[1, 2]]}`)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				var c rows.Counter
				_, _ = c.Write(answer)
			}
		})
	}
}
