package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

var seeded = flag.Uint64("seed", 1, "what the corruptions begin with; 0: the time")

// TestCorruptedEndpoints damages valid documents at random. Whatever comes out
// is refused with a position, or is read as plain yaml.v3 reads it, with not
// one value lost, added or changed.
func TestCorruptedEndpoints(t *testing.T) {
	corrupted(t, "endpoint", func(data []byte) (any, bool) {
		e, ds := parse(t, schema.File{Path: "endpoints/a.yaml", Data: data}, schema.ParseEndpoint)
		if len(ds) > 0 {
			return nil, false
		}
		soundEndpoint(t, e)
		return endpointValue(e), true
	}, withEndpointDefaults)
}

// TestCorruptedDeployments does the same with deployments.
func TestCorruptedDeployments(t *testing.T) {
	corrupted(t, "deployment", func(data []byte) (any, bool) {
		d, ds := parse(t, schema.File{Path: "deployments/a.yaml", Data: data}, schema.ParseDeployment)
		if len(ds) > 0 {
			return nil, false
		}
		soundDeployment(t, d)
		return deploymentValue(d), true
	}, withDeploymentDefaults)
}

// corrupted runs the corruptions. read is the parser's reading as plain values,
// expected turns the plain reading of yaml.v3 into the same form.
func corrupted(t *testing.T, kind string, read func([]byte) (any, bool), expected func(map[string]any) any) {
	t.Helper()
	seed := *seeded
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(1, seed))
	var valid [][]byte
	for _, f := range goldenInputs(t, kind) {
		if _, ok := read(f.Data); ok && len(f.Data) < 4096 {
			valid = append(valid, f.Data)
		}
	}
	accepted := 0
	for range 1000 {
		data := valid[r.IntN(len(valid))]
		for range 1 + r.IntN(3) {
			data = corrupt(r, data)
		}
		got, ok := read(data)
		if !ok {
			continue
		}
		accepted++
		var plain map[string]any
		if err := yaml.Unmarshal(data, &plain); err != nil {
			t.Fatalf("seed %d: accepted what yaml.v3 refuses: %v\n%s", seed, err, data)
		}
		if diff := cmp.Diff(asJSON(t, expected(plain)), asJSON(t, got)); diff != "" {
			t.Fatalf("seed %d: read otherwise than by yaml.v3 (-yaml.v3 +parser)\n%s\n%s", seed, diff, data)
		}
	}
	t.Logf("%d of 1000 accepted", accepted)
	if accepted == 0 || accepted == 1000 {
		t.Errorf("%d of 1000 accepted: the corruptions test nothing", accepted)
	}
}

// asJSON is plain values as text: cmp takes exponential time for lists in lists.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// corrupt is a copy of data with one thing wrong.
func corrupt(r *rand.Rand, data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	at := r.IntN(len(data) + 1)
	switch r.IntN(9) {
	case 0: // a bit flips
		out := bytes.Clone(data)
		if len(out) > 0 {
			out[at%len(out)] ^= 1 << r.IntN(8)
		}
		return out
	case 1: // some bytes go
		return append(bytes.Clone(data[:at]), data[min(len(data), at+1+r.IntN(3)):]...)
	case 2: // something comes in
		const signs = " \t\n\r:-?#,[]{}&*!|>'\"%@`0123456789.eE_~+<=aZ\x00\x7f\xff\uFEFFé"
		k := r.IntN(len(signs))
		return append(append(bytes.Clone(data[:at]), signs[k:min(len(signs), k+1+r.IntN(2))]...), data[at:]...)
	case 3: // a line goes
		lines = append(lines[:i:i], lines[i+1:]...)
	case 4: // a line comes twice
		lines = append(lines[:i:i], append([][]byte{lines[i]}, lines[i:]...)...)
	case 5: // two lines change places
		lines[i], lines[j] = lines[j], lines[i]
	case 6: // a line is indented anew
		lines[i] = append(bytes.Repeat([]byte(" "), r.IntN(6)), bytes.TrimLeft(lines[i], " ")...)
	case 7: // the end is missing
		return data[:at]
	case 8: // a word changes
		words := []string{"true", "no", "null", "1.0", "010", "-1", "latest", "~", ".nan", "1e3", "[]", "{}", "&a x", "*a", "<<", "!!str x", "2024-01-01", `""`}
		old := strings.Fields(string(data))
		if len(old) > 0 {
			return bytes.Replace(data, []byte(old[r.IntN(len(old))]), []byte(words[r.IntN(len(words))]), 1)
		}
	}
	return bytes.Join(lines, nil)
}

