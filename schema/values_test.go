package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

func TestNearest(t *testing.T) {
	keys := []string{"assignment", "backends", "mirrors", "path", "sampling", "schemaVersion", "timeout", "weight"}
	for name, want := range map[string]string{
		"weigth": "weight", "wieght": "weight", "Weight": "weight", "weights": "weight", "mirors": "mirrors", "mirror": "mirrors", "backend": "backends",
		"schemaversion": "schemaVersion", "schema": "schemaVersion", "pth": "path", "time": "timeout", "asignement": "assignment",
		"": "", "x": "", "description": "", "pa": "", "weightweightweight": "weight",
	} {
		if got, ok := schema.Nearest(name, keys); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestNearestPrefersTheFirstOfEquals(t *testing.T) {
	for name, among := range map[string][]string{"model_x": {"model_a", "model_b"}, "pricing": {"pricing_v2", "pricing_v1"}, "mirorr": {"mirror", "mirrors"}} {
		if got, ok := schema.Nearest(name, among); !ok || got != among[0] {
			t.Errorf("%q: got %q of %q", name, got, among)
		}
	}
}

// TestNearestOfHugeNames is about names that strangers send.
func TestNearestOfHugeNames(t *testing.T) {
	huge := strings.Repeat("a", 1<<20)
	if got, ok := schema.Nearest(huge, []string{"a", huge}); ok {
		t.Errorf("got %d bytes", len(got))
	}
	if got, ok := schema.Nearest("ab", []string{huge, strings.Repeat("é", 60)}); ok {
		t.Errorf("got %d bytes", len(got))
	}
	if got, ok := schema.Nearest(strings.Repeat("İ", 64), []string{strings.Repeat("i̇", 32)}); ok {
		t.Errorf("got %q", got)
	}
}

// BenchmarkNearest looks for a name among 10,000, as a 404 does.
func BenchmarkNearest(b *testing.B) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = "pricing_model_" + strings.Repeat("x", i%7) + string(rune('a'+i%26))
	}
	b.ReportAllocs()
	for b.Loop() {
		schema.Nearest("pricing_optimiser_zzz", names)
	}
}

func TestPlaceholders(t *testing.T) {
	got, err := schema.Placeholders("é ${env:A_1} $x {y} ${file:/run/a b}${env:A_1}$")
	want := []schema.Placeholder{
		{Kind: schema.PlaceholderEnv, Name: "A_1", Offset: 3, Len: 10},
		{Kind: schema.PlaceholderFile, Name: "/run/a b", Offset: 21, Len: 16},
		{Kind: schema.PlaceholderEnv, Name: "A_1", Offset: 37, Len: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestExpand(t *testing.T) {
	lookup := func(p schema.Placeholder) (string, error) {
		if p.Name == "MISSING" {
			return "", errors.New("no " + p.String())
		}
		return "<${env:" + p.Name + "}>", nil
	}
	for value, want := range map[string]string{
		"":                       "",
		"plain $ {text}":         "plain $ {text}",
		"Bearer ${env:T}":        "Bearer <${env:T}>",
		"${env:A}${file:b}$":     "<${env:A}><${env:b}>$",
		"a${env:A}b${env:A}c":    "a<${env:A}>b<${env:A}>c",
		"${env:A} ${env:MISS":    "error: a ${ is not closed; write ${env:NAME} or ${file:PATH}",
		"${env:A}${env:MISSING}": "error: no ${env:MISSING}",
	} {
		got, err := schema.Expand(value, lookup)
		if err != nil {
			got += "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func TestPathsOverlap(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"/user", "/user", true},
		{"/user", "/user/x", true},
		{"/user/x/y", "/user", true},
		{"/user", "/users", false},
		{"/user/a", "/user/b", false},
		{"/v1beta", "/v1", false},
		{"/", "/v1", true},
	}
	for _, tt := range tests {
		if got := schema.PathsOverlap(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s: got %v", tt.a, tt.b, got)
		}
	}
}

func TestDefaultSampling(t *testing.T) {
	for _, k := range schema.DefaultSampling() {
		if parsed, err := schema.ParseKey(k.String()); err != nil || parsed != k {
			t.Errorf("%s reads as %s: %v", k, parsed, err)
		}
	}
}

// TestPositions pins where values are said to stand.
func TestPositions(t *testing.T) {
	e, ds := schema.ParseEndpoint(schema.File{Branch: "dev", Path: "endpoints/a.yaml", Data: []byte(`# first
schemaVersion: 1
backends:
  control:
    deployment: &d {branch: main, name: m, version: latest}
  other:
    deployment: *d
    weight: 2
`)})
	if ds != nil {
		t.Fatal(ds)
	}
	got := map[string]string{
		"document":                e.Pos.String(),
		"name":                    e.Backends[0].Name.Pos.String(),
		"weight that is default":  e.Backends[0].Weight.Pos.String(),
		"weight":                  e.Backends[1].Weight.Pos.String(),
		"version":                 e.Backends[0].Deployment.Version.Pos.String(),
		"version behind an alias": e.Backends[1].Deployment.Version.Pos.String(),
		"timeout that is default": e.Timeout.Pos.String(),
	}
	want := map[string]string{
		"document":                "dev:endpoints/a.yaml:2:1",
		"name":                    "dev:endpoints/a.yaml:4:3",
		"weight that is default":  "dev:endpoints/a.yaml:4:3",
		"weight":                  "dev:endpoints/a.yaml:8:13",
		"version":                 "dev:endpoints/a.yaml:5:53",
		"version behind an alias": "dev:endpoints/a.yaml:5:53",
		"timeout that is default": "dev:endpoints/a.yaml:2:1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDiagnosticsAsError(t *testing.T) {
	var none schema.Diagnostics
	if none.Err() != nil || none.Sort().Err() != nil {
		t.Error("no diagnostics are an error")
	}
	d := at(1, 2, "x")
	ds := schema.Diagnostics{at(2, 1, ""), d, at(1, 10, ""), d}.Sort()
	want := "endpoints/a.yaml:1:2: wrong; right is 1 [value]\nendpoints/a.yaml:1:10: wrong; right is 1 [value]\nendpoints/a.yaml:2:1: wrong; right is 1 [value]"
	if got := ds.Err(); got == nil || got.Error() != want {
		t.Errorf("got %v", got)
	}
}
