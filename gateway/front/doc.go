// Package front owns the public HTTP/1.1 listener: an own connection loop (the fast lane) for plain requests, and the
// hand-over of everything else to an ordinary [http.Server].
//
// # What the fast lane serves
//
// A request stays in the fast lane when every byte of its head is on a strict allow-list (see head.go): a known method, a
// path of unreserved characters and plain delimiters, HTTP/1.1, one Host, at most one decimal Content-Length, no
// Transfer-Encoding, TE, Trailer, Expect, Upgrade or Pragma, no Connection but keep-alive or close, visible ASCII in
// values, CRLF line ends, no folded line, at most 64 fields and [Options].MaxHead bytes. Whatever is accepted means
// exactly what net/http would have made of the same bytes; a fuzz target holds the two against each other.
//
// Anything else is handed over: the http.Server gets the connection with all bytes from the first one of that request,
// and keeps the connection until it ends. The fast lane itself refuses nothing. So TLS, HTTP/2, chunked uploads and
// upgrades behave as with net/http alone, and so do malformed requests that net/http refuses.
//
// # What the guard refuses
//
// net/http takes some requests that others read otherwise, which is what request smuggling lives on. Every connection
// that it gets here, handed over or with [Options].StdOnly, is guarded: a follower (follow.go) reads along, and net/http
// never sees the end of a head that breaks a rule of RFC 9112. It answers 400 and closes, and neither that request nor
// anything behind it reaches the handler. Refused are
//
//   - lines that end with a bare LF, bare CR, and control characters (section 2.2, RFC 9110 section 5.5);
//   - a request line without exactly two single spaces or with a fragment (section 3), CONNECT without Host (section 3.2);
//   - white space before a colon and folded lines (sections 5.1 and 5.2);
//   - Transfer-Encoding in HTTP/1.0, with a Content-Length, more than once, or other than chunked (sections 6.1 and 6.3);
//   - Content-Length that is not 1*DIGIT, or comes more than once, even if the values agree (section 6.3);
//   - chunks with an odd size, end or extension, and trailers that frame or route (section 7.1, RFC 9110 section 6.5.1).
//     The handler has the request by then; reading its body fails.
//
// And when a handler has given up reading content at a deadline, the rest of it is never taken for a request: the
// connection ends, which net/http forgets to do after EnableFullDuplex.
//
// Everything else passes as it comes: a head is not held back, only its end is, so time-outs and limits are net/http's.
// Hijacked connections and HTTP/2 pass unread, and so do connections that are a *tls.Conn already. [Server.ServeTLS]
// makes its connections itself, so that HTTP/1.1 over TLS is under guard as well.
//
// # What a handler may rely on
//
// Handlers are ordinary ones. The writer is an [http.Flusher] and [io.StringWriter] and supports
// [http.ResponseController] except Hijack, which upgrades need and they are handed over. Informational answers,
// trailers, sniffing, Content-Length of small answers, full duplex, [http.ErrAbortHandler] and panics work as in
// net/http. Some things differ:
//
//   - A Transfer-Encoding set by a handler is ignored: framing is the server's.
//   - A complete answer is sent before what is left of the request's body is awaited, and the wait is bounded.
//   - An invalid Content-Length set by a handler counts as none.
//   - [http.MaxBytesReader] cannot mark the connection for closing (it asks for a method that only net/http can have): the
//     rest of a too large body is read if it is short, and closes the connection if not, as with every unread body.
//   - Closing Request.Body returns at once; a body that is still being read by a goroutine left behind never holds up
//     the answer.
//   - A connection with unread input is closed in the lingering way of RFC 9112 section 9.6, not by a timer.
//
// The *http.Request, its URL, its Header map, its Context and the ResponseWriter are reused for the next request of the
// connection. A handler, and every goroutine that it starts, must have let go of them when the handler returns.
// Strings taken from them (header values, paths) may be kept for ever, and so may contexts derived from the request's:
// like the request's they are canceled when the handler returns. A Request.Body may be held longer; its reads fail then.
//
// The request's context is canceled when the client goes away, at once and without a goroutine per request: one epoll
// set watches all connections. As with net/http a client that shuts down only its sending side counts as gone.
// [Hangup] tells of the same event without the allocations of a derived context.
//
// # Settings
//
// Options.Std's Handler, ReadHeaderTimeout, IdleTimeout, MaxHeaderBytes, ErrorLog, BaseContext and ConnContext hold for
// both lanes; an idle connection may live an eighth longer than IdleTimeout, and the ReadHeaderTimeout of a request that is
// handed over begins anew. ConnContext is called once more for a connection that is handed over. ConnState is called for
// handed-over connections only, and SetKeepAlivesEnabled acts only on them. The net.Conn that they and Hijack deal with is
// not a *net.TCPConn but has a NetConn method. ReadTimeout and WriteTimeout bound whole requests; a server that sets one
// has no fast lane, as with Options.StdOnly. The same goes for systems other than Linux.
//
//	srv := front.New(front.Options{Std: &http.Server{Handler: router, ReadHeaderTimeout: 10 * time.Second}})
//	err := srv.Serve(listener) // http.ErrServerClosed after Shutdown or Close
package front
