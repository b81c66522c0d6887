// Package chart draws the console's charts as SVG: shares as bars, the last
// minutes as sparklines, and lines over time with axes. What is drawn depends on
// its input alone. Colors are classes of the style sheet, from s0 on, since the
// console's pages allow no styles within them. Each chart says in words what it
// shows, for those who do not see it.
package chart
