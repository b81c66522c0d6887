package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

const reportLong = `Say what the records of an endpoint tell of a mirror next to live: how much of the
traffic it saw, how both failed, how their answers, labels and scores agree, how
long they took, and a verdict against gates.

Records are read from files (--from, also of gzip and with their rotated ones; - is
stdin), or else from the newest that a running gateway keeps in memory. Gates come
from flags, or else from the endpoint as the gateway serves it, with --from as it is
declared in --repo or in the work tree here. Without any there are default ones.

The verdict is BETTER, SAME, WORSE or NOT ENOUGH DATA. It may be looked at as often
as you like: all looks together are wrong in at most 5 of 100 cases.

With --backends, backends of a split are compared instead, whose requests differ.

With --gate the exit code is 0 when all gates hold, 1 when one does not and 3 when
there are not enough data yet.`

const reportExample = `  switchyard report pricing_optimizer
  switchyard report pricing_optimizer --mirror mirror_1 --since 24h --format html > report.html
  switchyard report pricing_optimizer --from /var/log/switchyard/records.log --slice header:x-tenant
  switchyard report pricing_optimizer --from records.log.gz --gate --agreement '>= 0.99' --p99 '<= live * 1.1'
  switchyard report pricing_split --backends control,experiment`

// What flags mean that several commands have.
const (
	fromHelp  = "File of records, with its rotated ones, a directory of them, or - for stdin; may be repeated"
	sinceHelp = "Only records since a time, or for as long as 90m, 24h or 7d."
	sliceHelp = "Also show pairs by this: subject, version, or header:NAME of a captured header field."
	gateHelp  = "End with exit code 1 if a gate does not hold, and 3 if there are not enough data."
)

// reportFlags are what is asked of a report.
type reportFlags struct {
	source   sourceFlags
	mirror   string
	backends []string
	slices   []string
	score    string
	format   string
	gate     bool
	gates    gateFlags
}

func newReport(p process) *cobra.Command {
	var f reportFlags
	command := &cobra.Command{
		Use:     "report ENDPOINT",
		Short:   "Say whether a mirror may be promoted",
		Long:    reportLong,
		Example: reportExample,
		Args:    oneEndpoint,
		RunE: func(c *cobra.Command, given []string) error {
			s, err := givenSettings(p, c)
			if err != nil {
				return err
			}
			return f.run(c.Context(), p, s, given[0])
		},
	}
	f.source.add(command)
	flags := command.Flags()
	flags.StringVar(&f.mirror, "mirror", "", "Mirror to report about (default: the one that there are records of).")
	flags.StringSliceVar(&f.backends, "backends", nil, "Backends to compare instead, the first with each other one.")
	flags.StringArrayVar(&f.slices, "slice", nil, sliceHelp)
	flags.StringVar(&f.score, "score", "", "JSON pointer of a number in captured answers, to compare with --backends.")
	flags.StringVar(&f.format, "format", string(report.FormatText), "How the report is printed: text, json, markdown or html.")
	flags.BoolVar(&f.gate, "gate", false, gateHelp)
	f.gates.add(command)
	addSettings(command, readingSettings()...)
	return command
}

func oneEndpoint(command *cobra.Command, given []string) error {
	if len(given) != 1 {
		return usagef("give one endpoint%s", oneFileEach(command, given))
	}
	return nil
}

// oneFileEach says how several files are given, to who gave more than what is taken: a shell
// puts all names of *.log after one --from.
func oneFileEach(command *cobra.Command, given []string) string {
	if from := command.Flags().Lookup("from"); len(given) == 0 || from == nil || !from.Changed {
		return ""
	}
	return "; --from takes one file and is repeated: --from a.log --from b.log, or give the folder"
}

func (f *reportFlags) validate() error {
	switch {
	case len(f.backends) > 0 && (f.mirror != "" || f.gate || len(f.slices) > 0):
		return usagef("--backends compares backends: it goes with --score, and not with --mirror, --slice or --gate")
	case len(f.backends) == 1 || len(f.backends) > report.MaxBackends:
		return usagef("--backends needs 2 to %d names, separated by commas", report.MaxBackends)
	case f.score != "" && len(f.backends) == 0:
		return usagef("--score goes with --backends; of mirrors the scores are those that compare names in the endpoint")
	}
	return validFormat(f.format)
}

func validFormat(format string) error {
	if slices.Contains(report.Formats(), report.Format(format)) {
		return nil
	}
	return usagef("--format %s: text, json, markdown and html are allowed", format)
}

