package compare

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/switchyard-gateway/switchyard/schema"
)

// jsonTexts compares two texts in JSON.
func (c *Comparer) jsonTexts(l, m int32) bool {
	x, y := c.live.written(l), c.mirror.written(m)
	if !c.live.nodes[l].escaped && !c.mirror.nodes[m].escaped || bytes.Equal(x, y) {
		return c.textsAgree(x, y)
	}
	return c.textsAgree(c.textOf(&c.live, l, 0), c.textOf(&c.mirror, m, 1))
}

// textsAgree compares two texts by the rules.
func (c *Comparer) textsAgree(x, y []byte) bool {
	if c.rules.text == schema.TextSimilarity {
		s := 1.0
		if !bytes.Equal(x, y) {
			s = c.similarity(x, y)
		}
		return c.measured(s)
	}
	switch {
	case bytes.Equal(x, y):
		return true
	case c.rules.text == schema.TextNormalized:
		return bytes.Equal(normalized(x), normalized(y))
	}
	return false
}

// measured notes a similarity and reports whether it is enough.
func (c *Comparer) measured(s float64) bool {
	if c.quiet == 0 && (!c.out.Measured || s < c.out.Similarity) {
		c.out.Measured, c.out.Similarity = true, s
	}
	return s >= c.rules.similarity
}

// normalized is a text in Unicode's form NFKC, letter case folded, with one space
// for each run of white space and none at its ends.
func normalized(b []byte) []byte {
	folded := cases.Fold().Bytes(norm.NFKC.Bytes(b))
	return bytes.Join(bytes.Fields(norm.NFKC.Bytes(folded)), []byte(" "))
}

// seed is that of the hashes of words, for one process.
var seed = maphash.MakeSeed()

// similarity is Dice's coefficient of the pairs of neighbouring words of two
// texts, in which the edges of a text count as words: twice the pairs that both
// have, over the pairs of both (L. R. Dice, "Measures of the amount of ecologic
// association between species", Ecology 26(3), 1945). It is 1 for texts without a
// word in them.
func (c *Comparer) similarity(x, y []byte) float64 {
	c.pairs[0] = appendPairs(c.pairs[0][:0], normalized(x))
	c.pairs[1] = appendPairs(c.pairs[1][:0], normalized(y))
	a, b := c.pairs[0], c.pairs[1]
	all, shared := len(a)+len(b), 0
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			a, b, shared = a[1:], b[1:], shared+1
		}
	}
	return 2 * float64(shared) / float64(all)
}

// appendPairs appends the hashes of the pairs of neighbouring words, sorted.
func appendPairs(pairs []uint64, b []byte) []uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	before := uint64(0) // the edge
	pair := func(word uint64) {
		maphash.WriteComparable(&h, before)
		maphash.WriteComparable(&h, word)
		pairs, before = append(pairs, h.Sum64()), word
		h.Reset()
	}
	for len(b) > 0 {
		var word []byte
		if word, b = nextWord(b); len(word) > 0 {
			pair(maphash.Bytes(seed, word))
		}
	}
	pair(0)
	slices.Sort(pairs)
	return pairs
}

// nextWord is the first word of a text, empty if there is none, and what follows
// it. Letters, marks and digits make words; of scripts that are written without
// spaces each character is one.
func nextWord(b []byte) (word, rest []byte) {
	start, at := -1, 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		alone := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
		switch {
		case !unicode.In(r, unicode.L, unicode.M, unicode.N):
			if start >= 0 {
				return b[start:at], b[at:]
			}
		case alone && start >= 0:
			return b[start:at], b[at:]
		case alone:
			return b[at : at+size], b[at+size:]
		case start < 0:
			start = at
		}
		at += size
	}
	if start < 0 {
		return nil, nil
	}
	return b[start:], nil
}
