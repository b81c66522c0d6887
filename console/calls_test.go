package console_test

import (
	"context"
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples are how a page says that its endpoint is called: for a shell, Python and
// OpenAI's client.
func examples(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, found := range regexp.MustCompile(`(?s)<code>(.*?)</code></pre><button class="quiet" data-copy`).FindAllStringSubmatch(page, -1) {
		all = append(all, html.UnescapeString(found[1]))
	}
	if len(all) != 3 {
		t.Fatalf("%d examples in\n%s", len(all), page)
	}
	return all
}

// runs is what a shell calls curl with. Whatever else it runs fails the test.
func runs(t *testing.T, script string) []string {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"curl": "printf '%s\\n' \"$@\"", "reboot": "echo ran; touch " + filepath.Join(dir, "rebooted")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!"+shell+"\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(shell, "-c", script)
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	if _, err := os.Stat(filepath.Join(dir, "rebooted")); err == nil {
		t.Errorf("the example runs what stands in the document:\n%s", script)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// Who writes a document may not run anything where somebody copies how it is called.
func TestCopiedCommandsRunNothingElse(t *testing.T) {
	for key, want := range map[string]string{
		"header:x-user-id":         "X-User-Id",
		"header:x-'`reboot`'":      "X-'`reboot`'",
		"header:x'|reboot|'":       "X'|reboot|'",
		"header:x-$'`reboot`'&'":   "X-$'`reboot`'&'",
		"header:x-'`reboot`#`'`'!": "X-'`reboot`#`'`'!",
	} {
		s := newStage(t, map[string]string{
			"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1}\nassignment: {key: \"" + key + "\"}\n",
		}, nil)
		got := runs(t, examples(t, s.get("/console/endpoints/e").body)[0])
		all := []string{"http://127.0.0.1:8080/v1/e", "-H", want + ": SUBJECT", "-H", "Content-Type: application/json", "-d", `{"data": 10}`}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", key, diff)
		}
	}
}

// Where an endpoint asks for a key, the examples have one.
func TestExamplesShowTheKeyThatIsAskedFor(t *testing.T) {
	for access, want := range map[string]bool{"required": true, "optional": false, "public": false} {
		s := newStage(t, map[string]string{
			"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {static: 1}\naccess: " + access + "\nassignment: {key: header:x-user-id}\n",
		}, nil)
		all := examples(t, s.get("/console/endpoints/e").body)
		if got := strings.Contains(strings.Join(runs(t, all[0]), "\n"), "Authorization: Bearer KEY\n"); got != want {
			t.Errorf("%s: the command has a key: %v\n%s", access, got, all[0])
		}
		if got := strings.Contains(all[1], `headers={"Authorization": "Bearer KEY", "X-User-Id": "SUBJECT"}`); got != want {
			t.Errorf("%s: Python has a key: %v\n%s", access, got, all[1])
		}
	}
}

// call calls an endpoint.
func (s *stage) call(path string, header map[string]string, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://gateway.example.com"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:9"
	for name, value := range header {
		r.Header[name] = []string{value}
	}
	s.gateway.ServeHTTP(discard{http.Header{}}, r)
}

// discard is a caller who wants to know nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
func (d discard) Flush()                      {}