// sliceKeys reads what pairs are sliced by.
func sliceKeys(given []string) (keys []report.SliceKey, err error) {
	for _, text := range given {
		key, err := report.ParseSliceKey(text)
		if err != nil {
			return nil, usagef("--slice %s: %w", text, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (f *reportFlags) run(ctx context.Context, p process, s settings, endpoint string) error {
	if err := f.validate(); err != nil {
		return err
	}
	if len(f.backends) > 0 {
		return f.runSplit(ctx, p, s, endpoint)
	}
	keys, err := sliceKeys(f.slices)
	if err != nil {
		return err
	}
	declared, err := f.source.declared(ctx, p, s, endpoint)
	if err != nil {
		return err
	}
	collector := report.NewCollector(report.Options{Endpoint: endpoint, Slices: keys, Tolerances: declared.tolerances()})
	read, err := f.source.read(ctx, p, endpoint, func(r *records.Record) { collector.Add(r) })
	if err != nil {
		return err
	}
	mirror, err := f.choose(collector, endpoint, read)
	if err != nil {
		return err
	}
	gates, err := f.gates.over(declared.gates(mirror))
	if err != nil {
		return err
	}
	made := collector.Report(mirror, gates)
	made.Notes = append(made.Notes, read.notes()...)
	if err := report.Print(p.stdout, made, report.Format(f.format), colored(p.stdout, p.env)); err != nil {
		return err
	}
	return judged(f.gate, made.Verdict)
}

// choose finds the mirror that is meant.
func (f *reportFlags) choose(c *report.Collector, endpoint string, read readSummary) (string, error) {
	all := c.Mirrors()
	switch {
	case read.records == 0:
		return "", read.nothing(endpoint)
	case f.mirror != "" && len(all) > 0 && !c.Has(f.mirror):
		return "", fmt.Errorf("there are no records of a mirror %s of %s%s", f.mirror, endpoint, offer(f.mirror, all))
	case f.mirror != "":
		return f.mirror, nil
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return "", fmt.Errorf("there are %d records of %s, and none of a mirror", read.records, endpoint)
	}
	return "", usagef("%s has several mirrors: say which by --mirror: %s", endpoint, strings.Join(all, ", "))
}

// offer says what there is instead of a name.
func offer(name string, all []string) string {
	if near, ok := schema.Nearest(name, all); ok {
		return "; did you mean " + near + "?"
	}
	if len(all) == 0 {
		return ""
	}
	return "; there are " + strings.Join(all, ", ")
}

// judged is the exit code of a verdict, where one is asked for.
func judged(asked bool, v report.Verdict) error {
	switch {
	case !asked || v == report.Same || v == report.Better:
		return nil
	case v == report.Worse:
		return errProblems
	}
	return errUndecided
}

func (f *reportFlags) runSplit(ctx context.Context, p process, s settings, endpoint string) error {
	declared, err := f.source.declared(ctx, p, s, endpoint)
	if err != nil {
		return err
	}
	splits := report.NewSplits(report.SplitOptions{Endpoint: endpoint, Backends: f.backends, Weights: declared.weights(f.backends), Score: f.score})
	read, err := f.source.read(ctx, p, endpoint, func(r *records.Record) { splits.Add(r) })
	if err != nil {
		return err
	}
	if read.records == 0 {
		return read.nothing(endpoint)
	}
	made := splits.Report()
	for _, b := range made.Backends {
		if b.Requests == 0 {
			return fmt.Errorf("there are no live records of backend %s of %s%s", b.Name, endpoint, offer(b.Name, read.backends()))
		}
	}
	made.Notes = append(made.Notes, read.notes()...)
	return report.Print(p.stdout, made, report.Format(f.format), colored(p.stdout, p.env))
}

// gateFlags are gates that are given instead of those that are declared.
type gateFlags struct {
	minPairs int
	metrics  map[schema.Metric]*string
}

func (f *gateFlags) add(command *cobra.Command) {
	f.metrics = map[schema.Metric]*string{}
	flags := command.Flags()
	flags.IntVar(&f.minPairs, "min-pairs", 0, "Gate instead of the declared ones: pairs below which nothing is decided.")
	for _, m := range schema.Metrics() {
		name := map[schema.Metric]string{schema.ErrorRate: "error-rate"}[m]
		if name == "" {
			name = string(m)
		}
		f.metrics[m] = flags.String(name, "", "Gate instead of the declared ones, such as "+gateSample[m]+".")
	}
}

// gateSample are gates as they may be written.
var gateSample = map[schema.Metric]string{
	schema.Agreement: "'>= 0.98'", schema.ErrorRate: "'<= live + 0.001'", schema.P50: "'<= live * 1.1'", schema.P90: "'<= 250ms'", schema.P99: "'<= live * 1.2'",
}

// over are the gates that are given, or else those that are declared.
func (f *gateFlags) over(declared *schema.Gates) (*schema.Gates, error) {
	given := &schema.Gates{MinPairs: schema.DefaultMinPairs}
	for _, m := range schema.Metrics() {
		if *f.metrics[m] == "" {
			continue
		}
		gate, err := schema.ParseGate(m, *f.metrics[m])
		if err != nil {
			return nil, usageError{err}
		}
		given.Gates = append(given.Gates, gate)
	}
	if len(given.Gates) == 0 {
		if f.minPairs == 0 {
			return declared, nil
		}
		base := declared
		if base == nil {
			base = report.DefaultGates()
		}
		given.Gates = base.Gates
	}
	if f.minPairs < 0 {
		return nil, usagef("--min-pairs %d: it must be above 0", f.minPairs)
	}
	if f.minPairs > 0 {
		given.MinPairs = f.minPairs
	}
	return given, nil
}
