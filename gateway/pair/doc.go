// Package pair brings the live answer of a request together with the answers of
// its copies, and has them compared, away from everything that answers callers or
// sends copies.
//
//	meeting := matcher.Meet()           // for a request, before its copies go
//	copied := meeting.Expect()          // for each copy, before it can end
//	... live: attempt.Tap = matcher.Tap(nil)
//	meeting.Live(pair.Live{...})        // when the live attempt has ended
//	copied.Add()                        // when a copy has ended; or
//	copied.Leave()                      // if it was not sent
//
// Whoever comes first waits for the other. What waits is a copy's record, and
// answers in taps of one budget; a live attempt waits for nothing, it leaves its
// answer and goes. When both are there, the pair waits in a queue for one of a few
// workers, some milliseconds if there are many (package pace).
//
// # Promises
//
//   - Each copy that was added is given to Options.Done exactly once, with its
//     record, which says what came of the comparison or why there was none.
//   - No call but Drain blocks, and none fails: what cannot be compared for want
//     of memory, of room in the queue, or because of a panic, is said so in the
//     record and costs nothing else.
//   - Answers take no more memory than Options.Budget; pairs that wait to be
//     compared are at most Options.Queue, and copies that wait for the live attempt
//     as many as there are of requests in flight, for Options.Wait at most.
package pair
