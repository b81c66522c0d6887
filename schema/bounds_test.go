package schema_test

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// timeoutValue is a timeout as plain values: what each part is bounded by.
func timeoutValue(t schema.Timeout) object {
	o := object{}
	for key, d := range map[string]time.Duration{
		"connect": t.Connect, "firstByte": t.FirstByte, "idle": t.Idle, "plain": t.Plain, "total": t.Total,
	} {
		if d > 0 {
			o[key] = d
		}
	}
	return o
}

// plainTimeout is the same of a timeout as yaml.v3 reads it.
func plainTimeout(v any) object {
	o := object{}
	switch v := v.(type) {
	case string:
		d, _ := time.ParseDuration(v)
		o["firstByte"], o["idle"], o["plain"] = d, d, d
	case object:
		for key, part := range v {
			o[key], _ = time.ParseDuration(part.(string))
		}
	}
	return o
}

// limitsValue is what a version's requests are held to, as plain values.
func limitsValue(l schema.Limits) object {
	o := object{
		"timeout": timeoutValue(l.Timeout), "maxConcurrent": false,
		"maxRequestBytes": l.MaxRequestBytes, "maxResponseBytes": l.MaxResponseBytes,
	}
	if c := l.Capacity; c != nil {
		o["maxConcurrent"], o["maxQueue"], o["queueTimeout"] = float64(c.MaxConcurrent), float64(c.MaxQueue), c.QueueTimeout
	}
	o["idempotent"], o["retries"], o["breaker"] = l.Idempotent, false, false
	if r := l.Retries; r != nil {
		o["retries"] = object{"attempts": float64(r.Attempts), "on": r.On.Names(), "backoff": r.Backoff, "budget": percent(r.Budget)}
	}
	if b := l.Breaker; b != nil {
		o["breaker"] = object{
			"failureRate": percent(b.FailureRate), "minRequests": float64(b.MinRequests),
			"window": b.Window, "openFor": b.OpenFor, "probes": float64(b.Probes),
		}
	}
	return o
}

// limitKeys are the keys of a version that stand at the top of a document as well.
var limitKeys = []string{"timeout", "maxConcurrent", "maxQueue", "queueTimeout", "maxRequestBytes", "maxResponseBytes", "idempotent", "retries", "breaker"}

// withLimitDefaults is withServingDefaults for limits.
func withLimitDefaults(document, version object) {
	defaults := object{"timeout": object{}, "maxConcurrent": false, "maxQueue": 100.0, "queueTimeout": "5s", "maxRequestBytes": 0.0, "maxResponseBytes": 0.0, "idempotent": false, "retries": false, "breaker": false}
	for _, key := range limitKeys {
		value := defaults[key]
		if all, ok := document[key]; ok {
			value = all
		}
		absent(version, key, value)
	}
	version["timeout"] = plainTimeout(version["timeout"])
	version["retries"] = plainFailing(version["retries"], object{"attempts": 3.0, "on": []any{"connect", 502.0, 503.0, 504.0}, "backoff": "25ms", "budget": "20%"})
	version["breaker"] = plainFailing(version["breaker"], object{"failureRate": "50%", "minRequests": 20.0, "window": "10s", "openFor": "5s", "probes": 3.0})
	for _, key := range []string{"maxRequestBytes", "maxResponseBytes"} {
		version[key] = plainSize(version[key])
	}
	if _, off := version["maxConcurrent"].(bool); off {
		delete(version, "maxQueue")
		delete(version, "queueTimeout")
		return
	}
	version["queueTimeout"], _ = time.ParseDuration(version["queueTimeout"].(string))
}

// percent is a share as it is written, to a hundredth of a percent.
func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'f', -1, 64) + "%"
}

// plainFailing is a mapping with its defaults, or what else it is.
func plainFailing(v any, defaults object) any {
	given, ok := v.(object)
	if !ok {
		return v
	}
	o := maps.Clone(defaults)
	maps.Copy(o, given)
	for _, key := range []string{"backoff", "window", "openFor"} {
		if s, ok := o[key].(string); ok {
			o[key], _ = time.ParseDuration(s)
		}
	}
	for _, key := range []string{"budget", "failureRate"} {
		if s, ok := o[key].(string); ok {
			f, _ := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
			o[key] = percent(f / 100)
		}
	}
	if on, ok := o["on"]; ok {
		o["on"] = plainFailures(on)
	}
	return o
}

// plainFailures are ways to fail in the order of their constants.
func plainFailures(v any) []string {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	var names []string
	for _, name := range schema.AllFailures.Names() {
		for _, item := range items {
			if fmt.Sprint(item) == name {
				names = append(names, name)
			}
		}
	}
	return names
}

func plainSize(v any) int64 {
	if f, ok := v.(float64); ok {
		return int64(f)
	}
	n, _ := schema.ParseSize(fmt.Sprint(v))
	return n
}

// fallbackValue is a fallback as plain values, nil if there is none.
func fallbackValue(f *schema.Fallback) any {
	if f == nil {
		return nil
	}
	return object{"backend": f.Backend.V, "on": f.On.Names()}
}

// plainFallback is the same of one as yaml.v3 reads it.
func plainFallback(v any) any {
	switch v := v.(type) {
	case string:
		return object{"backend": v, "on": schema.AllFailures.Names()}
	case object:
		on := schema.AllFailures.Names()
		if given, ok := v["on"]; ok {
			on = plainFailures(given)
		}
		return object{"backend": v["backend"], "on": on}
	}
	return nil
}
