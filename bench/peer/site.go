package peer

import (
	"fmt"
	"strconv"
)

// Names of the deployments that a Site has.
const (
	A    = "A" // live
	B    = "B" // live, the other side of a split
	Fast = "M" // mirrors from here on
	Slow = "S"
	Hole = "H"
	Dead = "D"
)

// Paths of a Site's endpoints. Those of Site.Endpoints are Numbered and five
// digits.
const (
	Plain    = "/e/plain" // to A
	Split    = "/e/split" // 90 % to A, 10 % to B, by X-User-Id where the peer can
	Numbered = "/e/r"     // to A
)

// Mirrored is the path of the endpoint that goes to A and is mirrored whole.
func Mirrored(mirror string) string {
	return map[string]string{
		Fast: "/e/mfast", Slow: "/e/mslow", Hole: "/e/mhole", Dead: "/e/mdead",
	}[mirror]
}

func mirrors() []string { return []string{Fast, Slow, Hole, Dead} }

// Site is what a peer is to serve, and where.
type Site struct {
	Dir     string         // for its files; exists
	Port    int            // to serve on
	Admin   int            // a second port, for peers that need one
	Workers int            // threads or processes
	Ports   map[string]int // of the deployments, by name

	Endpoints int  // how many numbered ones there are
	Changed   bool // the last numbered endpoint goes to B
}

// Log is the path of the access log.
func (s Site) Log() string { return s.Dir + "/access.log" }

func (s Site) address(deployment string) string {
	return "127.0.0.1:" + strconv.Itoa(s.Ports[deployment])
}

// Last is the path of the last numbered endpoint.
func (s Site) Last() string { return number(s.Endpoints - 1) }

// numbered are the paths of the numbered endpoints and where they go.
func (s Site) numbered(yield func(path, deployment string) bool) {
	for i := range s.Endpoints {
		to := A
		if s.Changed && i == s.Endpoints-1 {
			to = B
		}
		if !yield(number(i), to) {
			return
		}
	}
}

func number(i int) string { return fmt.Sprintf("%s%05d", Numbered, i) }
