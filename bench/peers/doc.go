// Peers measures Switchyard next to nginx, HAProxy and Caddy:
//
//	go run ./bench/peers [-quick] [-write docs/performance.md]
//
// It gets the peers (nginx and HAProxy as Debian packages, Caddy through the Go
// module proxy), builds Switchyard, and gives each the same work in turn, A B C A
// B C, several rounds. Peer, load and deployments run on one core, so that the
// figures repeat; each measurement has processes of its own, and all of them are
// stopped again. Everything stays on loopback and is bounded in time.
//
// It prints tables of medians and writes all measurements as JSON and a plot as
// SVG. With -from it makes the tables anew out of such JSON. With -profile it
// measures nothing and records the profile that Switchyard is compiled with.
package main
