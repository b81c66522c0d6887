package deployments_test

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "write the figures of the simulation into the documentation")

// simulation is replicas, the first of which is slow, under requests that come at
// random (a Poisson process) and take a random time (exponential, 1 on average).
type simulation struct {
	replicas int
	slots    int     // requests that a replica computes at a time; the rest wait in front of it
	load     float64 // of the capacity of all
}

const (
	slowness  = 5 // times as long as the other replicas, takes the first one
	simulated = 100_000
)

// waiting is the requests before a slot, by when they came.
type waiting []float64

// ending is a request that is being computed.
type ending struct {
	at, came float64
	replica  int
}

// endings is a container/heap, the first one in front.
type endings []ending

func (q endings) Len() int           { return len(q) }
func (q endings) Less(i, j int) bool { return q[i].at < q[j].at }
func (q endings) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *endings) Push(e any)        { *q = append(*q, e.(ending)) }

func (q *endings) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

// giver says where a request that comes is computed; -1: it waits for any slot.
type giver interface {
	give() int
	ended(replica int)
}

// picking gives requests as a group does.
type picking struct {
	group *deployments.Group
	at    map[*deployments.Replica]int
}

func newPicking(g *deployments.Group) picking {
	p := picking{g, map[*deployments.Replica]int{}}
	for i, r := range g.Replicas() {
		p.at[r] = i
	}
	return p
}

func (p picking) give() int         { return p.at[p.group.Pick()] }
func (p picking) ended(replica int) { p.group.Replicas()[replica].Release() }

// pulling is the ideal that no gateway reaches: one queue for all, from which each
// slot takes the next request as it becomes free. Slots that are free are in a
// queue as well, or with knowing the slow replica gets what no other has a slot
// for.
type pulling struct {
	free    []int
	knowing bool
}

func newPulling(s simulation, knowing bool) *pulling {
	p := &pulling{knowing: knowing}
	for i := range s.replicas * s.slots {
		p.free = append(p.free, i%s.replicas)
	}
	return p
}

func (p *pulling) give() int {
	if len(p.free) == 0 {
		return -1
	}
	i := 0
	if p.knowing {
		i = max(0, slices.IndexFunc(p.free, func(replica int) bool { return replica != 0 }))
	}
	first := p.free[i]
	p.free = slices.Delete(p.free, i, i+1)
	return first
}

func (p *pulling) ended(replica int) { p.free = append(p.free, replica) }

// p99 is how long requests take at the 99th percentile, waiting included.
func (s simulation) p99(to giver) float64 {
	random := rand.New(rand.NewPCG(1, 2))
	rate := s.load * float64(s.slots) * (float64(s.replicas-1) + 1.0/slowness)
	busy, queues := make([]int, s.replicas), make(map[int]waiting) // -1: that for all
	var computed endings
	var took []float64
	begin := func(now, came float64, replica int) {
		takes := random.ExpFloat64()
		if replica == 0 {
			takes *= slowness
		}
		busy[replica]++
		heap.Push(&computed, ending{at: now + takes, came: came, replica: replica})
	}
	for next, n := 0.0, 0; n < simulated || len(computed) > 0; {
		if n < simulated && (len(computed) == 0 || next < computed[0].at) {
			if replica := to.give(); replica >= 0 && busy[replica] < s.slots {
				begin(next, next, replica)
			} else {
				queues[replica] = append(queues[replica], next)
			}
			next += random.ExpFloat64() / rate
			n++
			continue
		}
		e := heap.Pop(&computed).(ending)
		took = append(took, e.at-e.came)
		busy[e.replica]--
		to.ended(e.replica)
		queue := e.replica
		if len(queues[-1]) > 0 {
			queue = -1
			to.give() // the slot that has just become free
		}
		if q := queues[queue]; len(q) > 0 {
			queues[queue] = q[1:]
			begin(e.at, q[0], e.replica)
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestOneSlowReplicaHardlySlowsLeastRequests: with one replica of ten that is five
// times slower, the p99 of least requests is at most 1.5 times that of one queue
// for all, even of one that knows which replica is slow. The figures stand in docs/endpoints.md.
func TestOneSlowReplicaHardlySlowsLeastRequests(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("| replicas | slots each | load | one queue | one queue that knows | least-requests | round-robin |\n|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, s := range []simulation{{10, 8, 0.5}, {10, 8, 0.7}, {10, 8, 0.8}, {10, 4, 0.7}, {4, 8, 0.7}, {10, 1, 0.7}} {
		group := func(b schema.Balance) giver { return newPicking(balanced(t, newFakeNet().pool(), b, s.replicas)) }
		blind, knowing := s.p99(newPulling(s, false)), s.p99(newPulling(s, true))
		least, turns := s.p99(group(schema.LeastRequests)), s.p99(group(schema.RoundRobin))
		if s.replicas == 10 && s.slots == 8 && least > 1.5*min(blind, knowing) {
			t.Errorf("%+v: p99 of least requests is %.2f, of one queue %.2f or %.2f", s, least, blind, knowing)
		}
		if least > turns/10 {
			t.Errorf("%+v: p99 of least requests is %.2f, of round robin %.2f", s, least, turns)
		}
		fmt.Fprintf(&rows, "| %d | %d | %.0f %% | %.1f | %.1f | %.1f | %.0f |\n", s.replicas, s.slots, 100*s.load, blind, knowing, least, turns)
	}
	t.Log("\n" + rows.String())
	if *update {
		writeFigures(t, rows.String())
	}
}

const (
	beginFigures = "<!-- balancing: go test ./deployments -run OneSlowReplica -update -->\n"
	endFigures   = "<!-- /balancing -->"
)

func writeFigures(t *testing.T, rows string) {
	t.Helper()
	path := filepath.Join("..", "docs", "endpoints.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), beginFigures)
	_, after, closed := strings.Cut(rest, endFigures)
	if !ok || !closed {
		t.Fatalf("%s has no place for the figures", path)
	}
	if err := os.WriteFile(path, []byte(before+beginFigures+rows+endFigures+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
