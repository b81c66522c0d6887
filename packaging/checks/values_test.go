package checks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/switchyard-gateway/switchyard/schema"
)

// ownSettings are those that the chart sets itself, whatever values say.
var ownSettings = []string{"schemaVersion", "repo", "listen", "admin", "metrics", "state"}

// TestValuesKnowTheSettingsOfTheGateway compares the chart's schema with that of
// switchyard.yaml; with -update it is written.
func TestValuesKnowTheSettingsOfTheGateway(t *testing.T) {
	path := filepath.Join(chartDir, "values.schema.json")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(got, &values); err != nil {
		t.Fatal(err)
	}
	values["properties"].(map[string]any)["settings"] = settingsSchema(t)
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(values); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(got), want.String()); diff != "" {
		t.Errorf("%s (-chart +gateway; -update writes it):\n%s", path, diff)
	}
}

// settingsSchema is that of switchyard.yaml without what the chart sets itself.
func settingsSchema(t *testing.T) map[string]any {
	t.Helper()
	text, ok := schema.JSONSchema(schema.DocumentConfig)
	if !ok {
		t.Fatal("there is no schema of switchyard.yaml")
	}
	var settings map[string]any
	if err := json.Unmarshal(text, &settings); err != nil {
		t.Fatal(err)
	}
	properties := settings["properties"].(map[string]any)
	for _, name := range ownSettings {
		if properties[name] == nil {
			t.Errorf("switchyard.yaml has no %s, which the chart sets", name)
		}
		delete(properties, name)
	}
	return settings
}

// TestChartRefusesWhatNothingReads gives values that are there in no chart, or
// settings that are there in no gateway.
func TestChartRefusesWhatNothingReads(t *testing.T) {
	for name, refused := range map[string]struct{ values, with string }{
		"a value":                {"replica: 3", "replica"},
		"a value within another": {"secrets: {git: {secret: token}}", "secret"},
		"a type":                 {"replicas: three", "replicas"},
		"a setting":              {"settings: {pol: 10s}", "pol"},
		"a setting's value":      {"settings: {logLevel: loud}", "logLevel"},
		"a setting of the chart": {"settings: {listen: \":80\"}", "listen"},
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte("repository: https://git.example.com/models.git\n"+refused.values), &values); err != nil {
				t.Fatal(err)
			}
			_, err := render(t, values)
			if err == nil || !strings.Contains(err.Error(), refused.with) {
				t.Errorf("%s renders, or the error names something else: %v", refused.values, err)
			}
		})
	}
}

// TestPodsGetAsLongAsSettingsSay compares what Kubernetes grants a pod that ends
// with what the gateway takes: the delay and the grace period, and a few seconds.
func TestPodsGetAsLongAsSettingsSay(t *testing.T) {
	for settings, want := range map[string]int{
		"{}":                                    46, // 10s and 30s are the chart's defaults
		"{shutdownDelay: 0s, gracePeriod: 0s}":  6,
		"{shutdownDelay: 15s, gracePeriod: 1h}": 3621,
		"{shutdownDelay: 1500ms, gracePeriod: 2m30.5s}":    158,
		"{shutdownDelay: null, gracePeriod: 90s}":          96,
		"{gracePeriod: 25s, poll: 1m, logLevel: \"warn\"}": 41,
	} {
		t.Run(settings, func(t *testing.T) {
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte("repository: https://git.example.com/models.git\nsettings: "+settings), &values); err != nil {
				t.Fatal(err)
			}
			objects, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			if got := terminationGracePeriod(t, objects); got != want {
				t.Errorf("%d s, want %d", got, want)
			}
		})
	}
}

func terminationGracePeriod(t *testing.T, objects []object) int {
	t.Helper()
	for _, o := range objects {
		if o.kind != "Deployment" {
			continue
		}
		var workload struct {
			Spec struct {
				Template struct {
					Spec struct{ TerminationGracePeriodSeconds int }
				}
			}
		}
		if err := yaml.Unmarshal(o.text, &workload); err != nil {
			t.Fatal(err)
		}
		return workload.Spec.Template.Spec.TerminationGracePeriodSeconds
	}
	t.Fatal("there is no Deployment")
	return 0
}
