// Package stat holds the statistics that a report is made of, and what they need to
// be computed from a stream in bounded memory. All of it is arithmetic on values.
//
// # Figures
//
// [Wilson] for a share, [Newcombe] for the difference of two, [Moments] for means,
// [McNemar] for errors of pairs, [Kappa] for labels, [PSI], [KolmogorovSmirnov] and
// [Wasserstein] for the drift of scores, [ChiSquare] for the sizes of splits. Each
// names where it was published. Their intervals hold for one look at data whose
// amount was fixed beforehand.
//
// # Confidence sequences
//
// Whoever looks at a report every morning and promotes as soon as it looks good has
// looked many times: the usual interval of 95 % misses the truth at some of
// them far more often than in 5 % of all cases. The intervals of [MeanSequence] and
// [QuantileSequence] hold at all looks together, however many there are and whatever
// makes somebody look: the probability that they ever miss the truth is alpha.
//
// The method is betting. For a candidate mean m, a gambler stakes on each value x the
// share c of what she has against m, so that her wealth is multiplied by
//
//	1 - c + c (x - lo) / (m - lo)
//
// If m is the mean of what comes, given what came, this game is fair for each c,
// and the wealth of gamblers with many c, averaged, exceeds 1/alpha ever with
// a probability of at most alpha (Ville's inequality). All m that have made nobody so
// rich are the interval. See
//
//	Ian Waudby-Smith, Aaditya Ramdas: Estimating means of bounded random
//	variables by betting. Journal of the Royal Statistical Society B 86 (2024),
//	1-27 (arXiv:2010.09686); constant stakes averaged over a grid are its
//	"diversified Kelly betting".
//	Steven R. Howard, Aaditya Ramdas: Sequential estimation of quantiles with
//	applications to A/B testing and best-arm identification. Bernoulli 28 (2022),
//	1704-1728 (arXiv:1906.09712), for quantiles by the counts below them.
//
// With constant stakes the wealth follows from how often each value came, whatever the
// order: the sequences need counts only, so that a report over a million pairs costs
// what one over ten does, and reports of several gateways can be added up.
package stat
