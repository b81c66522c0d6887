package checks_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

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

// TestGatewaysAreToldOfPushesAsTheyListen compares what the listener speaks with how the
// others call it.
func TestGatewaysAreToldOfPushesAsTheyListen(t *testing.T) {
	for settings, scheme := range map[string]string{
		"{}": "http",
		"{tlsCertFile: [/etc/tls/tls.crt], tlsKeyFile: [/etc/tls/tls.key]}": "https",
		"{tlsCertFile: /etc/tls/tls.crt, tlsKeyFile: /etc/tls/tls.key}":     "https",
		"{acmeHost: [models.example.com], acmeAcceptTerms: true}":           "https",
		"{tlsCertFile: []}": "http",
	} {
		t.Run(settings, func(t *testing.T) {
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte("repository: https://git.example.com/models.git\nsecrets: {webhook: {name: push-hook}}\nsettings: "+settings), &values); err != nil {
				t.Fatal(err)
			}
			objects, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			said := map[string]bool{}
			for _, o := range objects {
				for _, line := range strings.Split(string(o.text), "\n") {
					line = strings.TrimSpace(line)
					if strings.HasPrefix(line, "webhookPeers:") || strings.Contains(line, "appProtocol:") {
						said[line] = true
					}
				}
			}
			for _, want := range []string{"webhookPeers: " + scheme + "://models-switchyard-peers:8080/-/webhook", "- {name: http, port: 80, targetPort: http, appProtocol: " + scheme + "}"} {
				if !said[want] {
					t.Errorf("there is no %q in %v", want, said)
				}
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
