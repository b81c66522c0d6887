package plan_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

const population = 20_000

var userID = endpoints.Keys{{Source: schema.KeyHeader, Name: "X-User-Id"}}

// split is an endpoint of static backends with weights, assigned by key.
func split(weights map[string]float64) *endpoints.Endpoint {
	e := &endpoints.Endpoint{Name: "pricing", Assignment: userID}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		e.Backends = append(e.Backends, endpoints.Backend{Name: name, Weight: weights[name], Static: []byte(`"` + name + `"`)})
	}
	return e
}

// live is what a plan says about the callers of an endpoint; of one that does not
// change, that none move.
func live(t testing.TB, from, to *endpoints.Endpoint) *plan.Live {
	t.Helper()
	p := plan.Compare(declared(from), declared(to))
	if !p.Changes {
		return &plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundNone, Moves: []plan.Move{}}
	}
	return p.Endpoints[0].Live
}

// randomWeights are 1 to 6 backends of some seven names.
func randomWeights(random *rand.Rand) map[string]float64 {
	weights := map[string]float64{"a": math.Exp(random.Float64()*6 - 3)}
	for range random.IntN(6) {
		weights[string(rune('a'+random.IntN(7)))] = math.Exp(random.Float64()*6 - 3)
	}
	if len(weights) > 1 && random.IntN(4) == 0 {
		weights["z"] = 0
	}
	return weights
}

// within fails unless a count is what its probability lets expect. The half is
// for counts that are rare, and whole.
func within(t *testing.T, what string, got int, p, sigmas float64) {
	t.Helper()
	mean := population * p
	if allowed := sigmas*math.Sqrt(population*p*(1-p)) + 0.5; math.Abs(float64(got)-mean) > allowed {
		t.Errorf("%s: %d of %d move, announced were %.1f give or take %.1f", what, got, population, mean, allowed)
	}
}

// What a plan announces is what happens to real subjects, in all and for each
// pair of backends.
func TestAnnouncedMovesHappen(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	subjects := make([]string, population)
	for range 60 {
		for i := range subjects {
			subjects[i] = fmt.Sprintf("%016x", random.Uint64())
		}
		from, to := split(randomWeights(random)), split(randomWeights(random))
		l := live(t, from, to)
		moved, byPair := 0, map[[2]string]int{}
		for _, s := range subjects {
			before, after := from.Backends[from.Assign(s)].Name, to.Backends[to.Assign(s)].Name
			if before != after {
				moved++
				byPair[[2]string{before, after}]++
			}
		}
		what := fmt.Sprint(weightsOf(from), " -> ", weightsOf(to))
		within(t, what, moved, l.Moved, 4)
		for _, m := range l.Moves {
			pair := [2]string{m.From, m.To}
			within(t, fmt.Sprint(what, " ", pair), byPair[pair], m.Share, 5) // the worst of some 600
			delete(byPair, pair)
		}
		if len(byPair) > 0 {
			t.Errorf("%s: moves that were not announced: %v", what, byPair)
		}
	}
}

func weightsOf(e *endpoints.Endpoint) map[string]float64 {
	weights := map[string]float64{}
	for _, b := range e.Backends {
		weights[b.Name] = b.Weight
	}
	return weights
}

// Raising, adding, lowering or removing one backend moves subjects to or from it
// only, by exactly as much as its share changes.
func TestOneWeightMovesNobodyBetweenOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		before := randomWeights(random)
		after := maps.Clone(before)
		after["b"] = before["b"]*(1+random.Float64()) + random.Float64()
		raised := live(t, split(before), split(after))
		lowered := live(t, split(after), split(before))
		for _, m := range raised.Moves {
			if m.To != "b" {
				t.Fatalf("%v -> %v moves %+v", before, after, m)
			}
		}
		for _, m := range lowered.Moves {
			if m.From != "b" {
				t.Fatalf("%v -> %v moves %+v", after, before, m)
			}
		}
		want := share(after, "b") - share(before, "b")
		if math.Abs(raised.Moved-want) > 1e-12 || math.Abs(lowered.Moved-want) > 1e-12 {
			t.Fatalf("%v -> %v moves %v and back %v, want %v", before, after, raised.Moved, lowered.Moved, want)
		}
	}
}

