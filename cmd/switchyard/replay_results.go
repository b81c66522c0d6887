package main

import (
	"bytes"
	"fmt"
	"os"
	"sync"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// replayed takes what comes of a replay: for the report, the file and the screen. It is
// safe for concurrent use.
type replayed struct {
	mu        sync.Mutex
	collector *report.Collector
	file      *os.File // nil: none
	failed    error    // the first of writing
	progress  progress
	live      int64

	room    []byte
	decoder records.Decoder
	record  records.Record
}

// newReplayed makes one that writes records to a file, unless its name is empty. Records
// may hold personal data: the file is its owner's only.
func newReplayed(p process, o report.Options, path string) (*replayed, error) {
	d := &replayed{collector: report.NewCollector(o), progress: newProgress(p.stderr)}
	if path == "" {
		return d, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	d.file = file
	return d, nil
}

// expect says how many copies there will be.
func (d *replayed) expect(total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.total = total
}

// begin takes a live record.
func (d *replayed) begin(line []byte, r *records.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live++
	d.collector.Add(r)
	d.write(append(bytes.TrimSpace(line), '\n'))
	return d.failed
}

// mirror takes the record of a copy. What is reported is what the file says.
func (d *replayed) mirror(r *record.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = record.AppendJSON(d.room[:0], r)
	d.write(d.room)
	if err := d.decoder.Decode(d.room, &d.record); err != nil {
		panic("replay: a record that was written cannot be read: " + err.Error())
	}
	d.collector.Add(&d.record)
	if r.Outcome != record.Dropped {
		d.progress.step()
	}
}

// write writes a record at once, so that whoever looks at the file sees how far it is.
func (d *replayed) write(line []byte) {
	if d.file == nil || d.failed != nil {
		return
	}
	if _, err := d.file.Write(line); err != nil {
		d.failed = fmt.Errorf("write records: %w", err)
	}
}

// close ends the file and the screen. The error is the first of writing.
func (d *replayed) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress.end()
	if d.file == nil {
		return nil
	}
	if err := d.file.Close(); err != nil && d.failed == nil {
		d.failed = fmt.Errorf("write records: %w", err)
	}
	return d.failed
}
