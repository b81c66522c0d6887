package gitsync_test

import (
	"flag"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var (
	soaking  = flag.Bool("soak", false, "take the number of steps that need minutes")
	giteaDir = flag.String("gitea", "", "the folder of a Gitea that .ci/gitea has built, to be followed")
)

func TestMain(m *testing.M) { testbed.Main(m) }
