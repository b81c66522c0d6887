package main

import (
	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/demo"
)

const demoLong = `Show all of Switchyard in one process: a git repository with endpoints and
deployments on two branches, small models that answer over HTTP, the gateway, a
little traffic, and what the log says of it. It tells what to try next.

Nothing but this binary is needed, and git to commit changes of your own. The
repository is left where it is when the demo ends.

With --once the demo verifies its own answers and records, commits a change and
a mistake, verifies what becomes of both, and ends: with 0 if all is as promised,
with 3 and what was expected if not.`

const demoExample = `  switchyard demo
  switchyard demo --dir ~/switchyard-demo --no-traffic
  switchyard demo --once`

func newDemo(p process) *cobra.Command {
	o := demo.Options{Version: readBuild().Version, Out: p.stdout}
	command := &cobra.Command{
		Use:     "demo",
		Short:   "Try all of it in one process",
		Long:    demoLong,
		Example: demoExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, signals := watchSignals(c.Context())
			defer signals.stop()
			o.Color, o.Abort = colored(p.stdout, p.env), signals.abort
			return demo.Run(ctx, o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Dir, "dir", "", "Directory for the repository; it must be empty or missing (default: a new temporary one).")
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "Address of the public listener; a free port is taken if this one is not.")
	flags.StringVar(&o.Admin, "admin", "127.0.0.1:9090", "Address of the admin listener; a free port is taken if this one is not.")
	flags.BoolVar(&o.NoTraffic, "no-traffic", false, "Send no requests: leave that to you.")
	flags.BoolVar(&o.Once, "once", false, "Verify all of it and end.")
	return command
}
