// Package epoll is the least that a single-threaded TCP loop needs from Linux:
// waiting for many sockets with nanosecond timeouts, and sockets on loopback.
//
// It goes around Go's network poller on purpose. The load generator and the
// deployments of a measurement share one core with the proxy that is measured,
// and what they cost comes off its throughput. Calls are made without telling
// Go's scheduler, so a program that uses a Loop keeps one thread for it
// (runtime.LockOSThread) and turns the garbage collector off.
//
// There is no way to reach anything but 127.0.0.1 through it. It needs Linux
// 5.11 for epoll_pwait2.
package epoll
