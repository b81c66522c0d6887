package checks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// adapterRule is a rule of prometheus-adapter, as far as it matters here.
type adapterRule struct{ SeriesQuery, MetricsQuery string }

// TestAutoscalerAsksForWhatTheAdapterOffers takes the rule that the chart's page
// shows and the autoscaler that the chart renders to a gateway's metrics.
func TestAutoscalerAsksForWhatTheAdapterOffers(t *testing.T) {
	rule, asked := documentedRule(t), askedMetric(t)
	series := metricsOf(t, rule.SeriesQuery)
	if len(series) != 1 || series[0] != asked.name {
		t.Fatalf("the rule offers %v, the autoscaler asks for %s", series, asked.name)
	}
	query := strings.NewReplacer(
		"<<.Series>>", asked.name,
		"<<.LabelMatchers>>", `namespace="models",pod=~"a|b",`+asked.matchers(),
		"<<.GroupBy>>", "pod",
	).Replace(rule.MetricsQuery)
	if got := metricsOf(t, query); len(got) != 1 || got[0] != asked.name {
		t.Errorf("%s asks for %v", query, got)
	}
	samples := regexp.MustCompile(`(?m)^` + asked.name + `\{.*` + asked.matchers() + `.*\} \d`)
	if metrics := scrape(t); !samples.MatchString(metrics) {
		t.Errorf("a gateway has no %s with %s:\n%s", asked.name, asked.matchers(), metrics)
	}
}

// documentedRule is that of the chart's page.
func documentedRule(t *testing.T) adapterRule {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(rules:.*?)^```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the chart's page shows no rule")
	}
	var values struct {
		Rules struct{ Custom []adapterRule }
	}
	if err := yaml.Unmarshal(block[1], &values); err != nil || len(values.Rules.Custom) != 1 {
		t.Fatalf("%d rules: %v\n%s", len(values.Rules.Custom), err, block[1])
	}
	return values.Rules.Custom[0]
}

// metric is what an autoscaler asks for.
type metric struct {
	name   string
	labels map[string]string
}

func (m metric) matchers() string {
	var all []string
	for name, value := range m.labels {
		all = append(all, name+`="`+value+`"`)
	}
	return strings.Join(all, ",")
}

// askedMetric is that of the autoscaler which the chart renders.
func askedMetric(t *testing.T) metric {
	t.Helper()
	for _, o := range mustRender(t, filepath.Join(chartDir, "ci", "everything.yaml")) {
		if o.kind != "HorizontalPodAutoscaler" {
			continue
		}
		var scaler struct {
			Spec struct {
				Metrics []struct {
					Pods struct {
						Metric struct {
							Name     string
							Selector struct{ MatchLabels map[string]string }
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal(o.text, &scaler); err != nil || len(scaler.Spec.Metrics) != 1 {
			t.Fatalf("%v\n%s", err, o.text)
		}
		asked := scaler.Spec.Metrics[0].Pods.Metric
		if len(asked.Selector.MatchLabels) != 1 {
			t.Fatalf("the autoscaler does not say which attempts\n%s", o.text)
		}
		return metric{asked.Name, asked.Selector.MatchLabels}
	}
	t.Fatal("there is no autoscaler")
	return metric{}
}
