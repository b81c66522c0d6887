package checks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/prometheus/common/model"
)

const (
	rulesFile     = "../../monitoring/prometheus/switchyard.rules.yml"
	dashboardFile = "../../monitoring/grafana/switchyard.json"
)

// TestRulesAreWhatPrometheusLoads is `promtool check rules`.
func TestRulesAreWhatPrometheusLoads(t *testing.T) {
	groups, problems := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range problems {
		t.Error(err)
	}
	rules := 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Alert != "" && r.Annotations["summary"] == "" {
				t.Errorf("alert %s says nothing", r.Alert)
			}
		}
	}
	if rules < 10 {
		t.Errorf("%d rules only", rules)
	}
}

// TestQueriesAskForMetricsThatThereAre runs a gateway and reads its metrics: what
// rules and the dashboard ask for must be among them.
func TestQueriesAskForMetricsThatThereAre(t *testing.T) {
	exposed := exposedMetrics(t)
	for from, queries := range allQueries(t) {
		for _, query := range queries {
			for _, name := range metricsOf(t, query) {
				if !exposed[name] && !recorded(name) {
					t.Errorf("%s asks for %s, which no gateway has: %s", from, name, query)
				}
			}
		}
	}
}

// recorded tells the names that recording rules make.
func recorded(name string) bool { return strings.Contains(name, ":") }

func allQueries(t *testing.T) map[string][]string {
	t.Helper()
	groups, problems := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := map[string][]string{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			all[filepath.Base(rulesFile)] = append(all[filepath.Base(rulesFile)], r.Expr)
		}
	}
	all[filepath.Base(dashboardFile)] = dashboardQueries(t)
	return all
}

// dashboardQueries are those of all panels, with Grafana's variables filled in.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$endpoint", ".*", "$job", ".*")
	var all []string
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, fill.Replace(target.Expr))
		}
	}
	if len(all) < 15 {
		t.Errorf("%d queries only", len(all))
	}
	return all
}

// metricsOf are the names that a query selects by. What a histogram is made of
// counts as the histogram.
func metricsOf(t *testing.T, query string) []string {
	t.Helper()
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%v: %s", err, query)
		return nil
	}
	var names []string
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			names = append(names, s.Name)
		}
		return nil
	})
	return names
}

// exposedMetrics are the names of all samples and families that a gateway shows.
func exposedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{
		// Shown with TLS only, and when a replica was used.
		"switchyard_tls_certificate_not_after_timestamp_seconds": true,
		"switchyard_tls_certificate_failing":                     true,
		"switchyard_replica_up":                                  true,
		"switchyard_replica_in_flight":                           true,
	}
	line := regexp.MustCompile(`(?m)^(?:# (?:HELP|TYPE) )?([a-zA-Z_:][a-zA-Z0-9_:]*)`)
	for _, found := range line.FindAllStringSubmatch(scrape(t), -1) {
		names[found[1]] = true
	}
	return names
}

// scrape runs a gateway over the example of the repository and reads its metrics,
// once a revision serves and a request was answered.
func scrape(t *testing.T) string {
	t.Helper()
	g := startGateway(t, exampleRepository(t), builtBinary(t), "serve")
	post(t, g.url+"/v1/holdout", `{"data": 1}`)
	return get(t, g.metrics+"/metrics")
}

// builtBinary compiles the gateway.
func builtBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "switchyard")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/switchyard")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// exampleRepository is a git repository with one endpoint that needs no model,
// and one with a mirror.
func exampleRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"endpoints/holdout.yaml": "schemaVersion: 1\nbackends:\n  only: {static: {\"data\": 0}}\nmirrors:\n  mirror_1: {deployment: {branch: main, name: model, version: 1}}\n",
		"deployments/model.yaml": "schemaVersion: 1\nversions:\n  1: {url: \"http://127.0.0.1:9\"}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "--all"}, {"-c", "user.name=Check", "-c", "user.email=check@example.com", "commit", "-q", "-m", "Serve"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

// gateway is a running one.
type gateway struct{ url, metrics string }

// startGateway starts a command that serves and waits until a revision does. It
// ends with the test.
func startGateway(t *testing.T, repository string, command ...string) gateway {
	t.Helper()
	command = append(command, "--repo", repository, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
	var log lockedBuffer
	process := exec.CommandContext(t.Context(), command[0], command[1:]...)
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	var begun struct{ Event, Listen, Metrics string }
	eventually(t, "a revision serves: "+log.String(), func() bool {
		swapped := false
		for line := range bytes.Lines([]byte(log.String())) {
			var event struct{ Event, Listen, Metrics string }
			if json.Unmarshal(line, &event) != nil {
				continue
			}
			swapped = swapped || event.Event == "swap"
			if event.Event == "start" {
				begun = event
			}
		}
		return swapped
	})
	return gateway{"http://" + begun.Listen, "http://" + begun.Metrics}
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, request)
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, request)
}

func answer(t *testing.T, request *http.Request) string {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s %v", request.URL, response.Status, text, err)
	}
	return string(text)
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it does not come true: %s", what)
		}
	}
}
