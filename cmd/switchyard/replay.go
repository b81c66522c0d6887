package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/gateway/replay"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

const replayLong = `Send the requests that records have captured to a deployment, before it is ever
mirrored to, compare its answers with the captured ones, and report as
'switchyard report' does.

The endpoint has to capture both: capture: {request: true, response: true}. What was
redacted, cut, or came with a query is never sent; the report counts it by reason.

The deployment is given by --to, or is that of the mirror that --mirror names, which
may be enabled: false. Copies are changed as its version and that mirror say, compared
as the mirror's compare says, and judged by its gates. All of it is read from the work
tree here, which stands for the branch that holds the endpoints, or from --repo.

Ctrl-C ends it with the report of what was done; a second one does not wait for the
copies that are under way. Latencies were measured at another time and from another
place than the live ones: compare them with that in mind.`

const replayExample = `  switchyard replay pricing_optimizer --from records.log --to main/pricing_model_v3/latest
  switchyard replay --from records.log.gz --to dev/pricing_model_v3/4 --rate 200 --out replayed.log
  switchyard replay --from /var/log/switchyard --mirror candidate --since 24h --gate --format markdown`

// replayFlags are what is asked of a replay.
type replayFlags struct {
	from        []string
	since       string
	repo        string
	to          string
	mirror      string
	rate        float64
	concurrency int
	timeout     time.Duration
	out         string
	format      string
	slices      []string
	gate        bool
	gates       gateFlags
}

func newReplay(p process) *cobra.Command {
	var f replayFlags
	command := &cobra.Command{
		Use:     "replay [ENDPOINT]",
		Short:   "Send captured requests to a deployment, and compare",
		Long:    replayLong,
		Example: replayExample,
		Args:    atMostOneEndpoint,
		RunE: func(c *cobra.Command, given []string) error {
			s, err := givenSettings(p, c)
			if err != nil {
				return err
			}
			ctx, signals := watchSignals(c.Context())
			defer signals.stop()
			return f.run(ctx, p, s, given, signals.abort)
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&f.from, "from", nil, fromHelp+".")
	flags.StringVar(&f.since, "since", "", sinceHelp)
	flags.StringVar(&f.repo, "repo", "", "URL or path of the repository that declares the deployment (default: the work tree here).")
	flags.StringVar(&f.to, "to", "", "Deployment to send requests to, as BRANCH/NAME/VERSION.")
	flags.StringVar(&f.mirror, "mirror", "", "Mirror of the endpoint whose deployment, rules, compare and gates are used; it may be off.")
	flags.Float64Var(&f.rate, "rate", 50, "Requests a second; 0: as many as --concurrency allows.")
	flags.IntVar(&f.concurrency, "concurrency", 16, "Requests under way at a time, 1 to 1000.")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "Time that a request may take, up to the last byte of its answer.")
	flags.StringVar(&f.out, "out", "", "File for the records, which must not exist; switchyard report reads it again.")
	flags.StringArrayVar(&f.slices, "slice", nil, sliceHelp)
	flags.StringVar(&f.format, "format", string(report.FormatText), "How the report is printed: text, json, markdown or html.")
	flags.BoolVar(&f.gate, "gate", false, gateHelp)
	f.gates.add(command)
	addSettings(command, readingSettings("secretsDir")...)
	return command
}

func atMostOneEndpoint(command *cobra.Command, given []string) error {
	if len(given) > 1 {
		return usagef("one endpoint can be given, not %d%s", len(given), oneFileEach(command, given))
	}
	return nil
}

const maxConcurrency = 1000

