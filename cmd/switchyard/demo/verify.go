package demo

import (
	"context"
	"fmt"
	"math"
	"time"
)

// verifyDeadline bounds everything that --once waits for together, which takes seconds
// unless the machine has much else to do.
const verifyDeadline = 5 * time.Minute

// The traffic of --once. The shares of users are the same in every run, because
// users are assigned and sampled by hashing.
const (
	aliasCalls = 20
	quoteCalls = 5 * failingNth
	users      = 200
	tenfold    = `{"data": 10}`
	oldPrice   = `{"data":20}` // of version 1 for 10
	newPrice   = `{"data":21}` // of version 2 for 10
)

// verifier calls the endpoints and compares answers and records with what the
// documents of the demo promise. Its errors say what was expected and what came.
type verifier struct {
	setting *setting
	caller  caller
	ledger  *ledger
	say     func(format string, args ...any)
}

// run verifies all there is, step by step; the first mismatch ends it.
func (v verifier) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, verifyDeadline)
	defer cancel()
	for _, step := range []func(context.Context) error{
		v.start, v.alias, v.split, v.failingMirror, v.batch, v.swap, v.refusal, v.caller.askAboutPenguins,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start: the first revision serves.
func (v verifier) start(ctx context.Context) error {
	_, err := v.ledger.await(ctx, "first swap", 1, func(e entry) bool { return e.Event == "swap" })
	return err
}

// alias: every answer is the alias's, every request has one live record and one
// record of its mirror.
func (v verifier) alias(ctx context.Context) error {
	for range aliasCalls {
		r, err := v.expect(ctx, "pricing_optimizer", "", "control", oldPrice)
		if err != nil {
			return err
		}
		if err := v.pair(ctx, r, "mirror_1"); err != nil {
			return err
		}
	}
	v.say("%d calls of pricing_optimizer: right answers, each with its live and its mirror record", aliasCalls)
	return nil
}

// split: users keep their backend, in the shares of the weights, while half of
// them are copied to a candidate whose slowness they do not notice.
func (v verifier) split(ctx context.Context) error {
	experiments := 0
	for i := range users {
		user := fmt.Sprintf("subject-%d", i)
		first, err := v.caller.call(ctx, "checkout", user, tenfold)
		if err != nil {
			return err
		}
		price := oldPrice
		if first.backend == "experiment" {
			experiments++
			price = newPrice
		}
		if err := first.is("checkout", first.backend, price); err != nil {
			return err
		}
		if _, err := v.expect(ctx, "checkout", user, first.backend, price); err != nil {
			return fmt.Errorf("the second call of %s: %w", user, err)
		}
	}
	if err := share("users on experiment", experiments, 0.30); err != nil {
		return err
	}
	v.say("%d users of checkout: %d on experiment (30 %% by weight), and all stay where they are", users, experiments)
	return nil
}

// audit verifies what is certain only when the gateway has ended: every request
// of checkout has one live record, and its user's requests were copied to the
// candidate all or none, half of the users' ones.
func (v verifier) audit() error {
	live, _ := v.ledger.matching(record("checkout", "live"))
	if len(live) != 2*users {
		return fmt.Errorf("expected %d live records of checkout, got %d", 2*users, len(live))
	}
	copies := map[string]int{}
	mirrors, _ := v.ledger.matching(record("checkout", "mirror"))
	for _, e := range mirrors {
		if e.Outcome != "ok" {
			return fmt.Errorf("expected all copies to candidate to be ok, got %s %s", e.Outcome, e.ErrorKind)
		}
		copies[e.SubjectID]++
	}
	for user, n := range copies {
		if n != 2 {
			return fmt.Errorf("expected both requests of %s to be copied, got %d", user, n)
		}
	}
	if err := share("users copied to candidate", len(copies), 0.50); err != nil {
		return err
	}
	v.say("%d users were copied to candidate (50 %%), always or never; its slowness was nobody's", len(copies))
	return nil
}

// failingMirror: callers see none of the errors of a mirror, the log sees all.
func (v verifier) failingMirror(ctx context.Context) error {
	for range quoteCalls {
		if _, err := v.expect(ctx, "quotes", "", "current", oldPrice); err != nil {
			return err
		}
	}
	mirrors, err := v.ledger.await(ctx, "mirror records of quotes", quoteCalls, record("quotes", "mirror"))
	if err != nil {
		return err
	}
	failed := 0
	for _, e := range mirrors {
		if e.Outcome == "error" && e.Status == 500 {
			failed++
		}
	}
	if want := quoteCalls / failingNth; failed != want {
		return fmt.Errorf("expected %d failures of the mirror of quotes in the log, got %d", want, failed)
	}
	v.say("%d calls of quotes: its mirror failed %d times, its callers saw none of it", quoteCalls, failed)
	return nil
}

// batch: a batch passes through with its IDs.
func (v verifier) batch(ctx context.Context) error {
	r, err := v.caller.call(ctx, "pricing_optimizer", "", `{"data": [["a", 1], ["b", 2]]}`)
	if err != nil {
		return err
	}
	return r.is("pricing_optimizer", "control", `{"data":[["a",2],["b",4]]}`)
}

// swap: a commit serves, and the records name it.
func (v verifier) swap(ctx context.Context) error {
	commit, err := v.setting.edit("endpoints/pricing_optimizer.yaml", "version: stable", "version: 2", "Move pricing_optimizer to version 2")
	if err != nil {
		return err
	}
	if _, err := v.ledger.await(ctx, "swap to "+short(commit), 1, event("swap", commit)); err != nil {
		return err
	}
	r, err := v.expect(ctx, "pricing_optimizer", "", "control", newPrice)
	if err != nil {
		return fmt.Errorf("after the swap: %w", err)
	}
	_, err = v.ledger.await(ctx, "live and mirror records of "+r.requestID+" that name commit "+short(commit), 2,
		func(e entry) bool { return e.RequestID == r.requestID && e.Commit == commit })
	if err != nil {
		return err
	}
	v.say("commit %s was swapped in: the answer changed, and the records name it", short(commit))
	return nil
}

// refusal: a mistake is refused with its position, and what served goes on.
func (v verifier) refusal(ctx context.Context) error {
	commit, err := v.setting.edit("endpoints/checkout.yaml", "weight: 30", "weigth: 30", "Make a mistake")
	if err != nil {
		return err
	}
	rejects, err := v.ledger.await(ctx, "refusal of "+short(commit), 1, event("reject", commit))
	if err != nil {
		return err
	}
	if len(rejects[0].Diagnostics) != 1 {
		return fmt.Errorf("expected one diagnostic of the refused commit, got %q", rejects[0].Diagnostics)
	}
	if _, err := v.expect(ctx, "pricing_optimizer", "", "control", newPrice); err != nil {
		return fmt.Errorf("after the refusal: %w", err)
	}
	v.say("commit %s was refused: %s", short(commit), rejects[0].Diagnostics[0])
	return nil
}

// expect calls an endpoint and compares the answer.
func (v verifier) expect(ctx context.Context, endpoint, user, backend, body string) (reply, error) {
	r, err := v.caller.call(ctx, endpoint, user, tenfold)
	if err != nil {
		return r, err
	}
	return r, r.is(endpoint, backend, body)
}

func (r reply) is(endpoint, backend, body string) error {
	if r.status == 200 && r.backend == backend && r.body == body && r.requestID != "" {
		return nil
	}
	return fmt.Errorf("expected of %s: status 200, backend %s, body %s, a request ID; got %d, %q, %s, %q",
		endpoint, backend, body, r.status, r.backend, r.body, r.requestID)
}

// pair waits for the records of a request: one live, one of the mirror.
func (v verifier) pair(ctx context.Context, r reply, mirror string) error {
	records, err := v.ledger.await(ctx, "records of request "+r.requestID, 2,
		func(e entry) bool { return e.RequestID == r.requestID })
	if err != nil {
		return err
	}
	backends := map[string]string{}
	for _, e := range records {
		backends[e.Role] = e.Backend
	}
	if len(records) != 2 || backends["live"] != r.backend || backends["mirror"] != mirror {
		return fmt.Errorf("expected one live record by %s and one mirror record by %s of request %s, got %v in %d records",
			r.backend, mirror, r.requestID, backends, len(records))
	}
	return nil
}

// share checks that got of the users is within four standard deviations of the
// share that was asked for.
func share(what string, got int, want float64) error {
	mean := want * users
	if spread := 4 * math.Sqrt(mean*(1-want)); math.Abs(float64(got)-mean) > spread {
		return fmt.Errorf("expected about %.0f %s of %d, got %d", mean, what, users, got)
	}
	return nil
}

func record(endpoint, role string) func(entry) bool {
	return func(e entry) bool { return e.Event == "inference" && e.Endpoint == endpoint && e.Role == role }
}

func event(name, commit string) func(entry) bool {
	return func(e entry) bool { return e.Event == name && e.Commit == commit }
}
