package checks_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestImageIsWhatTheReleaseAndTheChartNeed reads the Dockerfile as goreleaser uses it: with a folder for each platform, and
// tags one of which is the version that the chart asks for.
func TestImageIsWhatTheReleaseAndTheChartNeed(t *testing.T) {
	var release struct {
		Images []struct {
			Dockerfile      string
			Platforms, Tags []string
		} `json:"dockers_v2"`
	}
	var chart struct{ AppVersion string }
	for path, into := range map[string]any{"../../.goreleaser.yaml": &release, "../../charts/switchyard/Chart.yaml": &chart} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(release.Images) != 1 || len(release.Images[0].Platforms) < 2 {
		t.Fatalf("images are %v", release.Images)
	}
	image := release.Images[0]
	if !slices.Contains(image.Tags, "{{ .Version }}") || strings.HasPrefix(chart.AppVersion, "v") {
		t.Errorf("the tags are %q, and the chart asks for %q", image.Tags, chart.AppVersion)
	}
	dockerfile, err := os.ReadFile("../../" + image.Dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	argument := strings.Index(string(dockerfile), "ARG TARGETPLATFORM\n")
	if at := strings.Index(string(dockerfile), "COPY $TARGETPLATFORM/switchyard "); argument < 0 || at < argument {
		t.Errorf("the binary of a platform is in the folder of its name:\n%s", dockerfile)
	}
}
