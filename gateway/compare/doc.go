// Package compare says whether the answer of a mirror agrees with the live one.
// It is pure: no clocks, sockets or goroutines.
//
//	rules := compare.NewRules(mirror.Compare, redacted)    // once for a mirror
//	var c compare.Comparer                                 // one for each goroutine: it holds memory
//	c.Compare(rules, live, copied, &comparison)
//
// # When two answers agree
//
// Statuses first. Where one side has no answer or a 5xx there is nothing to
// compare. Of others the classes must be equal; outside of 2xx the statuses must
// be, and the bodies do not matter: error texts name requests and times.
//
// Two bodies that are JSON are compared as such, two others that are UTF-8 as
// texts, and what is left byte by byte. Whoever asks has decompressed them.
//
//   - Objects agree if they have the same members, in any order, and each pair
//     agrees. What a document names twice is compared in the order in which it
//     stands.
//   - Arrays agree if they are as long and their elements agree one by one, or,
//     where [schema.Compare].Unordered leads, if the elements can be paired so that all
//     pairs agree: this is a maximum bipartite matching, not a guess.
//   - The rows of Modelbit's batches, {"data": [[ID, OUT], ...]}, are paired by ID
//     if IDs are integers or texts and none comes twice.
//   - Numbers: see [schema.Tolerance] and tolerance.agree. Equality is that of decimal
//     digits, so that no two large integers are mistaken for each other.
//   - Texts: exact; normalized (NFKC, letter case folded, white space as one
//     space); or similar, by Dice's coefficient of the pairs of neighbouring words.
//   - Answers of OpenAI's chat completions, completions and responses agree if
//     what the model said does: the texts, the tool calls and why it ended. null,
//     "" and [] are as good as nothing there. Event streams of these are joined to
//     the object that would have been the answer without a stream; other event
//     streams are the text of their data.
//
// Comparing is symmetric, and every answer agrees with itself. It takes bounded
// time: what would take more is [record.TooComplex].
//
// # What is told
//
// At most [record.MaxDifferences] places, with both values, each cut to a bound.
// What [NewRules] was told to hide, and every value that might hold some of it,
// is told as "[redacted]"; so are all values of answers that have no places to
// point at: texts, joined streams, whatever is not JSON.
package compare
