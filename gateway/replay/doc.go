// Package replay sends requests that were captured to a deployment, and has its answers
// compared with those that were captured, as if the deployment had been a mirror then.
//
//	r := replay.New(replay.Options{Endpoint: "pricing", Name: "candidate", Target: resolved, Done: write})
//	for rec := range ... { // live records of the endpoint
//		if err := r.Offer(ctx, rec); err != nil { // waits for its turn
//			break
//		}
//	}
//	err := r.Close(ctx)
//
// Copies are made, sent, recorded and compared by the packages that do so for mirrors
// (mirror, edit, forward, pair, compare): path, header and body are changed as the version
// and the mirror say, and the records are those that a gateway writes.
//
// # What is sent
//
// A request is sent if its record has it as it was: method, path and the whole of the
// body. What was redacted, cut, or came with a query, which records do not have, is
// passed over, and its record says why: it has the outcome dropped, as a copy that a
// gateway did not send. Of the header a copy has what was captured: the content type, the
// fields that capture names, and the request ID. A JSON body has no white space any more.
//
// An answer that is not there as a whole is not compared, and the record says so. Places
// of an answer that were redacted are left aside.
//
// # Promises
//
//   - Each record that was offered ends in exactly one record, given to Options.Done.
//   - At most Options.Concurrency copies are under way or being compared, which bounds
//     memory, and no more than Options.Rate are begun in a second.
//   - Nothing is sent twice, and nothing to anybody but the replicas of the target.
package replay
