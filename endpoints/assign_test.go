package endpoints_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/endpoints"
)

const requests = 20_000

// split makes an endpoint of static backends named a, b, c, ... with weights.
func split(name string, weights ...float64) *endpoints.Endpoint {
	e := &endpoints.Endpoint{Name: name}
	for i, w := range weights {
		e.Backends = append(e.Backends, endpoints.Backend{Name: string(rune('a' + i)), Weight: w, Static: []byte("0")})
	}
	return e
}

// populations are subjects as they occur: what hashes badly is usually similar.
func populations(n int) map[string][]string {
	random := rand.New(rand.NewPCG(1, 2))
	all := map[string][]string{}
	for i := range n {
		all["numbers"] = append(all["numbers"], fmt.Sprint(i))
		all["padded"] = append(all["padded"], fmt.Sprintf("user-%012d", i))
		all["addresses"] = append(all["addresses"], fmt.Sprintf("%d@example.com", i))
		all["random"] = append(all["random"], fmt.Sprintf("%016x-%016x", random.Uint64(), random.Uint64()))
		all["letters"] = append(all["letters"], letters(i))
	}
	return all
}

// letters is a short subject: 1 to 4 letters.
func letters(i int) string {
	s := string(rune('a' + i%26))
	if i >= 26 {
		s += letters(i/26 - 1)
	}
	return s
}

func assignAll(e *endpoints.Endpoint, subjects []string) []int {
	assigned := make([]int, len(subjects))
	for i, s := range subjects {
		assigned[i] = e.Assign(s)
	}
	return assigned
}

func count(assigned []int, backends int) []int {
	counts := make([]int, backends)
	for _, i := range assigned {
		counts[i]++
	}
	return counts
}

// within checks a count out of n that is expected with probability p.
func within(t *testing.T, what string, got, n int, p, sigmas float64) {
	t.Helper()
	mean, sigma := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-mean) > sigmas*sigma {
		t.Errorf("%s: %d of %d, want %.1f within %v sigma of %.1f", what, got, n, mean, sigmas, sigma)
	}
}

var splits = [][]float64{{1, 1}, {90, 10}, {1, 999}, {95, 5, 0}, {0.5, 0.25, 0.25}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {1e-9, 3e-9}, {1e300, 1e300}}

func TestS01KeyedRequestsFallByWeight(t *testing.T) {
	for kind, subjects := range populations(requests) {
		for _, weights := range splits {
			e := split("pricing", weights...)
			checkShares(t, kind, weights, count(assignAll(e, subjects), len(weights)), requests)
		}
	}
}

func TestS01UnkeyedRequestsFallByWeight(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, weights := range splits {
		e := split("pricing", weights...)
		counts := make([]int, len(weights))
		for range requests {
			counts[e.AssignAt(random.Float64())]++
		}
		checkShares(t, "unkeyed", weights, counts, requests)
	}
}

// checkShares allows 3 sigma for one count, and 4 where it is the worst of many.
func checkShares(t *testing.T, kind string, weights []float64, counts []int, n int) {
	t.Helper()
	largest, sum := 0.0, 0.0
	for _, w := range weights {
		largest = max(largest, w)
	}
	for _, w := range weights {
		sum += w / largest
	}
	for i, w := range weights {
		if w == 0 && counts[i] != 0 {
			t.Errorf("%s %v: weight 0 got %d requests", kind, weights, counts[i])
		}
		sigmas := 3.0
		if len(weights) > 3 {
			sigmas = 4
		}
		within(t, fmt.Sprint(kind, weights, "[", i, "]"), counts[i], n, w/largest/sum, sigmas)
	}
}

func TestS01AMillionToOneIsExact(t *testing.T) {
	e := split("pricing", 1_000_000, 1)
	var counts [2]int
	const n = 1_000_001
	for i := range n {
		counts[e.AssignAt((float64(i)+0.5)/n)]++
	}
	if counts != [2]int{1_000_000, 1} {
		t.Errorf("1,000,000:1 became %v", counts)
	}
}

func TestS01KeyedMillionToOneHolds(t *testing.T) {
	e := split("pricing", 1_000_000, 1)
	const n = 4_000_000
	rare := 0
	for i := range n {
		rare += e.Assign(letters(i))
	}
	within(t, "1 in 1,000,001", rare, n, 1/1_000_001., 3)
}

func TestS01RandomAssignmentIsRandom(t *testing.T) {
	e := split("pricing", 0, 90, 0, 10, 0)
	var counts [5]int
	for range requests {
		counts[e.AssignRandom()]++
	}
	if counts[0]+counts[2]+counts[4] != 0 {
		t.Errorf("weight 0 got requests: %v", counts)
	}
	within(t, "10 of 100", counts[3], requests, 0.1, 6) // not seeded, so that 3 sigma would fail now and then
}

func TestS01PlaceAtTheEndIsInTheLastBackend(t *testing.T) {
	e := split("pricing", 0.1, 0.2, 0.3, 0)
	if got := e.AssignAt(math.Nextafter(1, 0)); got != 2 {
		t.Errorf("the end of all weights is backend %d, want 2", got)
	}
}

