package demo

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnceVerifiesAllOfIt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := Run(t.Context(), once(&out)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if got := strings.Count(out.String(), "ok "); got != 7 {
		t.Errorf("%d steps were verified, want 7:\n%s", got, out.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A verification that cannot fail is none: whatever goes wrong must be told.
func TestOnceTellsWhatIsWrong(t *testing.T) {
	sound, err := newPenguinModel(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host  string
		model http.Handler
		want  string
	}{
		"a wrong answer":                    {"pricing-1.demo", linear(3, 0), `expected of pricing_optimizer: status 200, backend control, body {"data":20}`},
		"a split with a wrong answer":       {"pricing-2.demo", linear(3, 0), `expected of checkout: status 200, backend experiment, body {"data":21}`},
		"a live backend that fails":         {"pricing-1.demo", failing(linear(2, 0), 7), `got 500, "control"`},
		"a mirror that fails too often":     {"failing.demo", failing(linear(2, 0), 2), "expected 5 failures of the mirror of quotes in the log, got 10"},
		"a candidate whose copies go wrong": {"slow.demo", failing(linear(2, 0), 50), "expected all copies to candidate to be ok, got error"},
		"a mirror that fails not at all":    {"penguins-2.demo", sound, "expected the report on penguins to say WORSE for 10 failures"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed, err := models()
			if err != nil {
				t.Fatal(err)
			}
			changed[c.host] = c.model
			o := once(new(bytes.Buffer))
			o.Dir = t.TempDir()
			err = perform(t.Context(), o, changed)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The demo that people see goes on until it is told to end, and leaves them
// their repository.
func TestDemoShowsRecordsAndKeepsTheRepository(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopper{wanted: []string{"Try it", "swap", "live    pricing_optimizer", "mirror  pricing_optimizer"}, stop: cancel}
	o := once(nil)
	o.Once, o.Dir, o.Out = false, t.TempDir(), out
	if err := Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.text.String(), "penguins: mirror candidate") {
		t.Errorf("it does not end in a report:\n%s", out.text.String())
	}
	if missing := out.missing(); len(missing) > 0 {
		t.Errorf("not shown: %q in\n%s", missing, out.text.String())
	}
	if _, err := os.Stat(o.Dir + "/endpoints/checkout.yaml"); err != nil {
		t.Error(err)
	}
}

func TestDemoLeavesOthersFilesAlone(t *testing.T) {
	o := once(new(bytes.Buffer))
	o.Dir = t.TempDir()
	if err := os.WriteFile(o.Dir+"/precious", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestScreenIsReadable(t *testing.T) {
	var out bytes.Buffer
	d := &decoder{readers: []func(entry){newScreen(&out, false).print}}
	lines := `{"time":"2026-11-21T07:19:44.412Z","level":"info","event":"swap","commit":"313bfd73aaaa","message":"revision serves"}
{"time":"2026-11-21T07:19:44.413Z","level":"info","event":"inference","requestId":"fc73686bcc","endpoint":"checkout","backend":"control","role":"live","deploymentName":"pricing_model","deploymentVersion":1,"branch":"main","subjectId":"user-4","outcome":"ok","status":200,"durationMs":0.52}
{"time":"2026-11-21T07:19:44.513Z","level":"warn","event":"inference","requestId":"fc73686bcc","endpoint":"checkout","backend":"candidate","role":"mirror","deploymentName":"slow_model","deploymentVersion":1,"branch":"dev","subjectId":"user-4","outcome":"dropped","status":null,"errorKind":"queue_full","durationMs":0}
{"time":"2026-11-21T07:19:45.000Z","level":"error","event":"reject","commit":"5b3760beaaaa","diagnostics":["endpoints/a.yaml:1:1: wrong [type]"]}
`
	for _, r := range []byte(lines) { // however the lines arrive
		if _, err := d.Write([]byte{r}); err != nil {
			t.Fatal(err)
		}
	}
	want := `TIME  swap    commit 313bfd73 serves now
TIME  live    checkout           control     main pricing_model 1    200                0.5  user-4  fc73686b
TIME  mirror  checkout           candidate   dev slow_model 1        dropped queue_full     0.0  user-4  fc73686b
TIME  reject  commit 5b3760be is refused, the one before goes on serving
                      endpoints/a.yaml:1:1: wrong [type]
`
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, " ") {
			line = "TIME" + line[len("07:19:44.412"):]
		}
		got.WriteString(line)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

func once(out *bytes.Buffer) Options {
	return Options{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Once: true, Out: out}
}

// stopper stops the demo when all that is wanted has been written.
type stopper struct {
	wanted []string
	stop   func()

	mu   sync.Mutex
	text strings.Builder
}

func (s *stopper) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if len(s.missing()) == 0 {
		s.stop()
	}
	return n, err
}

func (s *stopper) missing() []string {
	var missing []string
	for _, w := range s.wanted {
		if !strings.Contains(s.text.String(), w) {
			missing = append(missing, w)
		}
	}
	return missing
}
