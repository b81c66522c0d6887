// Package tap keeps the beginning of a body as it passes, for whoever wants to
// look at it afterwards: to write it into a record, or to compare it with another
// one.
//
//	budget := tap.NewBudget(64 << 20)
//	t := budget.Tap(64<<10, []string{"X-Tenant"})
//	t.Begin(res.Header)  // by who passes the body on
//	t.Write(piece)       // each piece as it passes
//	t.End()              // if it came to its end as it should
//	... the attempt has ended ...
//	body, whole := t.Body(), t.Whole()
//	t.Release()
//
// A live answer is written to the tap of forward.Attempt, the answer of a copy to
// that of mirror.Copy. Whoever set it reads it when the attempt has ended.
//
// # Promises
//
//   - Begin, Write and End never block and never fail. A tap delays no byte: it
//     gets a piece that has been passed on already, or that is in memory anyway.
//   - A tap keeps at most as many bytes as it was made for, and all taps of a
//     budget together no more memory for bodies than the budget says. What does
//     not fit is not kept, and Truncated says so; what was kept before stays.
//   - One goroutine at a time writes. Afterwards a tap does not change any more
//     and any number of goroutines may read it, each with a hold of its own
//     (Retain, Release): the body is valid up to the last Release.
//   - Nothing in a tap is shared with the message that it was fed from: pieces and
//     fields are copied.
//   - A body that begins anew (Begin is called again) replaces the one before.
package tap