func TestS05OthersKeepTheirSubjectsWhenOneIsDown(t *testing.T) {
	for kind, subjects := range populations(requests) {
		before := assignAll(split("pricing", 50, 30, 20), subjects)
		after := assignAll(split("pricing", 50, 0, 20), subjects)
		var moved, toA int
		for i := range subjects {
			switch {
			case before[i] != 1 && after[i] != before[i]:
				t.Fatalf("%s: %q moved from backend %d to %d though its own was up", kind, subjects[i], before[i], after[i])
			case before[i] == 1:
				moved++
				if after[i] == 0 {
					toA++
				}
			}
		}
		within(t, kind+": the moved keep the ratio of the others", toA, moved, 50.0/70, 3.5)
	}
}

func TestS06ShiftingWeightMovesNoMoreThanThat(t *testing.T) {
	for kind, subjects := range populations(requests) {
		before := assignAll(split("pricing", 90, 10), subjects)
		after := assignAll(split("pricing", 80, 20), subjects)
		moved := 0
		for i := range subjects {
			if after[i] != before[i] {
				moved++
				if after[i] == 0 {
					t.Fatalf("%s: %q moved to the backend that lost weight", kind, subjects[i])
				}
			}
		}
		within(t, kind+": 10 % moved", moved, requests, 0.1, 3)
	}
}

func TestS06RaisingOneWeightMovesNobodyBetweenOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	subjects := populations(5_000)["random"]
	for range 100 {
		weights := make([]float64, 2+random.IntN(6))
		for i := range weights {
			weights[i] = math.Exp(random.Float64()*10 - 5)
		}
		raised := random.IntN(len(weights))
		before := assignAll(split("e", weights...), subjects)
		weights[raised] *= 1 + random.Float64()*3
		after := assignAll(split("e", weights...), subjects)
		for i := range subjects {
			if after[i] != before[i] && after[i] != raised {
				t.Fatalf("weights %v, number %d raised: %q moved from %d to %d", weights, raised, subjects[i], before[i], after[i])
			}
		}
	}
}

func TestS06TheOrderInTheFileDoesNotMatter(t *testing.T) {
	subjects := populations(2_000)["numbers"]
	e, reversed := split("pricing", 5, 3, 2), &endpoints.Endpoint{Name: "pricing"}
	for i := range e.Backends {
		reversed.Backends = append(reversed.Backends, e.Backends[len(e.Backends)-1-i])
	}
	for _, s := range subjects {
		if a, b := e.Backends[e.Assign(s)].Name, reversed.Backends[reversed.Assign(s)].Name; a != b {
			t.Fatalf("%q goes to %s, and to %s when the file is in another order", s, a, b)
		}
	}
}

func TestEndpointsAssignIndependently(t *testing.T) {
	for kind, subjects := range populations(requests) {
		one, other := assignAll(split("one", 1, 1), subjects), assignAll(split("other", 1, 1), subjects)
		independent(t, kind, one, other)
	}
}

// TestS06Vectors pins the published formula: what it says must be true in every
// release and on every gateway. The vectors were also computed by a program that
// shares no code with this one.
func TestS06Vectors(t *testing.T) {
	e := &endpoints.Endpoint{
		Name:     "pricing_optimizer",
		Backends: []endpoints.Backend{{Name: "control", Weight: 60}, {Name: "experiment", Weight: 30}, {Name: "holdout", Weight: 10}},
		Mirrors:  []endpoints.Mirror{{Name: "mirror_1", Percent: 50}, {Name: "mirror_2", Percent: 10}},
	}
	got := map[string]string{}
	for subject := range vectors {
		got[subject] = fmt.Sprint(e.Backends[e.Assign(subject)].Name, " ", e.Sampled(0, subject), " ", e.Sampled(1, subject))
	}
	if diff := cmp.Diff(vectors, got); diff != "" {
		t.Errorf("assignment and sampling changed (-published +got):\n%s", diff)
	}
}

func TestAssignmentDoesNotAllocate(t *testing.T) {
	e := loadOne(t, keyedSplit)
	r := request(t, "/", "X-User-Id", "user-123456")
	if n := testing.AllocsPerRun(1000, func() {
		subject, ok := e.Assignment.Subject(r, nil, nil)
		if !ok {
			t.Fatal("no subject")
		}
		e.Assign(subject)
		e.Sampled(0, subject)
		e.AssignRandom()
		e.SampledRandom(0)
	}); n != 0 {
		t.Errorf("assigning by a header allocates %v times", n)
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, n := range []int{2, 10} {
		b.Run(fmt.Sprint(n, " backends"), func(b *testing.B) {
			weights := make([]float64, n)
			for i := range weights {
				weights[i] = float64(i + 1)
			}
			e := loadSplit(b, weights...)
			b.ReportAllocs()
			for b.Loop() {
				e.Assign("user-123456")
			}
		})
	}
}
