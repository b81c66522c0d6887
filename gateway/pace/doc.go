// Package pace has work done that comes in small pieces, many pieces at a time. A
// goroutine for each piece would cost more, in waking threads and in growing stacks,
// than the pieces do.
//
//	crew := pace.NewCrew(pace.Options{Work: w.work}) // work takes pieces from a queue until it is empty
//	... put a piece into the queue, then
//	crew.Call() // returns at once
//	... at the end ...
//	crew.Wait()
//
// # Promises
//
//   - Call never blocks. What was queued before it is worked on at once if there was
//     nothing for a while; else within [Options.Rest], or as soon as [Options.Batch]
//     pieces wait.
//   - A piece that takes long holds others up only when all workers are at such ones.
//   - There are no goroutines when there was no work for a while.
package pace
