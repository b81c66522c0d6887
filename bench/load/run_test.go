//go:build linux

package load_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/deployment"
	"github.com/switchyard-gateway/switchyard/bench/load"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// serve runs a deployment of each behaviour until the test ends.
func serve(t *testing.T) *deployment.Server {
	t.Helper()
	server, err := deployment.New([]deployment.Spec{
		{Name: "A", Behavior: deployment.Fast},
		{Name: "S", Behavior: deployment.Slow, Delay: 100 * time.Millisecond},
		{Name: "H", Behavior: deployment.Hole},
		{Name: "D", Behavior: deployment.Dead},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- server.Serve(stop) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server
}

func run(t *testing.T, o load.Options) load.Result {
	t.Helper()
	began, ended := 0, 0
	r, err := load.Run(o, load.Window{Begin: func() { began++ }, End: func() { ended++ }})
	if err != nil {
		t.Fatal(err)
	}
	if began != 1 || ended != 1 {
		t.Errorf("the window began %d times and ended %d times", began, ended)
	}
	return r
}

func TestClosedLoopCountsWhatTheDeploymentSaw(t *testing.T) {
	for _, size := range []int{0, 5, 200, 16 << 10, 1_000_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) { // one server at a time: its thread never rests
			var server *deployment.Server
			var r load.Result
			for d := 500 * time.Millisecond; r.Due == 0 && d < time.Minute; d *= 4 { // a busy machine may need longer for one
				server = serve(t)
				r = run(t, load.Options{
					Port: server.Ports()["A"], Path: "/x", Body: size, Connections: 8,
					Warm: 20 * time.Millisecond, Duration: d, Drain: 30 * time.Second,
				})
			}
			saw := server.Counts()["A"]
			if r.Due == 0 || saw.Requests != r.Sent || saw.Bytes != r.Sent*int64(size) || saw.Malformed != 0 || r.Errors() != 0 {
				t.Errorf("sent %+v; saw %+v", r, saw)
			}
			if r.Answers["A"] != r.Due || r.Due > r.Sent || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestConstantRateSendsExactlyWhatIsDue(t *testing.T) {
	server := serve(t)
	r := run(t, load.Options{
		Port: server.Ports()["A"], Path: "/e/r", Endpoints: 10_000, Body: 200, Connections: 16, Rate: 1000,
		Warm: 100 * time.Millisecond, Duration: 300 * time.Millisecond, Drain: 30 * time.Second,
	})
	if r.Due != 300 || r.Sent != 400 || r.Errors() != 0 || r.Answers["A"] != 300 || server.Counts()["A"].Requests != 400 {
		t.Errorf("300 of 400 were to be measured: %+v", r)
	}
}

// Two connections and answers after 100 ms allow 20 a second. At 100 a second
// latencies must show the queue, although each call by itself takes 100 ms.
func TestLatencyRunsFromWhenARequestWasDue(t *testing.T) {
	server := serve(t)
	r := run(t, load.Options{
		Port: server.Ports()["S"], Path: "/", Connections: 2, Rate: 100,
		Duration: time.Second, Drain: 200 * time.Millisecond,
	})
	if r.Due != 100 || r.Unanswered < 70 || r.Rate > 20 {
		t.Errorf("most could not be answered: %+v", r)
	}
	if r.P50 < 400_000 {
		t.Errorf("half of the requests waited at most %v us", r.P50)
	}
}

func TestUnansweredRequestsAreErrorsWithTheirAge(t *testing.T) {
	const drain = 50 * time.Millisecond
	server := serve(t)
	var r load.Result
	for d := 50 * time.Millisecond; r.Sent < 4 && d < time.Minute; d *= 4 { // a busy machine may need longer for four
		r = run(t, load.Options{Port: server.Ports()["H"], Path: "/", Connections: 4, Duration: d, Drain: drain})
	}
	if r.Unanswered != 4 || r.Requests != 0 || r.P50 < float64(drain.Microseconds()) {
		t.Errorf("four were sent and never answered: %+v", r)
	}
}

func TestDeadPortIsNoEndlessLoop(t *testing.T) {
	server := serve(t)
	r := run(t, load.Options{
		Port: server.Ports()["D"], Path: "/", Connections: 4, Rate: 100, Duration: 100 * time.Millisecond, Drain: 20 * time.Millisecond,
	})
	if r.Sent != 0 || r.Unanswered != 10 {
		t.Errorf("nothing can be sent: %+v", r)
	}
}

func TestUnboundedLoadsAreRefused(t *testing.T) {
	for _, o := range []load.Options{
		{},
		{Port: 1, Path: "/", Connections: 1},
		{Port: 1, Path: "/", Connections: 100_000, Duration: 1},
		{Port: 1, Path: "/", Connections: 1, Duration: time.Hour},
		{Port: 1, Path: "/", Connections: 1, Duration: 1, Rate: 1e9},
	} {
		if _, err := load.Run(o, load.Window{}); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