func (f *replayFlags) validate(given []string) error {
	switch {
	case len(f.from) == 0:
		return usagef("give the records to replay by --from")
	case f.to == "" && f.mirror == "":
		return usagef("say where to: --to BRANCH/NAME/VERSION, or --mirror NAME for the deployment of a mirror")
	case slices.Contains(f.from, "-") && len(given) == 0:
		return usagef("say which endpoint, with --from -: stdin cannot be read twice to find out")
	case f.rate < 0:
		return usagef("--rate %v: it must be 0 or above", f.rate)
	case f.concurrency < 1 || f.concurrency > maxConcurrency:
		return usagef("--concurrency %d: it must be 1 to %d", f.concurrency, maxConcurrency)
	case f.timeout <= 0:
		return usagef("--timeout %s: it must be above 0s", f.timeout)
	}
	return validFormat(f.format)
}

func (f *replayFlags) run(ctx context.Context, p process, s settings, given []string, abort <-chan struct{}) error {
	if err := f.validate(given); err != nil {
		return err
	}
	keys, err := sliceKeys(f.slices)
	if err != nil {
		return err
	}
	source := replaySource{from: f.from, stdin: p.stdin}
	if source.since, err = parseSince(f.since); err != nil {
		return err
	}
	if len(given) > 0 {
		source.endpoint = given[0]
	} else if source.endpoint, err = source.onlyEndpoint(ctx); err != nil {
		return err
	}
	to, err := f.target(ctx, p, s, source.endpoint)
	if err != nil {
		return err
	}
	gates, err := f.gates.over(to.gates)
	if err != nil {
		return err
	}
	done, err := newReplayed(p, report.Options{Endpoint: source.endpoint, Slices: keys, Tolerances: to.tolerances()}, f.out)
	if err != nil {
		return err
	}
	o := to.options
	o.Rate, o.Concurrency, o.Timeout, o.Done = f.rate, f.concurrency, f.timeout, done.mirror
	return f.replay(ctx, p, source, o, done, gates, abort)
}

// replay sends what there is, and reports.
func (f *replayFlags) replay(ctx context.Context, p process, source replaySource, o replay.Options, done *replayed, gates *schema.Gates, abort <-chan struct{}) error {
	r := replay.New(o)
	unread, err := f.send(ctx, source, r, done)
	err = errors.Join(err, drain(ctx, r, abort), done.close())
	if err != nil {
		return err
	}
	if done.live == 0 {
		return fmt.Errorf("there are no live records of an endpoint %s", source.endpoint)
	}
	made := done.collector.Report(o.Name, gates)
	made.Notes = append(made.Notes, "The live answers are captured ones: latencies were measured at another time, and from another place.")
	if ctx.Err() != nil {
		made.Notes = append(made.Notes, "The replay was interrupted: this is the report of what was done.")
	}
	made.Notes = append(made.Notes, (&readSummary{unread: unread}).notes()...)
	if err := report.Print(p.stdout, made, report.Format(f.format), colored(p.stdout, p.env)); err != nil {
		return err
	}
	return judged(f.gate, made.Verdict)
}

// send offers all records to the replay. That ctx ends is no error: then it is over.
func (f *replayFlags) send(ctx context.Context, source replaySource, r *replay.Replay, done *replayed) (unread int64, err error) {
	if !slices.Contains(f.from, "-") {
		found, err := source.survey(ctx, r.Reason)
		if ctx.Err() != nil {
			return 0, nil //nolint:nilerr // see above
		}
		if err != nil {
			return 0, err
		}
		total, err := source.sendable(found)
		if err != nil {
			return 0, err
		}
		done.expect(total)
	}
	unread, err = source.read(ctx, func(line []byte, rec *records.Record) error {
		if err := done.begin(line, rec); err != nil {
			return err
		}
		return r.Offer(ctx, rec)
	})
	if ctx.Err() != nil {
		return unread, nil //nolint:nilerr // see above
	}
	return unread, err
}

// drain waits for what is under way, until it is to end at once. What is cut off has its
// record then.
func drain(ctx context.Context, r *replay.Replay, abort <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // which may have ended already
	defer cancel()
	ended := make(chan error, 1) // its one error
	go func() { ended <- r.Close(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-abort:
		cancel()
		<-ended
		return nil
	}
}
