package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/switchyard-gateway/switchyard/schema"
)

// setByTheChart are the settings that the Helm chart sets itself, whatever values say.
var setByTheChart = []string{"schemaVersion", "repo", "listen", "admin", "metrics", "state"}

// The Helm chart takes the settings that there are, and refuses others.
func TestDocumentedValuesOfTheChart(t *testing.T) {
	chart := readPage(t, "charts/switchyard/values.schema.json")
	var values map[string]any
	if err := json.Unmarshal([]byte(chart.text), &values); err != nil {
		t.Fatal(err)
	}
	values["properties"].(map[string]any)["settings"] = settingsOfTheChart(t)
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(values); err != nil {
		t.Fatal(err)
	}
	chart.shows(t, part{text: chart.text}, want.String())
}

// settingsOfTheChart is the schema of switchyard.yaml without what the chart sets.
func settingsOfTheChart(t *testing.T) map[string]any {
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
	for _, name := range setByTheChart {
		if properties[name] == nil {
			t.Errorf("switchyard.yaml has no %s, which the chart sets", name)
		}
		delete(properties, name)
	}
	return settings
}
