// Package draft judges a change of one endpoint document before it is committed:
// what the checker says of the revision that would come of it, which lines
// change, and who would be answered otherwise.
//
// A [Base] is what the change is made upon: the newest revision that was read,
// which need not serve. [Judge] lays the change over its files, so that all that
// is checked is what will be checked when the commit is read. What is wrong elsewhere
// refuses a change only if it comes with it. What changes for callers is compared with
// what serves (package plan).
package draft
