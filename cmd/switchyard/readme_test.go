package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// The README is done as a reader would do it: its files are written, its
// commands run, and what they print is what it shows.
func TestREADME(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the README commits with git, which this machine lacks")
	}
	readme := readPage(t, "README.md")
	r := newReader(t)
	for path, file := range readme.documents()["main"] {
		r.write(path, string(file.Data))
	}
	consoles := readme.blocks("console")
	mistaken := regexp.MustCompile(`(?s)^# mistaken: (\S+)\n`)
	for _, c := range consoles[:len(consoles)-1] {
		readme.shows(t, c, r.do(c.text))
	}
	for _, b := range readme.blocks("yaml") {
		if m := mistaken.FindStringSubmatch(b.text); m != nil {
			r.write(m[1], b.text)
		}
	}
	last := consoles[len(consoles)-1]
	readme.shows(t, last, r.do(last.text))
	r.compareRecords(readme.blocks("json")[0].text)
}

// reader follows the README in a directory of its own.
type reader struct {
	t       *testing.T
	dir     string
	model1  string // stands in for localhost:8001
	model2  string // for localhost:8002
	listen  string // for localhost:8080
	records testbed.Log
}

func newReader(t *testing.T) *reader {
	return &reader{t: t, dir: t.TempDir(), model1: newLinear(t, 2, 0), model2: newLinear(t, 2, 1)}
}

func newLinear(t *testing.T, slope, base float64) (address string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var input struct{ Data float64 }
		_ = json.NewDecoder(r.Body).Decode(&input)
		_ = json.NewEncoder(w).Encode(map[string]float64{"data": slope*input.Data + base})
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (r *reader) write(path, text string) {
	r.t.Helper()
	text = strings.NewReplacer("localhost:8001", r.model1, "localhost:8002", r.model2).Replace(text)
	full := filepath.Join(r.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// do runs the commands of a console, and gives it as it should look.
func (r *reader) do(console string) string { return prompted(console, r.run) }

// prompted is a console with what run gives for each of its commands.
func prompted(console string, run func(command string) string) string {
	var b strings.Builder
	for line := range strings.Lines(console) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		b.WriteString(line)
		output := run(strings.TrimSpace(command))
		b.WriteString(output)
	}
	return b.String()
}

func (r *reader) run(command string) string {
	r.t.Helper()
	curl := regexp.MustCompile(`^curl -d '(.*)' localhost:8080(/\S+)$`).FindStringSubmatch(command)
	switch {
	case command == "switchyard check":
		return r.check()
	case command == "switchyard serve --repo .":
		r.serve()
		return ""
	case strings.HasPrefix(command, "git "):
		r.git(command)
		return ""
	case curl != nil:
		return r.call(curl[2], curl[1])
	}
	r.t.Fatalf("the README shows a command that this test cannot run: %s", command)
	return ""
}

// check is the output of the command in the reader's directory, on both streams
// as on a terminal.
func (r *reader) check() string {
	var b bytes.Buffer
	run(process{args: []string{"check", r.dir}, stdout: &b, stderr: &b})
	return b.String()
}

func (r *reader) git(command string) {
	r.t.Helper()
	if out, err := r.shell(command); err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// gitFails runs a command that must fail and say why.
func (r *reader) gitFails(command, why string) {
	r.t.Helper()
	out, err := r.shell(command)
	if err == nil || !strings.Contains(out, why) {
		r.t.Errorf("%s: %v, want a failure with %q:\n%s", command, err, why, out)
	}
}

func (r *reader) shell(command string) (output string, err error) {
	c := exec.CommandContext(r.t.Context(), "sh", "-c", command)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "HOME="+r.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=R", "GIT_AUTHOR_EMAIL=r@example.com", "GIT_COMMITTER_NAME=R", "GIT_COMMITTER_EMAIL=r@example.com")
	out, err := c.CombinedOutput()
	return string(out), err
}

func (r *reader) serve() {
	r.t.Helper()
	p := process{env: environment{"SWITCHYARD_LISTEN=127.0.0.1:0", "SWITCHYARD_ADMIN=127.0.0.1:0"}, stdout: &r.records, stderr: io.Discard}
	s, err := layers{env: p.env, flags: map[string]string{"repo": r.dir}}.resolve()
	if err != nil {
		r.t.Fatal(err)
	}
	o := serveOptions(p, s)
	started := make(chan serve.Addresses, 1)
	o.Started = func(at serve.Addresses) { started <- at }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, o) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	select {
	case at := <-started:
		r.listen = "http://" + at.Listen
	case err := <-ended:
		r.t.Fatalf("serve ended: %v", err)
	}
	if !poll(func() bool { return strings.Contains(r.records.String(), `"event":"swap"`) }) {
		r.t.Fatalf("nothing serves: %s", r.records.String())
	}
}

func (r *reader) call(path, body string) string {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.listen+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(answer)
}

// changing are the fields of a record that differ from call to call.
var changing = []string{"time", "requestId", "commit", "startTs", "endTs", "durationMs", "ttfbMs", "replica", "liveDurationMs", "liveTtfbMs"}

// compareRecords compares the records of the README with the ones that the call
// made: the same fields and, but for those that change, the same values.
func (r *reader) compareRecords(shown string) {
	r.t.Helper()
	var got string
	if !poll(func() bool {
		got = ""
		for line := range strings.Lines(r.records.String()) {
			if strings.Contains(line, `"event":"inference"`) {
				got += line
			}
		}
		return strings.Count(got, "\n") >= strings.Count(shown, "\n")
	}) {
		r.t.Fatalf("the records never came: %s", r.records.String())
	}
	if diff := cmp.Diff(stable(r.t, shown), stable(r.t, got)); diff != "" {
		r.t.Errorf("the records differ (-README +log):\n%s", diff)
	}
}

// stable are records by role, without the values that change; all of one request
// must have its ID.
func stable(t *testing.T, lines string) map[string]map[string]any {
	t.Helper()
	byRole, ids := map[string]map[string]any{}, map[any]bool{}
	for line := range strings.Lines(lines) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		ids[record["requestId"]] = true
		for _, name := range changing {
			if record[name] != nil {
				record[name] = "changes"
			}
		}
		byRole[record["role"].(string)] = record
	}
	if len(ids) != 1 {
		t.Errorf("the records have the request IDs %v, want the same in all", slices.Collect(maps.Keys(ids)))
	}
	return byRole
}
