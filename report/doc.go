// Package report says what records tell of a mirror next to live, and of two backends
// next to each other, so that somebody can decide.
//
// A [Collector] takes the records of one endpoint one by one and keeps figures, not
// records: its memory is bounded whatever the number of records. Most of what it needs stands in the mirror's
// record, which names the live outcome and how both answers compare. For records that lack this it
// pairs by requestId, within a window.
//
//	c := report.NewCollector(report.Options{Endpoint: "pricing"})
//	for r := range ... {
//		c.Add(r)
//	}
//	r := c.Report("mirror_1", gates)
//	err := report.Print(os.Stdout, r, report.FormatText, color)
//
// A [Report] goes from what it knows (coverage) over errors, agreement, labels, scores and their
// drift, latency, shape and slices to a verdict against gates. A pair is a copy that was sent
// and a live attempt that ended ok or with an error; attempts whose callers left are none.
//
// # The verdict
//
// Each gate is held against a confidence sequence (package stat), not against an interval or
// a p-value: whoever looks every hour and promotes at the first good verdict is wrong with a
// probability of at most Alpha, all looks, all gates and both gains of BETTER together. SAME means that every
// gate holds beyond doubt, WORSE that one does not, BETTER that beside all gates
// the mirror fails less often or has a lower p99, and NOT ENOUGH DATA that
// more pairs will tell. The agreement is freed from noise where a second mirror of
// the live deployment shows how much of it there is.
//
// What is shown beside it, with a p-value or an interval of 95 %, describes the records at hand.
// It is right for one look at an amount of data that was fixed beforehand.
//
// [Splits] does the same for backends, whose requests are not the same: their figures
// are compared without pairs, and whether their numbers are those of the weights
// is tested first.
package report
