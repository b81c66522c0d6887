// Package shared keeps rate limits that hold for several gateways together, in a
// Redis or Valkey server.
//
// [Limiter.Take] asks the server once for a request, for all of its limits at a time, and
// waits no longer than [Options.Timeout]. When the server does not answer in time, or
// answers with an error, the limiter says from then on, without asking, that it does not
// know: its caller goes by a limit of its own. [Limiter.Run] tries the server each
// second until it answers as it should.
//
// A limit is kept as two numbers, how many requests its bucket had left and when that
// was, by the server's clock; it is forgotten when the bucket is full. When its rate is
// changed, what is left stays, and fills as the new one says from then on. All limits of
// a request are looked at before any is taken from, so that a refused request costs
// nothing. They have to lie on one server: clusters that spread keys are not supported.
//
// Of a server that is slow now and then the log tells once in a while, with how often it
// was away ([Options.Quiet]).
package shared
