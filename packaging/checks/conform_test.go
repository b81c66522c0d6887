package checks_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"
)

// TestChartConforms is kubeconform, strict, with each of the pinned versions.
func TestChartConforms(t *testing.T) {
	for _, version := range kubernetesVersions {
		conform := kubeconform(t, version)
		for _, file := range valuesFiles(t) {
			for _, o := range mustRender(t, file) {
				t.Run(version+"/"+filepath.Base(file)+"/"+o.kind+"/"+o.name, func(t *testing.T) {
					if o.kind == "ServiceMonitor" {
						// It is no kind of Kubernetes: read it as the type of who defines it.
						if err := yaml.UnmarshalStrict(o.text, &monitoring.ServiceMonitor{}); err != nil {
							t.Errorf("%v\n%s", err, o.text)
						}
						return
					}
					if err := conform(o.text); err != nil {
						t.Errorf("%v\n%s", err, o.text)
					}
				})
			}
		}
	}
}

// TestWhatDoesNotConformIsFound breaks what the chart renders, to see that the
// check would find it.
func TestWhatDoesNotConformIsFound(t *testing.T) {
	rendered := map[string][]byte{}
	for _, o := range mustRender(t, filepath.Join(chartDir, "ci", "everything.yaml")) {
		rendered[o.kind] = append([]byte(nil), o.text...)
	}
	for _, version := range kubernetesVersions {
		conform := kubeconform(t, version)
		for _, broken := range []struct{ kind, text, by string }{
			{"StatefulSet", "podManagementPolicy:", "podManagementPolice:"},
			{"StatefulSet", "containerPort: 8080", "containerPort: http"},
			{"StatefulSet", "serviceName:", "serviceNames:"},
			{"NetworkPolicy", "policyTypes: [Ingress, Egress]", "policyTypes: Ingress"},
			{"HorizontalPodAutoscaler", "maxReplicas: 20", "maxReplicas: \"20\""},
			{"HorizontalPodAutoscaler", "maxReplicas: 20", ""},
			{"Service", "apiVersion: v1", "apiVersion: v2"},
			{"Ingress", "pathType: Prefix", ""},
		} {
			text := bytes.Replace(rendered[broken.kind], []byte(broken.text), []byte(broken.by), 1)
			if bytes.Equal(text, rendered[broken.kind]) {
				t.Fatalf("there is no %q in the %s", broken.text, broken.kind)
			}
			if conform(text) == nil {
				t.Errorf("%s: a %s with %q for %q conforms", version, broken.kind, broken.by, broken.text)
			}
		}
	}
}

// kubeconform checks objects against the schemas that are pinned for a version.
func kubeconform(t *testing.T, version string) func(object []byte) error {
	t.Helper()
	v, err := validator.New([]string{"testdata/schemas/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json"},
		validator.Opts{Strict: true, KubernetesVersion: strings.TrimPrefix(version, "v")})
	if err != nil {
		t.Fatal(err)
	}
	return func(object []byte) error {
		results := v.Validate("object", io.NopCloser(bytes.NewReader(object)))
		if len(results) != 1 {
			t.Fatalf("%d objects in\n%s", len(results), object)
		}
		if results[0].Status == validator.Valid {
			return nil
		}
		return results[0].Err
	}
}
