package schema_test

import (
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

func readKey(f schema.File) (string, schema.Diagnostics) {
	k, ds := schema.ParseAPIKey(f)
	if k == nil {
		return "", ds
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  hash %x; endpoints", k.Hash.V)
	for _, p := range k.Endpoints {
		b.WriteString(" " + p.V)
	}
	if !k.Expires.V.IsZero() {
		b.WriteString("; expires " + k.Expires.V.Format(time.RFC3339))
	}
	return b.String() + allowance(k.Limits) + "\n", ds
}

// guard is what is not the default.
func guard(g schema.Guard) string {
	text := ""
	if g.Access != "" {
		text += "; access " + string(g.Access)
	}
	if g.ForwardKey {
		text += "; forwards the key"
	}
	text += allowance(g.Limits)
	if g.CORS != nil {
		text += fmt.Sprintf("; cors %+v", *g.CORS)
	}
	return text
}

func allowance(l schema.Allowance) string {
	if l == (schema.Allowance{}) {
		return ""
	}
	return fmt.Sprintf("; limits %+v", l)
}

// TestCorruptedKeys is TestCorruptedEndpoints with API keys.
func TestCorruptedKeys(t *testing.T) {
	corrupted(t, "key", func(data []byte) (any, bool) {
		k, ds := parse(t, schema.File{Path: "keys/a.yaml", Data: data}, schema.ParseAPIKey)
		if len(ds) > 0 {
			return nil, false
		}
		soundAPIKey(t, k)
		return apiKeyValue(k), true
	}, withAPIKeyDefaults)
}

// FuzzAPIKey holds every input to what ParseAPIKey promises.
func FuzzAPIKey(f *testing.F) {
	seed(f, "key")
	f.Fuzz(func(t *testing.T, data []byte) {
		k, ds := parse(t, schema.File{Path: "keys/fuzzed.yaml", Data: data}, schema.ParseAPIKey)
		if len(ds) == 0 {
			soundAPIKey(t, k)
		}
	})
}

// soundAPIKey checks what holds for every key that is accepted.
func soundAPIKey(t *testing.T, k *schema.APIKey) {
	t.Helper()
	if k.Hash.V == (schema.KeyHash{}) || len(k.Endpoints) == 0 {
		t.Errorf("unsound key %+v", k)
	}
	for _, p := range k.Endpoints {
		if name := strings.ReplaceAll(p.V, "*", ""); name != "" && !schema.IsEndpointName(name) {
			t.Errorf("unsound pattern %q", p.V)
		}
	}
	soundAllowance(t, k.Limits)
}

func soundAllowance(t *testing.T, l schema.Allowance) {
	t.Helper()
	rate := l.Rate
	if rate != (schema.RateLimit{}) && (rate.Requests <= 0 || rate.Per <= 0 || rate.Burst <= 0) || l.InFlight < 0 || l.InFlightBytes < 0 {
		t.Errorf("unsound limits %+v", l)
	}
}

// apiKeyValue is a parsed key as plain values.
func apiKeyValue(k *schema.APIKey) any {
	patterns := []any{}
	for _, p := range k.Endpoints {
		patterns = append(patterns, p.V)
	}
	o := object{"schemaVersion": 1.0, "hash": fmt.Sprintf("sha256:%x", k.Hash.V), "endpoints": patterns, "expires": k.Expires.V.Format(time.RFC3339Nano)}
	allowanceValue(o, k.Limits)
	return o
}

func allowanceValue(o object, l schema.Allowance) {
	o["rateLimit"] = object{"requests": l.Rate.Requests, "per": l.Rate.Per, "burst": l.Rate.Burst}
	o["maxInFlight"], o["maxInFlightBytes"] = l.InFlight, l.InFlightBytes
}

// withAPIKeyDefaults is the plain reading of a key with what was not written
// filled in.
func withAPIKeyDefaults(plain map[string]any) any {
	o := jsonValue(plain).(object)
	o["endpoints"] = asList(o["endpoints"])
	switch at := o["expires"].(type) {
	case time.Time:
		o["expires"] = at.UTC().Format(time.RFC3339Nano)
	case string:
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if parsed, err := time.Parse(layout, at); err == nil {
				o["expires"] = parsed.UTC().Format(time.RFC3339Nano)
			}
		}
	case nil:
		o["expires"] = time.Time{}.Format(time.RFC3339Nano)
	}
	withAllowanceDefaults(o)
	return o
}

// asList is a list, also of a single one that stands without.
func asList(v any) any {
	if _, single := v.(string); single {
		return []any{v}
	}
	return v
}

func withAllowanceDefaults(o object) {
	rate, written := o["rateLimit"].(object)
	if !written {
		rate = object{"requests": 0, "per": "0s", "burst": 0}
	}
	absent(rate, "per", "1s")
	absent(rate, "burst", rate["requests"])
	rate["per"] = plainDuration(rate["per"])
	o["rateLimit"] = rate
	absent(o, "maxInFlight", 0)
	absent(o, "maxInFlightBytes", 0)
	if text, ok := o["maxInFlightBytes"].(string); ok {
		o["maxInFlightBytes"], _ = schema.ParseSize(text)
	}
}

func plainDuration(v any) any {
	d, err := time.ParseDuration(fmt.Sprint(v))
	if err != nil {
		return err
	}
	return d
}

// guardValue adds what an endpoint asks of its callers, as plain values.
func guardValue(o object, g schema.Guard) {
	o["access"], o["forwardKey"] = string(g.Access), g.ForwardKey
	allowanceValue(o, g.Limits)
	o["cors"] = nil
	if c := g.CORS; c != nil {
		o["cors"] = object{
			"origins": c.Origins, "methods": c.Methods, "headers": append([]string{}, c.Headers...),
			"exposeHeaders": append([]string{}, c.Expose...), "credentials": c.Credentials, "maxAge": c.MaxAge,
		}
	}
}

// withGuardDefaults fills in what was not written of it.
func withGuardDefaults(o object) {
	absent(o, "access", "")
	absent(o, "forwardKey", false)
	withAllowanceDefaults(o)
	absent(o, "cors", nil)
	c, ok := o["cors"].(object)
	if !ok {
		return
	}
	absent(c, "methods", []any{"GET", "HEAD", "POST"})
	absent(c, "headers", []any{})
	absent(c, "exposeHeaders", []any{})
	absent(c, "credentials", false)
	absent(c, "maxAge", "10m")
	c["maxAge"] = plainDuration(c["maxAge"])
	c["origins"] = asList(c["origins"])
	for _, key := range []string{"headers", "exposeHeaders"} {
		names := asList(c[key]).([]any)
		for i, name := range names {
			names[i] = textproto.CanonicalMIMEHeaderKey(name.(string))
		}
		c[key] = names
	}
}
