// Package testbed holds what tests of several packages put around what they test:
// servers that behave as they are told to, down to the bytes; waits that end; and
// a log that can be read while it is written; and the memory that is held.
//
//	live := testbed.HTTP(t, testbed.Echo)
//	mirror := testbed.TCP(t, testbed.Hung)
//	...
//	testbed.Eventually(t, "the copy is sent", func() bool { return sent() == 1 })
//
// Whatever it starts ends with the test, and the test waits for it. It knows
// nothing of the gateway, so that any package can use it.
package testbed
