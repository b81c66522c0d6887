package schema_test

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// soundEndpoint checks what holds for every endpoint that is accepted.
func soundEndpoint(t *testing.T, e *schema.Endpoint) {
	t.Helper()
	names := map[string]bool{}
	named := func(name string) {
		if !schema.IsLabel(name) || names[name] {
			t.Errorf("bad or doubled name %q", name)
		}
		names[name] = true
	}
	sum := 0.0
	for _, b := range e.Backends {
		named(b.Name.V)
		sum += b.Weight.V
		if b.Weight.V < 0 || (b.Deployment == nil) == (b.Static == nil) || b.Static != nil && !json.Valid(b.Static) {
			t.Errorf("unsound backend %+v", b)
		}
		if b.Deployment != nil {
			soundReference(t, *b.Deployment)
		}
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		t.Errorf("weights add up to %v", sum)
	}
	for _, m := range e.Mirrors {
		named(m.Name.V)
		soundReference(t, m.Deployment)
		if !(m.Percent.V > 0 && m.Percent.V <= 100) {
			t.Errorf("percent %v", m.Percent.V)
		}
		soundJudgement(t, m)
	}
	if len(e.Sampling) == 0 {
		t.Error("no sampling")
	}
	soundTimeout(t, e.Timeout.V)
	if f := e.Fallback; f != nil && (f.On == 0 || !slices.ContainsFunc(e.Backends, func(b schema.Backend) bool { return b.Name.V == f.Backend.V })) {
		t.Errorf("unsound fallback %+v", f)
	}
	soundKeys(t, slices.Concat(e.Assignment, e.Sampling))
	soundPath(t, e.Path.V)
	soundAllowance(t, e.Guard.Limits)
}

// soundJudgement checks how answers are compared, and that gates read as they are
// printed.
func soundJudgement(t *testing.T, m schema.Mirror) {
	t.Helper()
	if c := m.Compare; c != nil {
		for _, p := range slices.Concat(c.Ignore, c.Unordered) {
			if p == "" || p[0] != '/' {
				t.Errorf("unsound pattern %q", p)
			}
		}
		if !slices.Contains(schema.TextMatches(), c.Text) || !(c.Similarity > 0 && c.Similarity <= 1) {
			t.Errorf("unsound comparison of texts %+v", *c)
		}
		if d := c.Tolerance; d != nil && !(d.Abs >= 0 && d.Rel >= 0 && d.Rel < 1) {
			t.Errorf("unsound tolerance %+v", *d)
		}
	}
	if m.Gates == nil {
		return
	}
	if m.Compare == nil || m.Noise || m.Gates.MinPairs < 1 {
		t.Errorf("unsound gates %+v of mirror %+v", *m.Gates, m)
	}
	for _, g := range m.Gates.Gates {
		if again, err := schema.ParseGate(g.Metric, g.String()); err != nil || again != g {
			t.Errorf("the gate %+v, written as %q, reads as %+v: %v", g, g, again, err)
		}
	}
}

// soundTimeout checks that every part is within its range, and none above the total.
func soundTimeout(t *testing.T, timeout schema.Timeout) {
	t.Helper()
	for _, d := range []time.Duration{timeout.Connect, timeout.FirstByte, timeout.Idle, timeout.Plain, timeout.Total} {
		if d < 0 || d > 24*time.Hour || timeout.Total > 0 && d > timeout.Total {
			t.Errorf("unsound timeout %+v", timeout)
		}
	}
}

func soundLimits(t *testing.T, l schema.Limits) {
	t.Helper()
	soundTimeout(t, l.Timeout)
	if c := l.Capacity; c != nil && (c.MaxConcurrent < 1 || c.MaxQueue < 0 || c.QueueTimeout <= 0 || c.QueueTimeout > time.Hour) {
		t.Errorf("unsound capacity %+v", *c)
	}
	if l.MaxRequestBytes < 0 || l.MaxResponseBytes < 0 {
		t.Errorf("unsound sizes %+v", l)
	}
	if r := l.Retries; r != nil && (r.Attempts < 2 || r.Attempts > 10 || r.On == 0 || r.On&^schema.RetriableFailures != 0 || r.Backoff <= 0 || !(r.Budget > 0 && r.Budget <= 1)) {
		t.Errorf("unsound retries %+v", *r)
	}
	if b := l.Breaker; b != nil && (!(b.FailureRate > 0 && b.FailureRate <= 1) || b.MinRequests < 1 || b.Window <= 0 || b.OpenFor <= 0 || b.Probes < 1) {
		t.Errorf("unsound breaker %+v", *b)
	}
}

