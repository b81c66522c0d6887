package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Options say where traces or metrics are sent. What is zero gets its default.
type Options struct {
	URL string // with its path, such as http://collector:4318/v1/traces
	// Header gives the fields of each call, such as a token; nil: none.
	Header  func() (http.Header, error)
	Timeout time.Duration // of each call; 10 s
	// Grace says how long the last call may take; it is asked at the end of Run's
	// context. Nil: record.DefaultGrace.
	Grace    func() time.Duration
	Resource *resource.Resource
	Logger   zerolog.Logger

	Sampling float64       // of traces: the part of those that begin here that is exported, 0 to 1
	Queue    int           // of traces: spans that wait; 4096
	Every    time.Duration // how long spans wait for others at most, 1 s; or the interval of metrics, 1 min
}

func (o Options) withDefaults(every time.Duration) Options {
	o.Timeout = cmp.Or(max(o.Timeout, 0), 10*time.Second)
	if o.Grace == nil {
		o.Grace = record.DefaultGrace
	}
	o.Queue = cmp.Or(max(o.Queue, 0), 4096)
	o.Every = cmp.Or(max(o.Every, 0), every)
	return o
}

// NewResource says who sends: the service, its version, a random id of this process,
// and what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say, which win.
func NewResource(ctx context.Context, service, version string) (*resource.Resource, error) {
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		semconv.ServiceName(service), semconv.ServiceVersion(version), semconv.ServiceInstanceID(rand.Text())),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("attributes of the resource: %w", err)
	}
	return r, nil
}