func share(weights map[string]float64, name string) float64 {
	sum := 0.0
	for _, other := range slices.Sorted(maps.Keys(weights)) {
		sum += weights[other]
	}
	return weights[name] / sum
}

func TestMultipliedWeightsMoveNobody(t *testing.T) {
	for _, factor := range []float64{2, 3, 0.1, 1e-9, 1e200} {
		before := map[string]float64{"a": 0.1, "b": 0.2, "c": 0.7, "d": 1e-3}
		after := map[string]float64{}
		for name, w := range before {
			after[name] = w * factor
		}
		if l := live(t, split(before), split(after)); l.Moved != 0 || len(l.Moves) != 0 || l.OtherAnswer != 0 {
			t.Errorf("times %v: %+v", factor, l)
		}
	}
}

// Two backends that trade 10 % of the weight move 10 %, the text book's case.
func TestTradedWeightMovesAsMuch(t *testing.T) {
	got := live(t, split(map[string]float64{"a": 90, "b": 10}), split(map[string]float64{"a": 80, "b": 20}))
	want := &plan.Live{
		Of: plan.OfSubjects, Rebound: plan.ReboundNone, Moved: 0.1, OtherAnswer: 0.1,
		Moves: []plan.Move{{From: "a", To: "b", Share: 0.1}},
	}
	if diff := cmp.Diff(want, got, closely); diff != "" {
		t.Error(diff)
	}
}

var closely = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })

// With another key a caller has another subject, which is drawn independently.
func TestAnotherKeyDrawsAllAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		from, to := split(randomWeights(random)), split(randomWeights(random))
		to.Assignment = endpoints.Keys{{Source: schema.KeyCookie, Name: "session"}}
		l := live(t, from, to)
		if l.Rebound != plan.ReboundAll || l.Of != plan.OfSubjects || l.Moved != l.MovedAnew {
			t.Fatalf("%+v", l)
		}
		moved := 0
		for range population {
			before := from.Backends[from.Assign(fmt.Sprint("user-", random.Uint64()))].Name
			after := to.Backends[to.Assign(fmt.Sprint("session-", random.Uint64()))].Name
			if before != after {
				moved++
			}
		}
		within(t, fmt.Sprint(weightsOf(from), weightsOf(to)), moved, l.Moved, 4)
	}
}

