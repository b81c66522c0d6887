package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/switchyard-gateway/switchyard/gateway/collector"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
)

// AttributeDelivery bears the id of the batch and the place of the record in it.
const AttributeDelivery = "switchyard.delivery"

// Options say where records are sent.
type Options struct {
	URL string // with its path, such as http://collector:4318/v1/logs
	// Header gives the fields of each call, such as a token; nil: none. It is called
	// for each, so that secrets can be exchanged.
	Header  func() (http.Header, error)
	Timeout time.Duration // of each call
	Service string        // the resource's service.name
	Version string        // the resource's service.version
}

// Collector sends batches. It is safe for concurrent use.
type Collector struct {
	client   *http.Client
	exporter *otlploghttp.Exporter
	provider *sdk.LoggerProvider
	logger   log.Logger

	mu       sync.Mutex // of gathered
	gathered []sdk.Record
}

// New makes a Collector. It connects to nobody yet.
func New(ctx context.Context, o Options) (*Collector, error) {
	client := collector.NewClient(o.Header, o.Timeout)
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(o.URL), otlploghttp.WithHTTPClient(client),
		otlploghttp.WithHeaders(nil), otlploghttp.WithCompression(otlploghttp.GzipCompression),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{Enabled: false})) // the sink sends again
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	c := &Collector{client: client, exporter: exporter}
	c.provider = sdk.NewLoggerProvider(sdk.WithProcessor(gatherer{c}), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))),
		sdk.WithAttributeCountLimit(-1), sdk.WithAttributeValueLengthLimit(-1))
	c.logger = c.provider.Logger("switchyard")
	return c, nil
}

// Close ends the connections.
func (c *Collector) Close(ctx context.Context) error {
	defer c.client.CloseIdleConnections()
	return c.exporter.Shutdown(ctx)
}

// gatherer is the SDK's processor: it gives the records of a batch to who sends it.
type gatherer struct{ *Collector }

// Enabled implements sdk.Processor.
func (gatherer) Enabled(context.Context, sdk.EnabledParameters) bool { return true }

// OnEmit implements sdk.Processor.
func (g gatherer) OnEmit(_ context.Context, r *sdk.Record) error {
	g.gathered = append(g.gathered, r.Clone())
	return nil
}

// Shutdown implements sdk.Processor.
func (gatherer) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.Processor.
func (gatherer) ForceFlush(context.Context) error { return nil }

// Send is a sink.Send.
func (c *Collector) Send(ctx context.Context, b sink.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathered = c.gathered[:0]
	place := 0
	for line := range bytes.Lines(b.Lines) {
		r, err := translate(line)
		if err != nil {
			return &sink.RefusedError{Err: fmt.Errorf("translate a record: %w", err)}
		}
		r.AddAttributes(attribute.String(AttributeDelivery, b.ID+"/"+strconv.Itoa(place)))
		c.logger.Emit(ctx, r)
		place++
	}
	ctx, answer := collector.Expect(ctx)
	err := c.exporter.Export(ctx, c.gathered)
	switch {
	case answer.Status == 0 && answer.Err == nil && err != nil:
		return fmt.Errorf("send to the collector: %w", err) // it was not called
	case answer.Rejected > 0:
		return &sink.RefusedError{Err: answer.Failure(), Lines: answer.Rejected}
	case answer.Err != nil:
		return answer.Failure()
	}
	return sink.Judge("the collector", answer.Status, answer.RetryAfter)
}

// translate makes a log record of a line.
func translate(line []byte) (r log.Record, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return r, err
	}
	if text, ok := fields[record.FieldTime].(string); ok {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			r.SetTimestamp(at)
		}
	}
	r.SetSeverity(log.SeverityInfo)
	level, _ := fields[record.FieldLevel].(string)
	if level == "warn" {
		r.SetSeverity(log.SeverityWarn)
	}
	r.SetSeverityText(level)
	if event, ok := fields[record.FieldEvent].(string); ok {
		r.SetEventName("switchyard." + event)
		r.SetBody(attribute.StringValue(event))
	}
	for name, v := range fields {
		switch name {
		case record.FieldTime, record.FieldLevel, record.FieldEvent:
		default:
			if v != nil {
				r.AddAttributes(attribute.KeyValue{Key: attribute.Key(name), Value: value(v)})
			}
		}
	}
	return r, nil
}

// value is a JSON value as the SDK has it.
func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(v)
	case bool:
		return attribute.BoolValue(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return attribute.Int64Value(n)
		}
		f, _ := v.Float64() // a number out of range is infinite
		return attribute.Float64Value(f)
	case []any:
		items := make([]attribute.Value, len(v))
		for i := range v {
			items[i] = value(v[i])
		}
		return attribute.SliceValue(items...)
	case map[string]any:
		members := make([]attribute.KeyValue, 0, len(v))
		for name, member := range v {
			members = append(members, attribute.KeyValue{Key: attribute.Key(name), Value: value(member)})
		}
		return attribute.MapValue(members...)
	}
	return attribute.Value{}
}