// object is a mapping of plain values.
type object = map[string]any

// endpointValue is a parsed endpoint as plain values.
func endpointValue(e *schema.Endpoint) any {
	backends, mirrors := object{}, object{}
	for _, b := range e.Backends {
		o := object{"weight": b.Weight.V}
		if b.Deployment != nil {
			o["deployment"] = referenceValue(*b.Deployment)
		} else {
			o["static"] = fromJSON(b.Static)
		}
		backends[b.Name.V] = o
	}
	for _, m := range e.Mirrors {
		mirrors[m.Name.V] = object{
			"deployment": referenceValue(m.Deployment), "percent": m.Percent.V, "enabled": m.Enabled,
			"compare": compareValue(m.Compare), "noise": m.Noise, "gates": gatesValue(m.Gates),
		}
		maps.Copy(mirrors[m.Name.V].(object), rulesValue(m.Rules))
	}
	o := object{
		"schemaVersion": 1.0, "backends": backends, "mirrors": mirrors, "assignment": ladderValue(e.Assignment), "sampling": ladderValue(e.Sampling), "callerTimeout": ladderValue(e.CallerTimeout),
		"path": e.Path.V, "timeout": timeoutValue(e.Timeout.V), "fallback": fallbackValue(e.Fallback), "capture": captureValue(e.Capture),
	}
	guardValue(o, e.Guard)
	return o
}

func captureValue(c *schema.Capture) any {
	if c == nil {
		return nil
	}
	headers := []any{}
	for _, h := range c.Headers {
		headers = append(headers, h.V)
	}
	return object{
		"request": c.Request, "response": c.Response, "percent": c.Percent.V, "maxBytes": float64(c.MaxBytes.V),
		"redact": listValue(c.Redact), "headers": headers,
	}
}

// withCaptureDefaults is a capture with what was not written filled in.
func withCaptureDefaults(o object) error {
	absent(o, "capture", nil)
	c, ok := o["capture"].(object)
	if !ok {
		return nil
	}
	for key, value := range (object{"request": false, "response": false, "percent": 100.0, "maxBytes": "64KiB", "redact": []any{}, "headers": []any{}}) {
		absent(c, key, value)
	}
	for _, key := range []string{"redact", "headers"} {
		if one, ok := c[key].(string); ok {
			c[key] = []any{one}
		}
	}
	for i, h := range c["headers"].([]any) {
		c["headers"].([]any)[i] = textproto.CanonicalMIMEHeaderKey(h.(string))
	}
	if text, ok := c["maxBytes"].(string); ok {
		n, err := schema.ParseSize(text)
		if err != nil {
			return err
		}
		c["maxBytes"] = float64(n)
	}
	return nil
}

func compareValue(c *schema.Compare) any {
	if c == nil {
		return false
	}
	o := object{"ignore": listValue(c.Ignore), "unordered": listValue(c.Unordered), "label": c.Label, "score": c.Score, "text": any(string(c.Text))}
	if c.Tolerance != nil {
		o["tolerance"] = object{"abs": c.Tolerance.Abs, "rel": c.Tolerance.Rel}
	}
	if c.Similarity != schema.DefaultSimilarity {
		o["text"] = object{"similarity": c.Similarity}
	}
	return o
}

func listValue(all []string) any {
	values := []any{}
	for _, v := range all {
		values = append(values, v)
	}
	return values
}

func gatesValue(g *schema.Gates) any {
	if g == nil {
		return nil
	}
	o := object{"minPairs": float64(g.MinPairs)}
	for _, gate := range g.Gates {
		o[string(gate.Metric)] = gate.String()
	}
	return o
}

// withJudgementDefaults is how a mirror's answers are judged with what was not
// written filled in, and gates as they are printed.
func withJudgementDefaults(mirror object) error {
	absent(mirror, "noise", false)
	absent(mirror, "gates", nil)
	absent(mirror, "compare", object{})
	if c, ok := mirror["compare"].(object); ok {
		for key, value := range (object{"ignore": []any{}, "unordered": []any{}, "label": "", "score": "", "text": "exact"}) {
			absent(c, key, value)
		}
		for _, key := range []string{"ignore", "unordered"} {
			if one, ok := c[key].(string); ok {
				c[key] = []any{one}
			}
		}
		if t, ok := c["tolerance"].(object); ok {
			absent(t, "abs", 0.0)
			absent(t, "rel", 0.0)
		}
	}
	g, ok := mirror["gates"].(object)
	if !ok {
		return nil
	}
	absent(g, "minPairs", float64(schema.DefaultMinPairs))
	for _, m := range schema.Metrics() {
		if text, ok := g[string(m)].(string); ok {
			gate, err := schema.ParseGate(m, text)
			if err != nil {
				return err
			}
			g[string(m)] = gate.String()
		}
	}
	return nil
}

