package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/gateway/sink/kafka"
	"github.com/switchyard-gateway/switchyard/gateway/sink/otlp"
	"github.com/switchyard-gateway/switchyard/gateway/sink/webhook"
	"github.com/switchyard-gateway/switchyard/schema"
)

// serviceName is what collectors of OpenTelemetry know the process by.
const serviceName = "switchyard"

// openReceiver makes what a sink sends with.
func (p *process) openReceiver(ctx context.Context, d schema.Sink) (sink.Send, time.Duration, error) {
	switch {
	case d.Webhook != nil:
		_, err := p.header(d.Webhook.Headers) // it is asked for again at each call
		return p.openWebhook(d.Webhook), d.Webhook.Timeout, err
	case d.OTLP != nil:
		if _, err := p.header(d.OTLP.Headers); err != nil {
			return nil, 0, err
		}
		send, err := p.openCollector(ctx, d.OTLP)
		return send, d.OTLP.Timeout, err
	}
	send, err := p.openTopic(d.Kafka)
	return send, d.Kafka.Timeout, err
}

func (p *process) openWebhook(d *schema.SinkWebhook) sink.Send {
	w := webhook.New(webhook.Options{URL: d.URL.V, Header: func() (http.Header, error) { return p.header(d.Headers) }})
	p.sinks.closes = append(p.sinks.closes, w.Close)
	return w.Send
}

func (p *process) openCollector(ctx context.Context, d *schema.SinkOTLP) (sink.Send, error) {
	c, err := otlp.New(ctx, otlp.Options{
		URL: d.URL.V, Header: func() (http.Header, error) { return p.header(d.Headers) }, Timeout: d.Timeout,
		Service: serviceName, Version: p.options.Version,
	})
	if err != nil {
		return nil, err
	}
	p.sinks.closes = append(p.sinks.closes, func() { _ = c.Close(context.WithoutCancel(ctx)) })
	return c.Send, nil
}

func (p *process) openTopic(d *schema.SinkKafka) (sink.Send, error) {
	o := kafka.Options{Topic: d.Topic.V, TLS: d.TLS, Mechanism: d.Mechanism, Username: d.Username}
	o.Password = func() (string, error) { return schema.Expand(d.Password.V, p.options.Sinks.Secret) }
	if _, err := o.Password(); err != nil {
		return nil, err
	}
	for _, b := range d.Brokers {
		o.Brokers = append(o.Brokers, b.V)
	}
	topic, err := kafka.New(o)
	if err != nil {
		return nil, err
	}
	p.sinks.closes = append(p.sinks.closes, topic.Close)
	return topic.Send, nil
}

// header fills in the placeholders of declared fields.
func (p *process) header(declared []schema.Header) (http.Header, error) {
	h := http.Header{}
	for _, d := range declared {
		value, err := schema.Expand(d.Value.V, p.options.Sinks.Secret)
		if err != nil {
			return nil, err
		}
		h.Set(d.Name.V, value)
	}
	return h, nil
}
