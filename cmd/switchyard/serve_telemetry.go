package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

// collectorHeadersEnv holds fields of the header for collectors of OpenTelemetry, in
// the form that its specification gives to the variable: NAME=VALUE,NAME=VALUE, with
// values as they stand in URLs.
const collectorHeadersEnv = "OTEL_EXPORTER_OTLP_HEADERS"

// telemetryOptions translates the settings of traces and metrics.
func telemetryOptions(p process, s settings) (serve.Telemetry, error) {
	o := serve.Telemetry{
		TracesURL: s.text("otlpTraces"), MetricsURL: s.text("otlpMetrics"),
		Sampling: s.fraction("traceSampling"), MetricsEvery: s.duration("otlpMetricsInterval"),
	}
	if o.TracesURL == "" && o.MetricsURL == "" {
		return o, nil // the variable is there for others as well
	}
	read, err := secretSource(p, s, "otlpHeadersFile", collectorHeadersEnv)
	if err != nil || read == nil {
		return o, err
	}
	from, parse := "otlpHeadersFile", parseHeaderLines
	if s.text("otlpHeadersFile") == "" {
		from, parse = collectorHeadersEnv, parseHeaderVariable
	}
	o.Header = func() (http.Header, error) {
		text, err := read()
		if err != nil {
			return nil, err
		}
		return parse(text)
	}
	if _, err := o.Header(); err != nil {
		return o, usagef("%s: %w", from, err)
	}
	return o, nil
}

// parseHeaderLines reads a field a line, NAME: VALUE. Its errors tell no value.
func parseHeaderLines(text string) (http.Header, error) {
	h := http.Header{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		if err := addField(h, name, value); err != nil {
			return nil, fmt.Errorf("line %d: %w; write NAME: VALUE", number, err)
		}
	}
	return h, nil
}

// parseHeaderVariable reads the form of the variable. Its errors tell no value.
func parseHeaderVariable(text string) (http.Header, error) {
	h := http.Header{}
	for i, pair := range strings.Split(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, escaped, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(escaped)
		if err == nil {
			err = addField(h, name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("item %d is no field of a header; write NAME=VALUE,NAME=VALUE, with %%XX for what URLs do not hold", i+1)
		}
	}
	return h, nil
}

// addField adds a field, if it can be one.
func addField(h http.Header, name, value string) error {
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !httpguts.ValidHeaderFieldName(name) || value == "" || !httpguts.ValidHeaderFieldValue(value) {
		return errors.New("it is no field of a header")
	}
	h.Set(name, value)
	return nil
}
