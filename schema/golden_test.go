package schema_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/switchyard-gateway/switchyard/schema"
)

var update = flag.Bool("update", false, "rewrite what the golden cases expect")

// want names the file of an archive that says what its documents lead to: the
// value that is parsed, or the diagnostics as text.
const want = "want"

// kinds are the documents and where golden cases of them live.
var kinds = map[string]struct {
	folder string
	read   func(schema.File) (string, schema.Diagnostics)
}{
	"endpoint":   {"endpoints", readEndpoint},
	"deployment": {"deployments", readDeployment},
	"key":        {"keys", readKey},
	"settings":   {"", readSettings},
}

func TestGolden(t *testing.T) {
	for kind := range kinds {
		paths, err := filepath.Glob(filepath.Join("testdata", kind, "*.txtar"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no golden cases in testdata/%s: %v", kind, err)
		}
		for _, path := range paths {
			t.Run(filepath.ToSlash(path), func(t *testing.T) { golden(t, kind, path) })
		}
	}
}

func golden(t *testing.T, kind, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(data)
	var got strings.Builder
	expected := ""
	kept := archive.Files[:0:0]
	for _, f := range archive.Files {
		if f.Name == want {
			expected = string(f.Data)
			continue
		}
		kept = append(kept, f)
		got.WriteString(outcome(t, kind, f))
	}
	if *update {
		kept = append(kept, txtar.File{Name: want, Data: []byte(got.String())})
		archive.Files = kept
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(expected, got.String()); diff != "" {
		t.Errorf("(-want +got; go test -run TestGolden -update accepts it)\n%s", diff)
	}
}

// outcome is what a document leads to, as it stands in a golden case.
func outcome(t *testing.T, kind string, f txtar.File) string {
	t.Helper()
	value, ds := kinds[kind].read(input(kind, f))
	if len(ds) == 0 {
		return f.Name + ": accepted\n" + value
	}
	var b strings.Builder
	if err := schema.Print(&b, ds, schema.FormatText, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func input(kind string, f txtar.File) schema.File {
	return schema.File{Path: filepath.ToSlash(filepath.Join(kinds[kind].folder, f.Name)), Data: f.Data}
}

func readEndpoint(f schema.File) (string, schema.Diagnostics) {
	e, ds := schema.ParseEndpoint(f)
	if e == nil {
		return "", ds
	}
	var b strings.Builder
	for _, backend := range e.Backends {
		fmt.Fprintf(&b, "  backend %s weight %v: ", backend.Name.V, backend.Weight.V)
		if backend.Deployment == nil {
			fmt.Fprintf(&b, "static %s\n", backend.Static)
			continue
		}
		fmt.Fprintf(&b, "%s\n", reference(*backend.Deployment))
	}
	for _, m := range e.Mirrors {
		fmt.Fprintf(&b, "  mirror %s percent %v enabled %v: %s", m.Name.V, m.Percent.V, m.Enabled, reference(m.Deployment))
		b.WriteString(rules(m.Rules, false) + judged(m) + "\n")
	}
	if f := e.Fallback; f != nil {
		fmt.Fprintf(&b, "  fallback %s on %v\n", f.Backend.V, f.On.Names())
	}
	fmt.Fprintf(&b, "  assignment%s; sampling%s; path %q; timeout %v%s\n",
		ladder(e.Assignment), ladder(e.Sampling), e.Path.V, timeout(e.Timeout.V), guard(e.Guard))
	if len(e.CallerTimeout) > 0 {
		fmt.Fprintf(&b, "  caller's timeout%s\n", ladder(e.CallerTimeout))
	}
	if c := e.Capture; c != nil {
		fmt.Fprintf(&b, "  capture request %t response %t percent %v maxBytes %d redact %s headers%s\n",
			c.Request, c.Response, c.Percent.V, c.MaxBytes.V, strings.Join(c.Redact, " "), list(c.Headers))
	}
	return b.String(), ds
}

// judged is what is not the default.
func judged(m schema.Mirror) string {
	text := ""
	switch c := m.Compare; {
	case c == nil:
		text = "; not compared"
	case !cmp.Equal(c, schema.DefaultCompare()):
		plain := *c
		plain.Tolerance = nil
		text = fmt.Sprintf("; compare %+v", plain)
		if c.Tolerance != nil {
			text += fmt.Sprintf(" within %+v", *c.Tolerance)
		}
	}
	if m.Noise {
		text += "; noise"
	}
	if m.Gates != nil {
		text += fmt.Sprintf("; gates from %d pairs on", m.Gates.MinPairs)
		for _, g := range m.Gates.Gates {
			text += fmt.Sprintf(", %s %s", g.Metric, g)
		}
	}
	return text
}

func list(texts []schema.Value[string]) string {
	var b strings.Builder
	for _, v := range texts {
		b.WriteString(" " + v.V)
	}
	return b.String()
}

func reference(r schema.DeploymentRef) string {
	return fmt.Sprintf("%s of %s on %s", r.Version.V, r.Name.V, r.Branch.V)
}

func ladder(keys []schema.Value[schema.Key]) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(" " + k.V.String())
	}
	return b.String()
}

func readDeployment(f schema.File) (string, schema.Diagnostics) {
	d, ds := schema.ParseDeployment(f)
	if d == nil {
		return "", ds
	}
	var b strings.Builder
	for _, v := range d.Versions {
		fmt.Fprintf(&b, "  version %d:", v.Number.V)
		for _, u := range v.URLs {
			b.WriteString(" " + u.V)
		}
		b.WriteString(rules(v.Rules, true))
		for _, m := range v.Methods {
			b.WriteString("; " + m.V)
		}
		b.WriteString(serving(v.Serving) + "\n")
	}
	for _, a := range d.Aliases {
		fmt.Fprintf(&b, "  alias %s: %d\n", a.Name.V, a.Version.V)
	}
	return b.String(), ds
}

// rules are what is not the default.
func rules(r schema.Rules, forward bool) string {
	text := ""
	for _, h := range r.Headers {
		text += fmt.Sprintf("; %s: %q", h.Name.V, h.Value.V)
	}
	for _, h := range r.Added {
		text += fmt.Sprintf("; and %s: %q", h.Name.V, h.Value.V)
	}
	for _, name := range r.Removed {
		text += "; no " + name.V
	}
	if r.Path != (schema.PathRule{}) {
		text += fmt.Sprintf("; path %+v", r.Path)
	}
	if r.Host != "" {
		text += "; host " + r.Host
	}
	for _, m := range r.Body.Set {
		text += fmt.Sprintf("; %s is %s", m.Pointer.V, m.Value)
	}
	for _, pointer := range r.Body.Remove {
		text += "; without " + pointer.V
	}
	if r.Model.V != "" {
		text += fmt.Sprintf("; model %q", r.Model.V)
	}
	if r.ForwardAuthorization != forward {
		text += fmt.Sprintf("; forwardAuthorization %t", r.ForwardAuthorization)
	}
	return text
}

// serving is what is not the default.
func serving(s schema.Serving) string {
	text := ""
	if s.Balance != schema.LeastRequests {
		text += "; " + string(s.Balance)
	}
	if s.Protocol != schema.AutoProtocol {
		text += "; " + string(s.Protocol)
	}
	if s.Health != nil {
		text += fmt.Sprintf("; health %+v", *s.Health)
	}
	if s.Outlier != nil {
		text += fmt.Sprintf("; outlier %+v", *s.Outlier)
	}
	if s.Resolve != nil {
		text += fmt.Sprintf("; resolve %+v", *s.Resolve)
	}
	if t := s.TLS; t != nil {
		text += fmt.Sprintf("; tls %q %q %q %q %t", t.CA.V, t.Cert.V, t.Key.V, t.ServerName, t.Insecure)
	}
	return text + limits(s.Limits)
}

// timeout is a timeout as it is written, or the duration that it amounts to.
func timeout(t schema.Timeout) string {
	if d := t.OrDefault(); d.Plain > 0 && d == (schema.Timeout{FirstByte: d.Plain, Idle: d.Plain, Plain: d.Plain}) {
		return d.Plain.String()
	}
	return t.String()
}

func limits(l schema.Limits) string {
	text := ""
	if l.Timeout != (schema.Timeout{}) {
		text += "; timeout " + l.Timeout.String()
	}
	if l.Capacity != nil {
		text += fmt.Sprintf("; capacity %+v", *l.Capacity)
	}
	if l.MaxRequestBytes != 0 {
		text += fmt.Sprintf("; requests up to %d", l.MaxRequestBytes)
	}
	if l.MaxResponseBytes != 0 {
		text += fmt.Sprintf("; responses up to %d", l.MaxResponseBytes)
	}
	if l.Idempotent {
		text += "; idempotent"
	}
	if r := l.Retries; r != nil {
		text += fmt.Sprintf("; %d attempts on %v after %v within %v", r.Attempts, r.On.Names(), r.Backoff, r.Budget)
	}
	if l.Breaker != nil {
		text += fmt.Sprintf("; breaker %+v", *l.Breaker)
	}
	return text
}

// sink is what is declared of one.
func sink(s schema.Sink) string {
	text := fmt.Sprintf("%s buffer %d", s.Name.V, s.Buffer)
	if s.Spool != nil {
		text += fmt.Sprintf("; spool %s of %d", s.Spool.Dir.V, s.Spool.MaxBytes)
	}
	called := func(url schema.Value[string], headers []schema.Header, timeout time.Duration) {
		text += " " + url.V
		for _, h := range headers {
			text += fmt.Sprintf("; %s: %q", h.Name.V, h.Value.V)
		}
		text += fmt.Sprintf("; timeout %v", timeout)
	}
	switch {
	case s.Stdout:
		text += "; stdout"
	case s.File != nil:
		text += fmt.Sprintf("; file %s size %d every %v age %v files %d compress %t", s.File.Path.V, s.File.MaxSize, s.File.Every, s.File.MaxAge, s.File.MaxFiles, s.File.Compress)
	case s.Webhook != nil:
		text += "; webhook"
		called(s.Webhook.URL, s.Webhook.Headers, s.Webhook.Timeout)
	case s.OTLP != nil:
		text += "; otlp"
		called(s.OTLP.URL, s.OTLP.Headers, s.OTLP.Timeout)
	case s.Kafka != nil:
		k := s.Kafka
		text += fmt.Sprintf("; kafka%s topic %s tls %t sasl %q %q %q timeout %v", list(k.Brokers), k.Topic.V, k.TLS, k.Mechanism, k.Username, k.Password.V, k.Timeout)
	}
	return text
}

func readSettings(f schema.File) (string, schema.Diagnostics) {
	values, ds := schema.ParseSettings(f)
	var b strings.Builder
	for _, s := range schema.Settings() {
		if v, ok := values[s.Key]; ok {
			fmt.Fprintf(&b, "  %s: %q\n", s.Key, v.V)
		}
	}
	sinks, more := schema.ParseSinks(f)
	if diff := cmp.Diff(ds, more); diff != "" {
		panic("ParseSettings and ParseSinks tell different problems: " + diff)
	}
	for _, s := range sinks {
		b.WriteString("  sink " + sink(s) + "\n")
	}
	return b.String(), ds
}
