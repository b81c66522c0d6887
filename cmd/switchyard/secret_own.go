package main

import (
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// ownVariables are the variables that hold secrets of the gateway and are not named
// after it: what sinks name, what collectors are sent, and proxies, whose URLs may
// have a password in them.
func (s settings) ownVariables() []string {
	own := []string{collectorHeadersEnv, "HTTP_PROXY", "HTTPS_PROXY"}
	for _, p := range sinkSecrets(s.sinks) {
		if p.Kind == schema.PlaceholderEnv {
			own = append(own, p.Name)
		}
	}
	return own
}

// ownFiles are the files and folders that the settings name, those of the sinks among
// them, and the configuration file.
func (s settings) ownFiles() []string {
	var own []string
	for key, value := range s.values {
		switch {
		case value == "" || key == "log" && value == toStdout:
		case strings.HasSuffix(key, "File"), key == "state", key == "verifyKeyring", key == "verifyAllowedSigners", key == "log":
			own = append(own, schema.ParseStrings(value)...)
		}
	}
	if s.config != "" {
		own = append(own, s.config)
	}
	for _, sink := range s.sinks {
		if sink.File != nil {
			own = append(own, sink.File.Path.V)
		}
		if sink.Spool != nil {
			own = append(own, sink.Spool.Dir.V)
		}
	}
	for _, p := range sinkSecrets(s.sinks) {
		if p.Kind == schema.PlaceholderFile {
			own = append(own, p.Name)
		}
	}
	return own
}

// sinkSecrets are the placeholders of sinks.
func sinkSecrets(sinks []schema.Sink) (all []schema.Placeholder) {
	for _, sink := range sinks {
		var values []string
		switch {
		case sink.Webhook != nil:
			values = headerValues(sink.Webhook.Headers)
		case sink.OTLP != nil:
			values = headerValues(sink.OTLP.Headers)
		case sink.Kafka != nil:
			values = []string{sink.Kafka.Password.V}
		}
		for _, value := range values {
			all = append(all, must(schema.Placeholders(value))...)
		}
	}
	return all
}

func headerValues(headers []schema.Header) (values []string) {
	for _, h := range headers {
		values = append(values, h.Value.V)
	}
	return values
}
