package checks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	chartDir  = "../../charts/switchyard"
	namespace = "models"
)

// object is one document that the chart renders.
type object struct {
	file string
	text []byte
	kind string
	name string
}

func TestChartIsClean(t *testing.T) {
	for _, file := range valuesFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			values := readValues(t, file)
			for _, m := range lint.All(chartDir, values, namespace, true).Messages {
				if m.Severity > support.InfoSev {
					t.Errorf("%s", m)
				}
			}
		})
	}
}

func TestChartNeedsARepository(t *testing.T) {
	_, err := render(t, map[string]any{})
	if err == nil || !strings.Contains(err.Error(), "repository is needed") {
		t.Errorf("a chart without a repository renders, or says something else: %v", err)
	}
}

func TestChartTakesTheKubernetesThatItIsCheckedFor(t *testing.T) {
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range kubernetesVersions {
		if !chartutil.IsCompatibleRange(chart.Metadata.KubeVersion, version) {
			t.Errorf("the chart takes %s, not %s", chart.Metadata.KubeVersion, version)
		}
	}
}

func TestChartRendersEverything(t *testing.T) {
	want := map[string]int{
		"ServiceAccount": 1, "ConfigMap": 1, "Service": 2, "StatefulSet": 1, "PodDisruptionBudget": 1,
		"HorizontalPodAutoscaler": 1, "NetworkPolicy": 1, "Ingress": 1, "ServiceMonitor": 1,
	}
	for _, o := range mustRender(t, filepath.Join(chartDir, "ci", "everything.yaml")) {
		want[o.kind]--
	}
	for kind, n := range want {
		if n != 0 {
			t.Errorf("%s: %d too few", kind, n)
		}
	}
}

// TestChartRendersSettingsThatTheGatewayReads parses them as `serve` does.
func TestChartRendersSettingsThatTheGatewayReads(t *testing.T) {
	for _, file := range valuesFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			found := false
			for _, o := range mustRender(t, file) {
				if o.kind != "ConfigMap" {
					continue
				}
				found = true
				var m struct{ Data map[string]string }
				if err := yaml.Unmarshal(o.text, &m); err != nil {
					t.Fatal(err)
				}
				if _, problems := schema.ParseSettings(schema.File{Path: "switchyard.yaml", Data: []byte(m.Data["switchyard.yaml"])}); len(problems) > 0 {
					t.Errorf("%s\n%s", problems, m.Data["switchyard.yaml"])
				}
			}
			if !found {
				t.Error("there are no settings")
			}
		})
	}
}

func TestPodsHaveTheRightsTheyNeedAndNoMore(t *testing.T) {
	for _, file := range valuesFiles(t) {
		for _, o := range mustRender(t, file) {
			if o.kind != "Deployment" && o.kind != "StatefulSet" {
				continue
			}
			for _, must := range []string{"runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "drop:", "automountServiceAccountToken: false"} {
				if !bytes.Contains(o.text, []byte(must)) {
					t.Errorf("%s: %s %s lacks %q", file, o.kind, o.name, must)
				}
			}
		}
	}
}

func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("there are %d files of values: %v", len(files), err)
	}
	return files
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func mustRender(t *testing.T, file string) []object {
	t.Helper()
	objects, err := render(t, readValues(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return objects
}

// render is `helm template`.
func render(t *testing.T, given map[string]any) ([]object, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	release := chartutil.ReleaseOptions{Name: "models", Namespace: namespace, Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(chart, given, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, values)
	if err != nil {
		return nil, err
	}
	var objects []object
	for file, text := range files {
		if strings.HasSuffix(file, "NOTES.txt") {
			continue
		}
		for part := range strings.SplitSeq(text, "\n---\n") {
			var head struct {
				Kind     string
				Metadata struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(part), &head); err != nil {
				t.Fatalf("%s: %v\n%s", file, err, part)
			}
			if head.Kind != "" {
				objects = append(objects, object{file, []byte(part), head.Kind, head.Metadata.Name})
			}
		}
	}
	return objects, nil
}
