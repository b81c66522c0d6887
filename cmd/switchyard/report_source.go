package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/records"
)

// sourceFlags say where records come from, and what is declared.
type sourceFlags struct {
	from  []string
	since string
	admin string
	repo  string
}

func (f *sourceFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.from, "from", nil, fromHelp+" (default: ask the running gateway).")
	flags.StringVar(&f.since, "since", "", sinceHelp)
	flags.StringVar(&f.repo, "repo", "", "URL or path of the repository that declares the endpoint, with --from (default: the work tree here, if it is one).")
	addAdmin(command, &f.admin)
}

func (f *sourceFlags) validate() error {
	if len(f.from) > 0 && f.admin != "" {
		return usagef("either --from or --admin can be given, not both")
	}
	if len(f.from) == 0 && f.repo != "" {
		return usagef("--repo goes with --from: a running gateway knows what it serves")
	}
	return nil
}

// readSummary is what came of reading records.
type readSummary struct {
	records int64 // of the endpoint
	unread  int64 // lines
	since   time.Time
	reach   reach
	others  map[string]bool // other endpoints
	served  map[string]bool // backends of this one
}

// read gives the records of an endpoint to use.
func (f *sourceFlags) read(ctx context.Context, p process, endpoint string, use func(*records.Record)) (readSummary, error) {
	summary := readSummary{others: map[string]bool{}, served: map[string]bool{}}
	var err error
	if summary.since, err = parseSince(f.since); err != nil {
		return summary, err
	}
	var reader records.Reader
	take := func(_ []byte, r *records.Record) error {
		summary.take(r, endpoint, use)
		return nil
	}
	summary.reach, err = f.stream(ctx, p, &reader, summary.since, take)
	summary.unread = reader.Unread
	return summary, err
}

// parseSince reads the flag; without it all records are meant.
func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	since, err := records.ParseSince(text, time.Now())
	if err != nil {
		return since, usagef("--since: %w", err)
	}
	return since, nil
}

// stream gives the lines of where they come from, and how far back a gateway's go.
func (f *sourceFlags) stream(ctx context.Context, p process, reader *records.Reader, since time.Time, take func([]byte, *records.Record) error) (reach, error) {
	if len(f.from) > 0 {
		return reach{}, reader.ReadFiles(ctx, f.from, p.stdin, take)
	}
	client, err := newAdminClient(p, f.admin)
	if err != nil {
		return reach{}, err
	}
	response, err := client.stream(ctx, "/records", records.Filter{Since: since}.Query())
	if err != nil {
		return reach{}, err
	}
	defer response.Body.Close()
	return reachOf(response.Header), reader.Read(ctx, response.Body, take)
}

// maxNames bounds the names that are kept to offer them.
const maxNames = 1000

func (s *readSummary) take(r *records.Record, endpoint string, use func(*records.Record)) {
	if r.Event != records.Inference || r.Time.Before(s.since) {
		return
	}
	if r.Endpoint != endpoint {
		if len(s.others) < maxNames {
			s.others[r.Endpoint] = true
		}
		return
	}
	if r.Role == records.Live && len(s.served) < maxNames {
		s.served[r.Backend] = true
	}
	s.records++
	use(r)
}

func (s *readSummary) backends() []string { return slices.Sorted(maps.Keys(s.served)) }

// nothing says that there are no records of an endpoint, and of what there are.
func (s *readSummary) nothing(endpoint string) error {
	return fmt.Errorf("there are no records of an endpoint %s%s", endpoint, offer(endpoint, slices.Sorted(maps.Keys(s.others))))
}

func (s *readSummary) notes() (notes []string) {
	if s.unread > 0 {
		notes = append(notes, plural(int(s.unread), "line", "")+" could not be read.")
	}
	if note := s.reach.note(s.since); note != "" {
		notes = append(notes, note)
	}
	return notes
}
