// Package webhook sends records to an HTTP server, in the form in which Modelbit
// sends its logs: POST with the JSON {"data": [RECORD, ...]}, of at most 1 MiB, and
// a field of the header that holds a secret.
//
//	send := webhook.New(webhook.Options{URL: "https://logs.example.com/records", Header: header})
//	s, err := sink.New(sink.Options{Name: "warehouse", Send: send.Send})
//
// A status of 2xx says that the batch is taken. 400, 413 and 422 say that it never
// will be; everything else, redirects included, that it is to be sent again: after
// Retry-After, if the answer says so. X-Switchyard-Delivery has the id of the
// batch, which stays the same when it is sent again, for receivers to know what
// they have already.
package webhook