func TestKeysThatStayInFrontKeepTheirSubjects(t *testing.T) {
	key := func(name string) schema.Key { return schema.Key{Source: schema.KeyHeader, Name: name} }
	weights := map[string]float64{"a": 3, "b": 1}
	anew := 1 - (0.75*0.75 + 0.25*0.25)
	for _, c := range []struct {
		name     string
		from, to endpoints.Keys
		want     plan.Live
	}{
		{"added behind", endpoints.Keys{key("A")}, endpoints.Keys{key("A"), key("B")}, plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundNone}},
		{"removed behind", endpoints.Keys{key("A"), key("B")}, endpoints.Keys{key("A")}, plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundSome, MovedAnew: anew}},
		{"exchanged behind", endpoints.Keys{key("A"), key("B")}, endpoints.Keys{key("A"), key("C")}, plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundSome, MovedAnew: anew}},
		{"added in front", endpoints.Keys{key("A")}, endpoints.Keys{key("B"), key("A")}, plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundAll, MovedAnew: anew, Moved: anew, OtherAnswer: anew}},
		{"all removed", endpoints.Keys{key("A")}, nil, plan.Live{Of: plan.OfSubjects, Rebound: plan.ReboundAll, MovedAnew: anew, Moved: anew, OtherAnswer: anew}},
		{"the first ones", nil, endpoints.Keys{key("A")}, plan.Live{Of: plan.OfRequests, Rebound: plan.ReboundNone}},
	} {
		from, to := split(weights), split(weights)
		from.Assignment, to.Assignment = c.from, c.to
		got := *live(t, from, to)
		got.Moves = nil
		if diff := cmp.Diff(c.want, got, closely); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// Without a key nobody is bound: what counts is which share of requests goes
// elsewhere.
func TestUnboundRequestsAreShares(t *testing.T) {
	from, to := split(map[string]float64{"a": 3, "b": 1}), split(map[string]float64{"a": 1, "b": 1, "c": 2})
	from.Assignment, to.Assignment = nil, nil
	want := &plan.Live{Of: plan.OfRequests, Rebound: plan.ReboundNone, Moved: 0.5, OtherAnswer: 0.5, Moves: []plan.Move{}}
	if diff := cmp.Diff(want, live(t, from, to), closely); diff != "" {
		t.Error(diff)
	}
}

// A mirror's newly sampled subjects are those of a simulation, and no other
// subject is touched.
func TestAnnouncedSamplingHappens(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 40 {
		from, to := split(map[string]float64{"a": 1}), split(map[string]float64{"a": 1})
		from.Mirrors = []endpoints.Mirror{{Name: "m", Percent: 100 * random.Float64(), Deployment: resolved(1)}}
		to.Mirrors = []endpoints.Mirror{{Name: "m", Percent: 100 * random.Float64(), Deployment: resolved(1)}}
		m := plan.Compare(declared(from), declared(to)).Endpoints[0].Mirrors[0]
		more, less := 0, 0
		for range population {
			s := fmt.Sprint(random.Uint64())
			switch before, after := from.Sampled(0, s), to.Sampled(0, s); {
			case !before && after:
				more++
			case before && !after:
				less++
			}
		}
		within(t, "newly sampled", more, m.NewlySampled, 4)
		within(t, "no longer sampled", less, m.NoLongerSampled, 4)
	}
}

// FuzzMoves holds for all weights that can be written: shares are shares, and
// what leaves and enters a backend is what it loses and gains.
func FuzzMoves(f *testing.F) {
	f.Add(90.0, 10.0, 0.0, 80.0, 20.0, 5.0)
	f.Add(1e300, 1e-300, 5e-324, 1e-300, 1e300, 0.0)
	f.Add(5e-324, 0.0, 0.0, 0.0, 0.0, 5e-324)
	f.Add(1.0, 1.0, 1.0, 0.0, 0.0, 1e308)
	f.Add(0.1, 0.2, 0.3, 0.30000000000000004, 0.6, 0.9)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g float64) {
		before, after := []float64{a, b, c}, []float64{d, e, g}
		for _, weights := range [][]float64{before, after} {
			sum := 0.0
			for i, w := range weights {
				weights[i] = math.Abs(w)
				sum += weights[i]
			}
			if sum == 0 || math.IsInf(sum, 0) || math.IsNaN(sum) {
				t.Skip("the schema refuses them")
			}
		}
		from, to := map[string]float64{}, map[string]float64{}
		for i, name := range []string{"a", "b", "c"} {
			from[name], to[name] = before[i], after[i]
		}
		conserved(t, from, to)
	})
}

func conserved(t *testing.T, from, to map[string]float64) {
	t.Helper()
	l := live(t, split(from), split(to))
	if !(l.Moved >= 0 && l.Moved <= 1) || !(l.OtherAnswer >= 0 && l.OtherAnswer <= 1) {
		t.Fatalf("%v -> %v: %+v", from, to, l)
	}
	gains := map[string]float64{}
	for _, m := range l.Moves {
		if !(m.Share > 0 && m.Share <= 1) {
			t.Fatalf("%v -> %v: %+v", from, to, m)
		}
		gains[m.To] += m.Share
		gains[m.From] -= m.Share
	}
	for name := range from {
		want := scaledShare(to, name) - scaledShare(from, name)
		if math.Abs(gains[name]-want) > 1e-11 {
			t.Errorf("%v -> %v: %s gains %v by moves and %v by its share: %+v", from, to, name, gains[name], want, l)
		}
	}
}

// scaledShare is share for weights near the end of the range of numbers.
func scaledShare(weights map[string]float64, name string) float64 {
	largest := 0.0
	for _, w := range weights {
		largest = max(largest, w)
	}
	scaled := map[string]float64{}
	for other, w := range weights {
		scaled[other] = w / largest
	}
	return share(scaled, name)
}
