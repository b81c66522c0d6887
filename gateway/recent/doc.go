// Package recent keeps the newest records of the process in memory, for those
// who look at a running gateway: `switchyard logs` and `switchyard report`
// without files, and the console.
//
// A [Ring] holds at most so many lines and so many bytes of them; what comes
// pushes out what is oldest. [Ring.Observe] is called for each record, by whoever
// produced it. It encodes the line, as package record does, and copies it in
// under a lock that nobody holds for longer than it takes to copy 64 KiB.
//
// Readers have no queue in the ring, so that nothing of theirs can fill up. Each has
// a place, the number of the line that it wants next. A reader that is too slow
// loses the lines that were pushed out before it came for them, and is told how
// many ([Batch.Missed]). Producers never wait for readers, however many there are.
//
//	ring := recent.New(recent.Options{})
//	gateway.Options{Observers: []func(*record.Record){ring.Observe}, ...}
//
//	for next := ring.Next(); ; {
//		batch := ring.Read(next)
//		... batch.Lines, batch.Missed ...
//		next = batch.Next
//		select {
//		case <-ring.After(next): // there is more
//		case <-ctx.Done():
//			return
//		}
//	}
//
// Which lines are meant, a records.Filter says. [Ring.ServeHTTP] serves them as
// lines of JSON, GET /records of the admin listener.
package recent
