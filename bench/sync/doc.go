// Sync measures how Switchyard follows a repository next to the git command line:
//
//	go run ./bench/sync [-only NAME] [-write docs/performance-sync.md]
//
// It makes repositories in a temporary folder, serves them by git http-backend
// in a process of its own, and lets each side in turn read one for the first
// time, poll it without a change, and follow a change of one file. Each follower
// of ours is a process of its own, and so is each git command. The server counts
// the bytes, both ways, headers included, and how long requests take it. Tables
// show medians. Everything stays on loopback.
package main
