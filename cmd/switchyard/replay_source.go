package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
)

// replaySource is the live records of one endpoint that are to be replayed.
type replaySource struct {
	from     []string
	stdin    io.Reader
	since    time.Time
	endpoint string
}

// read gives the records to use: those of the attempts that answered the caller. It says
// how many lines could not be read.
func (s *replaySource) read(ctx context.Context, use func(line []byte, r *records.Record) error) (unread int64, err error) {
	var reader records.Reader
	err = reader.ReadFiles(ctx, s.from, s.stdin, func(line []byte, r *records.Record) error {
		if !s.isLive(r) || r.Endpoint != s.endpoint {
			return nil
		}
		return use(line, r)
	})
	return reader.Unread, err
}

func (s *replaySource) isLive(r *records.Record) bool {
	return r.Event == records.Inference && r.Role == records.Live && !r.Superseded && !r.Time.Before(s.since)
}

// survey counts the records by why they cannot be replayed; record.None: they can. Without
// any the error says what there is instead.
func (s *replaySource) survey(ctx context.Context, reason func(*records.Record) record.ErrorKind) (map[record.ErrorKind]int64, error) {
	found := map[record.ErrorKind]int64{}
	others := map[string]bool{}
	var reader records.Reader
	err := reader.ReadFiles(ctx, s.from, s.stdin, func(_ []byte, r *records.Record) error {
		switch {
		case !s.isLive(r):
		case r.Endpoint == s.endpoint:
			found[reason(r)]++
		case len(others) < maxNames:
			others[r.Endpoint] = true
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = (&readSummary{others: others}).nothing(s.endpoint)
	}
	return found, err
}

// sendable is how many of the records can be replayed; if none can, the error says why.
func (s *replaySource) sendable(found map[record.ErrorKind]int64) (int64, error) {
	if n := found[record.None]; n > 0 {
		return n, nil
	}
	var all int64
	var reasons []string
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		all += found[kind]
		reasons = append(reasons, fmt.Sprintf("%d %s", found[kind], kind))
	}
	return 0, fmt.Errorf("none of the %d live records of %s can be sent: %s; requests are captured where the endpoint says capture: {request: true, response: true}",
		all, s.endpoint, strings.Join(reasons, ", "))
}

// onlyEndpoint finds the endpoint that is meant where none is named: the only one of
// which a request was captured.
func (s *replaySource) onlyEndpoint(ctx context.Context) (string, error) {
	found := map[string]bool{} // whether a request was captured
	var reader records.Reader
	err := reader.ReadFiles(ctx, s.from, s.stdin, func(_ []byte, r *records.Record) error {
		if s.isLive(r) && len(found) < maxNames {
			found[r.Endpoint] = found[r.Endpoint] || r.Request != ""
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var captured []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name] {
			captured = append(captured, name)
		}
	}
	switch {
	case len(captured) == 1:
		return captured[0], nil
	case len(captured) > 1:
		return "", usagef("requests of several endpoints were captured: say which is meant: %s", strings.Join(captured, ", "))
	case len(found) == 0:
		return "", fmt.Errorf("there are no live records in %s", strings.Join(s.from, ", "))
	}
	return "", fmt.Errorf("no record of %s has its request; write capture: {request: true, response: true} at the endpoint, and wait for traffic",
		strings.Join(slices.Sorted(maps.Keys(found)), ", "))
}
