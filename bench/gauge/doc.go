// Package gauge reads what processes and the machine say about themselves: CPU
// time in nanoseconds, memory, and what the machine is made of.
//
// The CPU time of a process comes from its CPU clock, which counts all its
// threads, those that ended too, to the nanosecond; /proc counts in ticks of
// 10 ms. All of it is for Linux.
package gauge
