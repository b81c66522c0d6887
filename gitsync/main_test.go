package gitsync_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var soaking = flag.Bool("soak", false, "take the number of steps that need minutes")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
