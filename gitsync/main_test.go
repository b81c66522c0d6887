package gitsync_test

import (
	"flag"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var soaking = flag.Bool("soak", false, "take the number of steps that need minutes")

func TestMain(m *testing.M) { testbed.Main(m) }
