// Package edit changes JSON bodies on their way to a deployment: it sets and
// removes what JSON pointers (RFC 6901) lead to, and leaves every other byte as it
// is.
//
//	e := edit.Of(version.Rules)
//	pieces, outcome := e.Apply(nil, body) // which lie in body, but for what is set
//
// A body is given and comes back in pieces, so that one that was captured in blocks
// is not copied. The rules:
//
//   - Bodies that do not begin as a JSON object are left alone.
//   - A member is set where it stands, in each place if its object has it twice. One
//     that is missing is added as the last of its object, and objects that are
//     missing on the way to it are made. Where the way leads through another kind
//     of value, nothing is set.
//   - A member that is removed goes with its comma, each time that it is there. So
//     does the element of an array that a number leads to.
//   - Names are compared as JSON means them, whatever is escaped.
//   - Values need not be valid as long as their brackets and quotes are: deployments
//     in Python take NaN.
package edit
