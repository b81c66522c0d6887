package deployments_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// balanced binds n replicas with a way to balance.
func balanced(t testing.TB, pool *deployments.Pool, balance schema.Balance, n int) *deployments.Group {
	t.Helper()
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://replica-%d:8001/predict", i)
	}
	v := version(t, urls...)
	v.Serving.Balance = balance
	return pool.Bind(v, live)
}

// owners are the replicas of subjects when nothing is in flight.
func owners(g *deployments.Group, subjects int) map[string]string {
	all := make(map[string]string, subjects)
	for i := range subjects {
		subject := fmt.Sprintf("user-%d", i)
		r := g.PickFor(subject)
		all[subject] = r.String()
		r.Release()
	}
	return all
}

func TestRoundRobinTakesTurns(t *testing.T) {
	g := balanced(t, newFakeNet().pool(), schema.RoundRobin, 3)
	counts := map[*deployments.Replica]int{}
	var last *deployments.Replica
	for range 300 {
		r := g.Pick()
		if r == last {
			t.Fatalf("%s was picked twice in a row", r)
		}
		counts[r]++
		last = r
		r.Release()
	}
	for r, n := range counts {
		if n != 100 {
			t.Errorf("%s was picked %d times of 300", r, n)
		}
	}
}

func TestSubjectsHaveReplicasOfTheirOwn(t *testing.T) {
	g := balanced(t, newFakeNet().pool(), schema.Hash, 8)
	const subjects = 8000
	first, again := owners(g, subjects), owners(balanced(t, newFakeNet().pool(), schema.Hash, 8), subjects)
	counts := map[string]int{}
	for subject, replica := range first {
		counts[replica]++
		if again[subject] != replica {
			t.Fatalf("%s has %s here and %s on another gateway", subject, replica, again[subject])
		}
	}
	for replica, n := range counts {
		if n < 850 || n > 1150 { // 1000 +- 5 sigma
			t.Errorf("%s has %d of %d subjects", replica, n, subjects)
		}
	}
}

func TestFewSubjectsMoveWhenAReplicaComes(t *testing.T) {
	const subjects = 8000
	before := owners(balanced(t, newFakeNet().pool(), schema.Hash, 7), subjects)
	after := owners(balanced(t, newFakeNet().pool(), schema.Hash, 8), subjects)
	moved := 0
	for subject, replica := range after {
		if before[subject] == replica {
			continue
		}
		moved++
		if replica != "http://replica-7:8001/predict" {
			t.Fatalf("%s moved from %s to %s, which both were there before", subject, before[subject], replica)
		}
	}
	if moved < 850 || moved > 1150 {
		t.Errorf("%d of %d subjects moved to the eighth replica, want about an eighth", moved, subjects)
	}
}

// TestNoReplicaHasMoreThanItsShare sends half of the requests for one subject.
func TestNoReplicaHasMoreThanItsShare(t *testing.T) {
	const replicas = 5
	g := balanced(t, newFakeNet().pool(), schema.Hash, replicas)
	for i := range 1000 {
		subject := "popular"
		if i%2 == 0 {
			subject = fmt.Sprintf("user-%d", i)
		}
		r := g.PickFor(subject)
		most := (5*(i+1) + 4*replicas - 1) / (4 * replicas) // ceil(1.25 * (i+1) / replicas)
		if n := r.InFlight(); n > most {
			t.Fatalf("%s has %d of %d requests in flight, more than 1.25 times the average", r, n, i+1)
		}
	}
}

func TestSubjectsOfADownReplicaGoToTheirNextAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		g := balanced(t, n.pool(), schema.Hash, 4)
		before := owners(g, 400)
		gone := g.Replicas()[1]
		n.set(gone.URL().Host, errBlackHole)
		_, _ = send(t, gone)
		if gone.Up() {
			t.Fatal("a replica that cannot be connected to is up")
		}
		others := map[string]int{}
		for subject, replica := range owners(g, 400) {
			switch {
			case replica == gone.String():
				t.Fatalf("%s was given to a replica that is down", subject)
			case before[subject] == gone.String():
				others[replica]++
			case before[subject] != replica:
				t.Fatalf("%s moved although its replica is up", subject)
			}
		}
		if len(others) != 3 {
			t.Errorf("the subjects of one went to %v, want to all others", others)
		}
		n.set(gone.URL().Host, nil)
		_, _ = send(t, gone)
		for subject, replica := range owners(g, 400) {
			if before[subject] != replica {
				t.Errorf("%s is with %s, was with %s before", subject, replica, before[subject])
			}
		}
	})
}

func TestRetriesGoToTheNextReplicaOfTheSubject(t *testing.T) {
	g := balanced(t, newFakeNet().pool(), schema.Hash, 4)
	order := func() string {
		text := ""
		var tried []*deployments.Replica
		for r := g.PickFor("user"); r != nil; r = g.PickExcept("user", tried...) {
			r.Release()
			tried = append(tried, r)
			text += r.String() + " "
		}
		if len(tried) != 4 {
			t.Errorf("%d of 4 replicas were tried", len(tried))
		}
		return text
	}
	if first, second := order(), order(); first != second {
		t.Errorf("tried in the order %s and then %s", first, second)
	}
}

func TestWithoutASubjectHashIsLeastRequests(t *testing.T) {
	g := balanced(t, newFakeNet().pool(), schema.Hash, 3)
	for range 300 {
		g.PickFor("")
	}
	for _, r := range g.Replicas() {
		if n := r.InFlight(); n < 97 || n > 103 {
			t.Errorf("%s has %d of 300 requests in flight, want about 100", r, n)
		}
	}
}

func TestNoWayToBalanceAllocates(t *testing.T) {
	for _, balance := range schema.Balances() {
		g := balanced(t, newFakeNet().pool(), balance, 5)
		if n := testbed.Allocs(1000, func() { g.PickFor("user").Release() }); n != 0 {
			t.Errorf("%s allocates %v times", balance, n)
		}
	}
}

func BenchmarkBalance(b *testing.B) {
	for _, balance := range schema.Balances() {
		for _, n := range []int{3, 30} {
			b.Run(fmt.Sprintf("%s/%d", balance, n), func(b *testing.B) {
				g := balanced(b, newFakeNet().pool(), balance, n)
				b.ReportAllocs()
				for b.Loop() {
					g.PickFor("user-1").Release()
				}
			})
		}
	}
}