func referenceValue(r schema.DeploymentRef) any {
	o := object{"branch": r.Branch.V, "name": r.Name.V, "version": any(r.Version.V.Alias)}
	if r.Version.V.Alias == "" {
		o["version"] = float64(r.Version.V.Number)
	}
	return o
}

func ladderValue(keys []schema.Value[schema.Key]) any {
	all := []any{}
	for _, k := range keys {
		all = append(all, k.V.String())
	}
	return object{"key": all}
}

func fromJSON(data []byte) (v any) {
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	return jsonValue(v)
}

// withEndpointDefaults is the plain reading of an endpoint with what was not
// written filled in.
func withEndpointDefaults(plain map[string]any) any {
	data, err := json.Marshal(jsonValue(plain))
	if err != nil {
		return err
	}
	o := fromJSON(data).(object)
	for key, value := range (object{"mirrors": object{}, "path": "", "assignment": object{"key": []any{}}, "callerTimeout": object{"key": []any{}}, "timeout": object{}, "fallback": nil}) {
		absent(o, key, value)
	}
	withGuardDefaults(o)
	absent(o, "sampling", object{"key": []any{"header:X-User-Id", "cookie:session_id", "cookie:JSESSIONID"}})
	for _, b := range o["backends"].(object) {
		absent(b.(object), "weight", 1.0)
	}
	for _, m := range o["mirrors"].(object) {
		absent(m.(object), "percent", 100.0)
		absent(m.(object), "enabled", true)
		withRulesDefaults(m.(object), false, "/response_webhook")
		if err := withJudgementDefaults(m.(object)); err != nil {
			return err
		}
	}
	for _, key := range []string{"assignment", "sampling", "callerTimeout"} {
		ladder := o[key].(object)
		if one, ok := ladder["key"].(string); ok {
			ladder["key"] = []any{one}
		}
		for i, k := range ladder["key"].([]any) {
			parsed, err := schema.ParseKey(k.(string))
			if err != nil {
				return err
			}
			ladder["key"].([]any)[i] = parsed.String()
		}
	}
	if err := withCaptureDefaults(o); err != nil {
		return err
	}
	o["timeout"] = plainTimeout(o["timeout"])
	o["fallback"] = plainFallback(o["fallback"])
	return o
}

func absent(o object, key string, value any) {
	if _, ok := o[key]; !ok {
		o[key] = value
	}
}

// deploymentValue is a parsed deployment as plain values.
func deploymentValue(d *schema.Deployment) any {
	versions, aliases := object{}, object{}
	for _, v := range d.Versions {
		urls, methods := []any{}, []any{}
		for _, u := range v.URLs {
			urls = append(urls, u.V)
		}
		for _, m := range v.Methods {
			methods = append(methods, m.V)
		}
		version := object{"url": urls, "methods": methods, "model": v.Model.V}
		maps.Copy(version, rulesValue(v.Rules))
		maps.Copy(version, servingValue(v.Serving))
		versions[schema.Version{Number: v.Number.V}.String()] = version
	}
	for _, a := range d.Aliases {
		aliases[a.Name.V] = float64(a.Version.V)
	}
	return object{"schemaVersion": 1.0, "versions": versions, "aliases": aliases}
}

func withDeploymentDefaults(plain map[string]any) any {
	data, err := json.Marshal(jsonValue(plain))
	if err != nil {
		return err
	}
	o := fromJSON(data).(object)
	absent(o, "aliases", object{})
	for _, v := range o["versions"].(object) {
		version := v.(object)
		absent(version, "methods", []any{})
		absent(version, "model", "")
		if one, ok := version["url"].(string); ok {
			version["url"] = []any{one}
		}
		withRulesDefaults(version, true)
		withServingDefaults(o, version)
	}
	for _, key := range append([]string{"balance", "protocol", "health", "outlier", "resolve", "tls"}, limitKeys...) {
		delete(o, key)
	}
	return o
}
