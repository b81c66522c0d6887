package checks_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// ofScrapes are the labels that Prometheus adds, by which dashboards are filtered.
var ofScrapes = []string{model.JobLabel, model.InstanceLabel, "namespace", "pod"}

// TestQueriesAskForLabelsThatThereAre compares the labels that rules and the dashboard
// select and group by with those of a gateway: a query by a label that is misspelt
// finds nothing, and an alert on it never comes.
func TestQueriesAskForLabelsThatThereAre(t *testing.T) {
	exposed := exposedLabels(scrape(t))
	all := 0
	for from, queries := range allQueries(t) {
		for _, query := range queries {
			checked, unknown := unknownLabels(t, query, exposed)
			all += checked
			for _, name := range unknown {
				t.Errorf("%s asks for the label %s, which none of its metrics has: %s", from, name, query)
			}
		}
	}
	if all < 30 {
		t.Errorf("%d labels checked only", all)
	}
	for _, query := range []string{`switchyard_attempts_total{rol="live"}`, `sum by (endpoints) (rate(switchyard_attempts_total{role="live"}[5m]))`} {
		if _, unknown := unknownLabels(t, query, exposed); len(unknown) != 1 {
			t.Errorf("%s: %v", query, unknown)
		}
	}
}

// unknownLabels are the labels of a query that none of its metrics has, of those that
// could be checked.
func unknownLabels(t *testing.T, query string, exposed map[string]map[string]bool) (checked int, unknown []string) {
	t.Helper()
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	known, complete := labelsOf(expression, exposed)
	if !complete {
		return 0, nil
	}
	names := asked(expression)
	return len(names), slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] })
}

// asked are the labels that a query selects or groups by.
func asked(expression parser.Expr) []string {
	var all []string
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			for _, m := range n.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					all = append(all, m.Name)
				}
			}
		case *parser.AggregateExpr:
			all = append(all, n.Grouping...)
		}
		return nil
	})
	return all
}

// labelsOf are the labels that the metrics of a query have, and whether all of the
// metrics have samples by which that is known.
func labelsOf(expression parser.Expr, exposed map[string]map[string]bool) (known map[string]bool, complete bool) {
	known, complete = map[string]bool{}, true
	for _, name := range ofScrapes {
		known[name] = true
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			complete = complete && exposed[s.Name] != nil
			for name := range exposed[s.Name] {
				known[name] = true
			}
		}
		return nil
	})
	return known, complete
}

// exposedLabels are the labels of the samples that a gateway shows, by their metric.
func exposedLabels(metrics string) map[string]map[string]bool {
	sample := regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"`)
	all := map[string]map[string]bool{}
	for _, found := range sample.FindAllStringSubmatch(metrics, -1) {
		if all[found[1]] == nil {
			all[found[1]] = map[string]bool{}
		}
		for _, l := range label.FindAllStringSubmatch(found[2], -1) {
			all[found[1]][l[1]] = true
		}
	}
	return all
}
