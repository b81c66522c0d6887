package soak_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var (
	soaking = flag.Bool("soak", false, "run the tests that take minutes")
	faulty  = flag.Duration("faults", 0, "how long replicas are at fault, with each combination of engines; 0: seconds, or with -soak a quarter of an hour for all of them together")
	only    = flag.String("engines", "", `only this combination, as in "front=own upstream=own"`)
)

// running are the engines that gateways are started with.
var running testbed.Engines

func TestMain(m *testing.M) {
	flag.Parse()
	if settings := os.Getenv(settingsVariable); settings != "" {
		if err := serve(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(backgroundVariable) != "" {
		os.Exit(m.Run())
	}
	all := testbed.AllEngines()
	if !*soaking && *only == "" {
		all = all[:1] // nothing depends on them
	}
	code := 0
	for _, running = range all {
		if *only == "" || *only == running.String() {
			running.Announce(os.Stdout)
			code = max(code, m.Run())
		}
	}
	os.Exit(code)
}

// soak passes a test over unless it was asked for.
func soak(t *testing.T) {
	t.Helper()
	if !*soaking {
		t.Skip("it takes long: make soak runs it")
	}
	t.Log(running)
}
