// Package upstream is an HTTP/1.1 client for one replica of a deployment: a pool of plain TCP connections behind
// [http.RoundTripper], made for the proxy that forwards a caller's request and copies the answer back.
//
// It exists because http.Transport costs two goroutines and some forty allocations for each exchange. What it does not do itself
// (https, Upgrade, Expect, CONNECT) it hands, untouched, to [Options.Fallback].
//
// # Guarantees
//
//   - Nothing that stands in a request can break its framing: method, target, host and header fields are checked, and the only
//     framing field that leaves is the pool's own.
//   - Nothing malformed is accepted as an answer. What is accepted reads exactly as http.ReadResponse reads it; the differences
//     are listed below. An answer that was cut short ends with an error that is [io.ErrUnexpectedEOF], never with io.EOF.
//   - A request is sent a second time only to a fresh connection, once, and only if not one byte of it had been taken by the
//     kernel, or if it is idempotent, has no body, and the reused connection ended before the first byte of an answer
//     (RFC 9110 9.2.2, RFC 9112 9.3.1).
//   - An answer that comes while the body is still being sent is returned at once, also if sending then fails (RFC 9112 9.5).
//   - Every error of RoundTrip and of the answer's Body is an [*Error]; its Kind says whose fault it is.
//   - A connection is used again only if the exchange ended cleanly on both sides with no byte left over.
//
// # Where it differs from http.Transport
//
//   - Close the Body of every answer, also of those without one: the connection and the header map belong to the answer until
//     then. Response.Header must not be read after Close, and Close sets it to nil. Keys and values taken from it before stay
//     valid; they alias one string for each head, so that keeping one of them keeps the head.
//   - The pool calls Options.Dial with its own address whatever the request's URL says. The URL gives path, query and, if
//     Request.Host is empty, the Host field. Proxies and cookies are none of its business.
//   - No field is invented: no User-Agent, no Accept-Encoding. Nothing is decompressed, and no Cache-Control is made of a Pragma.
//     Hop-by-hop fields, both ways, are the caller's to remove; the answer's Connection field, which names them, is never removed here.
//   - Of net/http/httptrace only Got1xxResponse is called.
//   - Until the first bytes of a body of known length up to 32 KiB have been read from Request.Body, nothing is sent and no
//     connection is taken; the wait for them is bounded by the Body (a server's read deadline), not by the context.
//   - A longer body, one of unknown length and the rest of a small one that comes in pieces are sent by a second goroutine. It ends,
//     having closed Request.Body as its last act, when the body is sent or when the exchange is over and Body.Read has returned.
//     Neither RoundTrip nor Close waits for a caller that has stopped sending.
//   - A body may lend memory of its own instead of being read into the pool's: it has a method
//     Lend(most int64) (p []byte, hold io.Closer, err error), which is Read but for where the bytes are. They stay there until the
//     hold is closed, which is once, and before it is asked for more. Without a hold nothing was read, and Read is called.
//
// # A known limit
//
// A connection that was idle for less than 10 ms is used again without a look at it, for the look costs a system call; so what a replica
// sends unasked within that time, and not together with its answer, would be read as the answer to the next request. Answers to HEAD, 204
// and 304, after which that does happen, are excepted.
//
// # Where it is stricter than http.ReadResponse
//
// These are refused as malformed: a bare LF at the end of a line (RFC 9112 2.2 allows that), an obs-fold (5.2), a version other than HTTP/1.0
// and 1.1 (2.3), a status below 100 and an unasked 101 (RFC 9110 15.2.2), control characters in the reason, Transfer-Encoding
// together with Content-Length, in HTTP/1.0 or with 1xx or 204 (RFC 9112 6.1), a trailer field that frames the message or announces
// trailers (RFC 9110 6.5.1), whitespace after a chunk size (RFC 9112 7.1.1),
// more than 1,000 fields, and a head above Options.MaxResponseHeaderBytes.
package upstream
