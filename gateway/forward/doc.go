// Package forward makes live attempts: it sends one request to one replica of a
// deployment and streams both ways. It is the gateway's own forwarder, over any
// http.RoundTripper, and it owns the rules about header fields, for copies too.
//
//	f := forward.New(forward.Options{})
//	id := forward.RequestID(r)          // identity, once for a request
//	copied := f.AppendCopyFields(nil, r, own, nil, "") // for mirrors, before Serve
//	w.Header()["X-Request-Id"] = []string{id}
//	result := f.Serve(w, r, forward.Attempt{Group: group, Path: rest, RequestID: id})
//	// ... record the result ...
//	if result.Abort {
//		panic(http.ErrAbortHandler)     // the answer is incomplete, and the caller must see it
//	}
//
// # What is passed on
//
// Method, path, query, body and trailers pass as they are, escapes and framing
// included; so do status, header, body and trailers of the answer, redirects and
// cookies among them. Nothing is decompressed and nothing is invented: no
// Accept-Encoding (given a transport that does not either), no User-Agent, no
// Content-Type. What is changed:
//
//   - Fields that concern one connection, and those that Connection names, are
//     removed both ways, in informational answers and trailers too (RFC 9110
//     7.6.1). TE passes on "trailers" and nothing else.
//   - X-Forwarded-For, -Host and -Proto are rebuilt; Forwarded, X-Real-Ip and
//     other X-Forwarded-* of strangers are removed, also where they are spelled
//     with underscores. A trusted proxy's are kept, For added to.
//   - X-Switchyard-* of callers is removed, but for the mark of a copy.
//   - X-Request-Id and traceparent are the caller's if valid, else made; tracestate
//     stays with a traceparent that is valid. Whoever keeps spans gives each attempt
//     and copy a traceparent of its own ([Identity.Trace]).
//   - Host is the replica's. The version's header is set last, and with [Rules]
//     fields of the caller's, its credentials among them, are left out before, and
//     others added after that.
//   - What is in the ResponseWriter's header before Serve is in the answer in
//     place of the deployment's, informational answers in between or not.
//   - Upgrade is for websocket only; other upgrades are ignored. TRACE and
//     CONNECT are refused. So are paths with dot segments, however they are
//     escaped, and queries that cannot stand in a request line.
//
// Via is passed on and not added, although RFC 9110 7.6.3 asks gateways for it:
// servers take it for the sign of a proxy that cannot be trusted with compressed
// answers (nginx does, by default) and would answer otherwise than without the
// gateway. What Via is for is served by X-Request-Id, traceparent and the mark.
//
// # Guarantees
//
//   - Bodies are streamed. Parts of an answer are flushed as they come, except
//     for the last one of a known length; the head of an answer of unknown length
//     is flushed at once. Both directions flow at the same time.
//   - An answer that breaks off is never ended as if it were whole. An answer
//     that breaks before its first byte was passed on is a 502.
//   - A broken body, a slow caller or one that leaves is not the deployment's
//     fault in the Result. The caller's leaving ends the request to the
//     deployment. So does [ErrShutdown], which is nobody's fault, and Attempt.Withdrawn
//     that of a stream.
//   - A request goes to another replica only if no connection could be made to
//     the first, or if that says in HTTP/2 that it has not processed it. A transport
//     may repeat what is idempotent by its method on a new connection, and what came
//     too late for one that was ending in good order; nothing else. Who wants more says
//     so: an attempt that has failed before anything of an answer was passed on is left
//     to another one where Attempt.Yield agrees, and Replay keeps the body for that.
//   - A deployment that answers before it has read the request is heard, also
//     if it then closes the connection; and so is the gateway by a caller who is
//     still sending. A connection whose request was not read to its end is never
//     used for another one.
//   - Every attempt is bounded in time; see Attempt.Timeout. The sizes of both bodies
//     are where that is said.
//   - A panic of the body's reader in a transport's goroutine ends the request,
//     not the process.
//
// Where HTTP/1 requests that are ambiguous in themselves are accepted is the
// server's affair, before a handler sees them. Whatever gets here leaves with one
// framing.
package forward