// partEndpoint checks what holds for what could be understood of an endpoint.
func partEndpoint(t *testing.T, e *schema.Endpoint) {
	t.Helper()
	for _, b := range e.Backends {
		if b.Deployment != nil {
			partReference(t, *b.Deployment)
		}
	}
	for _, m := range e.Mirrors {
		partReference(t, m.Deployment)
	}
	soundPath(t, e.Path.V)
}

// partReference checks that each part of a reference is valid or empty.
func partReference(t *testing.T, r schema.DeploymentRef) {
	t.Helper()
	number, alias := r.Version.V.Number, r.Version.V.Alias
	if r.Name.V != "" && !schema.IsLabel(r.Name.V) || number < 0 || number > 0 && alias != "" || alias != "" && !schema.IsLabel(alias) {
		t.Errorf("unsound part of a reference %+v", r)
	}
}

// partDeployment checks what holds for what could be understood of a deployment.
func partDeployment(t *testing.T, d *schema.Deployment) {
	t.Helper()
	for _, v := range d.Versions {
		if v.Number.V < 0 || v.Number.V == 0 && !d.UnreadVersions {
			t.Errorf("unsound version %+v", v)
		}
	}
	for _, a := range d.Aliases {
		if a.Name.V != "" && !schema.IsLabel(a.Name.V) || a.Name.V == "" && !d.UnreadAliases {
			t.Errorf("unsound alias %+v", a)
		}
	}
}

func soundReference(t *testing.T, r schema.DeploymentRef) {
	t.Helper()
	if r.Branch.V == "" || !schema.IsLabel(r.Name.V) || (r.Version.V.Number > 0) == (r.Version.V.Alias != "") || r.Version.V.Number < 0 {
		t.Errorf("unsound reference %+v", r)
	}
}

// soundKeys checks that keys read as they are printed.
func soundKeys(t *testing.T, keys []schema.Value[schema.Key]) {
	t.Helper()
	for _, k := range keys {
		if again, err := schema.ParseKey(k.V.String()); err != nil || again != k.V {
			t.Errorf("the key %q reads as %q: %v", k.V, again, err)
		}
	}
}

func soundPath(t *testing.T, path string) {
	t.Helper()
	for _, reserved := range schema.ReservedPaths() {
		if path != "" && schema.PathsOverlap(path, reserved) {
			t.Errorf("the path %q overlaps %q", path, reserved)
		}
	}
	if u, err := url.Parse(path); err != nil || u.Path != path || u.EscapedPath() != path {
		t.Errorf("the path %q is another one in a URL: %v", path, err)
	}
}

// soundDeployment checks what holds for every deployment that is accepted.
func soundDeployment(t *testing.T, d *schema.Deployment) {
	t.Helper()
	numbers := map[int]bool{}
	for _, v := range d.Versions {
		if v.Number.V <= 0 || numbers[v.Number.V] || len(v.URLs) == 0 {
			t.Errorf("unsound version %+v", v)
		}
		numbers[v.Number.V] = true
		for _, s := range v.URLs {
			u, err := url.Parse(s.V)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
				t.Errorf("unsound URL %q: %v", s.V, err)
			}
		}
		soundLimits(t, v.Serving.Limits)
		for _, h := range v.Headers {
			if _, err := schema.Placeholders(h.Value.V); err != nil {
				t.Errorf("unsound header %+v: %v", h, err)
			}
		}
	}
	for _, a := range d.Aliases {
		if !schema.IsLabel(a.Name.V) || a.Name.V == schema.Latest || !numbers[a.Version.V] {
			t.Errorf("unsound alias %+v", a)
		}
	}
	if len(d.Versions) == 0 || d.UnreadVersions || d.UnreadAliases {
		t.Errorf("not all versions and aliases are read: %+v", d)
	}
}
