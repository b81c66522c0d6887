// Package mirror sends copies of live requests to mirrors, and never touches the
// live request while it does so.
//
// The [Engine] outlives snapshots. It holds a [Queue] for each mirror of each
// endpoint: the slots, the workers, the breaker and the ledger of that mirror.
// Nothing is shared between mirrors but the budget for captured bodies, so that
// one that hangs takes nothing from another.
//
// A request's way, all of it in the goroutines of the live request:
//
//	capture := engine.NewCapture(r.ContentLength)
//	defer capture.Finish()
//	if c := capture.Offer(queue, template); c != nil { // admitted
//		c.Method, c.Path, c.Fields, c.Group = ... // owned values, nothing of r
//	}
//	body := capture.Wrap(r.Body) // or capture.Share(b), if the body is in memory
//	... the live attempt reads body ...
//
// Admission comes first: breaker, room in the queue, size and budget, in this order.
// Whoever is refused there costs nothing more, and not a byte is captured for
// it. The body is copied as the live attempt reads it, never ahead; or it is read
// into the memory that captures it, and lent to the live attempt, which sends it from
// there and holds the memory until it has ([Capture.Lend]). All mirrors
// of a request share the one captured body. The moment the body is complete its
// copies are dispatched: each takes a slot of its queue, if there still is one, and
// the first at an open breaker whose time is over is its probe. What is being captured
// has neither, for a caller may take as long as it likes; its number is that of live
// requests whose bodies are on their way. A body that does not become complete, or too
// large, or for which the budget is used up, costs its copies and frees its memory at
// once.
//
// A body is changed for a mirror (package edit) when its copy is sent, without
// another copy in memory and without a word to the live request.
//
// Copies are sent by the queue's workers: at most Options.Workers for each
// mirror, started when there is work, ended when there has been none for a
// while. Each copy is sent at most once, over connections of its own mirror,
// within a deadline that no caller shortens by leaving, but one that says beforehand
// how long its request may take; and its answer is read, kept as
// far as a tap (package tap) wants it, and thrown away. Redirects are not followed. Small copies go the short way of
// package upstream, where the transport has it: written messages, no header maps,
// and for each worker one context that outlives its copies.
//
// # Guarantees
//
//   - No call on the live request's way blocks, fails or panics because of a mirror.
//   - Memory for bodies, by capacity and with what is reserved for the part that
//     has not come yet, never exceeds Options.Budget.
//   - Each offered copy ends in exactly one record, given to Options.Done, and in
//     exactly one count of its queue's ledger, whatever happens.
package mirror
