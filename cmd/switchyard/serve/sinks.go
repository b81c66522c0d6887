package serve

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Sinks are the receivers of records besides the log.
type Sinks struct {
	Declared []schema.Sink
	// Secret looks up what a placeholder stands for; its errors tell no secret.
	Secret func(schema.Placeholder) (string, error)
}

// sinks are those of a process.
type sinks struct {
	all    []*sink.Sink
	files  []*record.File
	closes []func() // of connections, when all have run
	stdout bool     // one of them writes to it
}

// openSinks makes the sinks. They send nothing yet.
func (p *process) openSinks(ctx context.Context) error {
	for _, declared := range p.options.Sinks.Declared {
		s, err := p.openSink(ctx, declared)
		if err != nil {
			return fmt.Errorf("sink %s: %w", declared.Name.V, err)
		}
		p.sinks.all = append(p.sinks.all, s)
	}
	return nil
}

func (p *process) openSink(ctx context.Context, d schema.Sink) (*sink.Sink, error) {
	o := sink.Options{Name: d.Name.V, Buffer: int(d.Buffer), Grace: p.flushTime, Logger: p.logger}
	switch {
	case d.Stdout && (p.options.LogFile == nil || p.sinks.stdout):
		return nil, errors.New("records go to stdout already")
	case d.Stdout:
		p.sinks.stdout = true
		return sink.NewWriter(p.options.Stdout, o), nil
	case d.File != nil:
		file, err := record.OpenFile(record.FileOptions{
			Path: d.File.Path.V, Size: d.File.MaxSize, Every: d.File.Every, Age: d.File.MaxAge, Files: d.File.MaxFiles, Compress: d.File.Compress,
		})
		if err != nil {
			return nil, err
		}
		p.sinks.files = append(p.sinks.files, file)
		return sink.NewWriter(file, o), nil
	}
	if d.Spool != nil {
		o.Spool = &sink.Spool{Dir: d.Spool.Dir.V, MaxBytes: d.Spool.MaxBytes}
	}
	var err error
	o.Send, o.Timeout, err = p.openReceiver(ctx, d)
	if err != nil {
		return nil, err
	}
	return sink.New(o)
}

// runSink runs a sink to its end. The error says what it leaves behind.
func (p *process) runSink(ctx context.Context, s *sink.Sink) error {
	if err := s.Run(ctx); err != nil {
		return fmt.Errorf("sink %s: %w", s.Name(), err)
	}
	return nil
}

// close lets go of what sinks have opened.
func (s *sinks) close() error {
	for _, end := range s.closes {
		end()
	}
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// reopen opens the files anew.
func (s *sinks) reopen() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Reopen())
	}
	return errors.Join(errs...)
}

// observers are told of each record.
func (s *sinks) observers() []func(*record.Record) {
	all := make([]func(*record.Record), len(s.all))
	for i, one := range s.all {
		all[i] = one.Append
	}
	return all
}

var (
	sinkLost    = prometheus.NewDesc("switchyard_sink_lost_total", "Records that a sink could not keep or that its receiver refused.", []string{"sink"}, nil)
	sinkSent    = prometheus.NewDesc("switchyard_sink_batches_total", "Batches of records that a sink's receiver took.", []string{"sink"}, nil)
	sinkFailed  = prometheus.NewDesc("switchyard_sink_failures_total", "Calls of a sink's receiver that failed.", []string{"sink"}, nil)
	sinkSpooled = prometheus.NewDesc("switchyard_sink_spooled_bytes", "Bytes of records that wait on disk for a sink's receiver.", []string{"sink"}, nil)
)

// Describe implements prometheus.Collector.
func (s *sinks) Describe(ch chan<- *prometheus.Desc) {
	ch <- sinkLost
	ch <- sinkSent
	ch <- sinkFailed
	ch <- sinkSpooled
}

// Collect implements prometheus.Collector.
func (s *sinks) Collect(ch chan<- prometheus.Metric) {
	for _, one := range s.all {
		counts := one.Counts()
		ch <- prometheus.MustNewConstMetric(sinkLost, prometheus.CounterValue, float64(counts.Lost), one.Name())
		ch <- prometheus.MustNewConstMetric(sinkSent, prometheus.CounterValue, float64(counts.Sent), one.Name())
		ch <- prometheus.MustNewConstMetric(sinkFailed, prometheus.CounterValue, float64(counts.Failed), one.Name())
		ch <- prometheus.MustNewConstMetric(sinkSpooled, prometheus.GaugeValue, float64(counts.Spooled), one.Name())
	}
}
