// Package report keeps what was measured and shows it: as JSON, as tables in
// Markdown with medians and ratios to nginx, and as a plot in SVG.
//
// Each measurement is a Row. Rows of several rounds become one value for each
// metric: the median, but the worst for errors and for copies, which no round may
// hide.
package report
