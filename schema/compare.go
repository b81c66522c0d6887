package schema

// Compare says how a mirror's answers are compared with the live ones. It is
// immutable.
type Compare struct {
	Ignore    []string   // pointer patterns: what is not compared
	Unordered []string   // pointer patterns: arrays whose order does not matter
	Tolerance *Tolerance // nil: that of numbers with a fraction is DefaultTolerance, and integers are exact
	Label     string     // pointer pattern of what was decided; empty: none
	Score     string     // pointer pattern of a number; empty: none
	Text      TextMatch
	// Similarity is from where on similar texts agree, above 0 and up to 1, with
	// TextSimilarity.
	Similarity float64
}

// Tolerance is how far two numbers that agree may be apart: by Abs, or by Rel of
// the larger one.
type Tolerance struct{ Abs, Rel float64 }

// TextMatch says when two texts agree.
type TextMatch string

// The ways to compare texts. The zero value means TextExact.
const (
	TextExact      TextMatch = "exact"      // character by character
	TextNormalized TextMatch = "normalized" // letter case, white space and the ways to write a character aside
	TextSimilarity TextMatch = "similarity" // by how many pairs of words they share
)

// TextMatches lists the ways to compare texts.
func TextMatches() []TextMatch { return []TextMatch{TextExact, TextNormalized, TextSimilarity} }

// DefaultSimilarity is from where on texts agree that are compared by similarity.
const DefaultSimilarity = 0.9

// DefaultTolerance is for numbers with a fraction or an exponent, where a mirror
// says nothing: what other processors and other orders of addition do to them.
func DefaultTolerance() Tolerance { return Tolerance{Abs: 1e-9, Rel: 1e-6} }

// DefaultCompare is how answers are compared where a mirror does not say.
func DefaultCompare() *Compare {
	return &Compare{Text: TextExact, Similarity: DefaultSimilarity}
}
