package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/records"
)

const logsLong = `Show records: those of files (--from, also of gzip and with their rotated ones; - is
stdin), or else the newest that a running gateway keeps in memory.

On a terminal they are columns, in a pipe the lines as they were written. With --pairs
each copy stands beside its live attempt, with the paths at which the answers differ.
--follow goes on with what comes, until it is interrupted.`

const logsExample = `  switchyard logs --endpoint pricing_optimizer --status 5xx
  switchyard logs --role mirror --pairs --follow
  switchyard logs --from /var/log/switchyard/records.log --request 0198c5a0
  switchyard logs --from records.log.gz --since 24h --outcome dropped | jq -r .errorKind | sort | uniq -c`

// logsFlags are what is asked of the log.
type logsFlags struct {
	from   []string
	admin  string
	filter map[string]*string
	pairs  bool
	follow bool
	format string
}

// filterHelp says what each key of a filter means.
var filterHelp = map[string]string{
	"endpoint": "Only records of this endpoint.",
	"backend":  "Only records of this backend or mirror.",
	"role":     "Only live or mirror records.",
	"outcome":  "Only records with this outcome: ok, error, canceled or dropped.",
	"status":   "Only records with this status, such as 503, or class of statuses, such as 5xx.",
	"request":  "Only records of the request with this ID.",
	"since":    sinceHelp,
}

func newLogs(p process) *cobra.Command {
	f := logsFlags{filter: map[string]*string{}}
	command := &cobra.Command{
		Use:     "logs",
		Short:   "Show records, of files or of a running gateway",
		Long:    logsLong,
		Example: logsExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, signals := watchSignals(c.Context())
			defer signals.stop()
			return f.run(ctx, p)
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&f.from, "from", nil, fromHelp+" (default: ask the running gateway).")
	for _, key := range records.FilterKeys() {
		f.filter[key] = flags.String(key, "", filterHelp[key])
	}
	flags.BoolVar(&f.pairs, "pairs", false, "Show each copy beside its live attempt.")
	flags.BoolVar(&f.follow, "follow", false, "Go on with the records that come.")
	flags.StringVar(&f.format, "format", "", "How records are shown: columns or json (default: columns on a terminal, else json).")
	addAdmin(command, &f.admin)
	return command
}

// parse reads the filter.
func (f *logsFlags) parse() (records.Filter, error) {
	if f.format != "" && f.format != "columns" && f.format != "json" {
		return records.Filter{}, usagef("--format %s: columns and json are allowed", f.format)
	}
	if len(f.from) > 0 && f.admin != "" {
		return records.Filter{}, usagef("either --from or --admin can be given, not both")
	}
	query := url.Values{}
	for key, value := range f.filter {
		query.Set(key, *value)
	}
	filter, err := records.ParseFilter(query, time.Now())
	if err != nil {
		return filter, usagef("--%w", err)
	}
	return filter, nil
}

func (f *logsFlags) run(ctx context.Context, p process) error {
	filter, err := f.parse()
	if err != nil {
		return err
	}
	show := f.shower(p, filter)
	if f.pairs {
		filter = records.Filter{Endpoint: filter.Endpoint, RequestID: filter.RequestID, Since: filter.Since} // of both halves
	}
	var reader records.Reader
	err = f.read(ctx, p, &reader, filter, func(line []byte, r *records.Record) error {
		if r.Event != records.Inference || !filter.Match(r) {
			return nil
		}
		return show(line, r)
	})
	if reader.Unread > 0 {
		fmt.Fprintf(p.stderr, "%s could not be read\n", plural(int(reader.Unread), "line", ""))
	}
	switch {
	case ctx.Err() != nil && f.follow:
		return nil // that is how following ends
	case f.follow && len(f.from) == 0 && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return errors.New("the gateway has ended, or does not keep records any more")
	}
	return err
}

// read gives the lines of where they come from.
func (f *logsFlags) read(ctx context.Context, p process, reader *records.Reader, filter records.Filter, use func([]byte, *records.Record) error) error {
	if len(f.from) > 0 {
		if f.follow {
			return reader.FollowFiles(ctx, f.from, p.stdin, use)
		}
		return reader.ReadFiles(ctx, f.from, p.stdin, use)
	}
	client, err := newAdminClient(p, f.admin)
	if err != nil {
		return err
	}
	query := filter.Query()
	if f.follow {
		query.Set("follow", "1")
	}
	response, err := client.stream(ctx, "/records", query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if note := reachOf(response.Header).note(filter.Since); note != "" && !filter.Since.IsZero() {
		fmt.Fprintln(p.stderr, note)
	}
	return reader.Read(ctx, response.Body, use)
}

// shower says how a record is shown.
func (f *logsFlags) shower(p process, filter records.Filter) func([]byte, *records.Record) error {
	columns := f.format == "columns" || f.format == "" && isTerminal(p.stdout)
	l := logLines{out: p.stdout, color: colored(p.stdout, p.env)}
	switch {
	case f.pairs && columns:
		return newPairing(filter, l.pair).add
	case f.pairs:
		return newPairing(filter, l.pairJSON).add
	case columns:
		return func(_ []byte, r *records.Record) error { return l.row(r) }
	default:
		return func(line []byte, _ *records.Record) error { return l.line(line) }
	}
}
