package webhook_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/webhook"
)

const (
	secret = "a secret of the webhook"
	main   = `{"ref":"refs/heads/main","after":"1"}`
	other  = `{"ref":"refs/heads/other","after":"1"}`
)

// stand is a receiver behind a server, with all that it is connected to.
type stand struct {
	*webhook.Receiver
	t       *testing.T
	url     string
	log     bytes.Buffer
	pokes   atomic.Int64
	mu      sync.Mutex
	secrets string
	fails   error
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{t: t, secrets: secret}
	s.Receiver = webhook.New(webhook.Options{
		Secrets: func() (string, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.secrets, s.fails
		},
		Poke:     func() { s.pokes.Add(1) },
		Followed: func(branch string) bool { return branch == "main" },
		Answer: func(w http.ResponseWriter, _ *http.Request, status int, message string) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, message)
		},
		Logger: zerolog.New(zerolog.SyncWriter(&s.log)),
	})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stand) give(secrets string, fails error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets, s.fails = secrets, fails
}

// deliver posts a delivery and tells its status and whether it led to a look.
func (s *stand) deliver(body string, fields map[string]string) (status int, poked bool) {
	s.t.Helper()
	return s.do(http.MethodPost, strings.NewReader(body), fields)
}

func (s *stand) do(method string, body io.Reader, fields map[string]string) (status int, poked bool) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url, body)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	before := s.pokes.Load()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		s.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, s.pokes.Load() > before
}

func (s *stand) count(result string) float64 {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collector())
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "switchyard_webhook_requests_total" {
		s.t.Fatal(families, err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == result {
			return m.GetCounter().GetValue()
		}
	}
	s.t.Fatalf("no result %q is counted", result)
	return 0
}

func sum(key []byte, body string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, body)
	return h.Sum(nil)
}

func hexSum(key, body string) string { return hex.EncodeToString(sum([]byte(key), body)) }

func sha1Sum(key, body string) string {
	h := hmac.New(sha1.New, []byte(key))
	_, _ = io.WriteString(h, body)
	return hex.EncodeToString(h.Sum(nil))
}

// forges are how each of them signs a body.
var forges = map[string]func(key, body string) map[string]string{
	"GitHub": func(key, body string) map[string]string {
		return map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256=" + hexSum(key, body), "X-Hub-Signature": "sha1=" + sha1Sum(key, body)}
	},
	"GitLab token": func(key, _ string) map[string]string {
		return map[string]string{"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": key}
	},
	"GitLab signing token": func(key, body string) map[string]string {
		signature := base64.StdEncoding.EncodeToString(sum([]byte(key), "7.1735689600."+body))
		return map[string]string{"X-Gitlab-Event": "Push Hook", "webhook-id": "7", "webhook-timestamp": "1735689600", "webhook-signature": "v1," + signature}
	},
	"Gitea": func(key, body string) map[string]string {
		return map[string]string{"X-Gitea-Event": "push", "X-Gitea-Signature": hexSum(key, body)}
	},
	"Forgejo": func(key, body string) map[string]string {
		return map[string]string{"X-Forgejo-Event": "push", "X-Forgejo-Signature": hexSum(key, body)}
	},
	"Bitbucket": func(key, body string) map[string]string {
		return map[string]string{"X-Event-Key": "repo:refs_changed", "X-Hub-Signature": "sha256=" + hexSum(key, body)}
	},
}

func TestEachForgeIsUnderstood(t *testing.T) {
	for name, sign := range forges {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			if status, poked := s.deliver(main, sign(secret, main)); status != http.StatusAccepted || !poked {
				t.Errorf("a push to main: %d, poked %t", status, poked)
			}
			if status, poked := s.deliver(main, sign("another secret", main)); status != http.StatusUnauthorized || poked {
				t.Errorf("with another secret: %d, poked %t", status, poked)
			}
			if status, _ := s.deliver(main, sign("", main)); status != http.StatusUnauthorized {
				t.Errorf("with an empty secret: %d", status)
			}
			if name != "GitLab token" {
				if status, poked := s.deliver(other, sign(secret, main)); status != http.StatusUnauthorized || poked {
					t.Errorf("with the signature of another body: %d, poked %t", status, poked)
				}
			}
			s.give("new\n\n  "+secret+"  \r\n", nil)
			for _, key := range []string{"new", secret} {
				if status, poked := s.deliver(main, sign(key, main)); status != http.StatusAccepted || !poked {
					t.Errorf("while secrets rotate, with %q: %d, poked %t", key, status, poked)
				}
			}
			s.give("new", nil)
			if status, _ := s.deliver(main, sign(secret, main)); status != http.StatusUnauthorized {
				t.Errorf("with a secret that was taken away: %d", status)
			}
			if got := s.count("accepted"); got != 3 {
				t.Errorf("%v deliveries counted as accepted, want 3", got)
			}
		})
	}
}

// The key of a signing token is what its text encodes.
func TestSigningTokenIsDecoded(t *testing.T) {
	s := newStand(t)
	key := []byte("0123456789abcdef0123456789abcdef")
	s.give("whsec_"+base64.StdEncoding.EncodeToString(key), nil)
	signature := "v1a,odd v1," + base64.StdEncoding.EncodeToString(sum(key, "id.1."+main))
	fields := map[string]string{"webhook-id": "id", "webhook-timestamp": "1", "webhook-signature": signature}
	if status, poked := s.deliver(main, fields); status != http.StatusAccepted || !poked {
		t.Errorf("%d, poked %t", status, poked)
	}
	fields["webhook-timestamp"] = "2"
	if status, _ := s.deliver(main, fields); status != http.StatusUnauthorized {
		t.Errorf("with another time: %d", status)
	}
}

func TestWhatProvesNothingIsRefused(t *testing.T) {
	s := newStand(t)
	for name, fields := range map[string]map[string]string{
		"nothing":          {},
		"sha1":             {"X-Hub-Signature": "sha1=" + sha1Sum(secret, main)},
		"no algorithm":     {"X-Hub-Signature-256": hexSum(secret, main)},
		"cut":              {"X-Hub-Signature-256": "sha256=" + hexSum(secret, main)[:62]},
		"no hexadecimal":   {"X-Gitea-Signature": strings.Repeat("z", 64)},
		"empty":            {"X-Hub-Signature-256": "", "X-Gitlab-Token": "", "X-Gitea-Signature": ""},
		"no id":            {"webhook-timestamp": "1", "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(sum([]byte(secret), ".1."+main))},
		"part of a secret": {"X-Gitlab-Token": secret[:5]},
	} {
		if status, poked := s.deliver(main, fields); status != http.StatusUnauthorized || poked {
			t.Errorf("%s: %d, poked %t", name, status, poked)
		}
	}
}

// Gitea and Forgejo sign what a form holds: whoever has set one up that way is told so.
func TestFormsThatAreSignedOtherwiseAreToldApart(t *testing.T) {
	const kind, told = "application/x-www-form-urlencoded", "have the forge send application/json"
	for name, says := range map[string]bool{"Gitea": true, "Forgejo": true, "GitHub": false} {
		s := newStand(t)
		fields := forges[name](secret, main)
		fields["Content-Type"] = kind
		if status, poked := s.deliver(url.Values{"payload": {main}}.Encode(), fields); status != http.StatusUnauthorized || poked {
			t.Errorf("%s: %d, poked %t", name, status, poked)
		}
		if said := strings.Contains(s.log.String(), told); said != says {
			t.Errorf("%s: the log says\n%s", name, &s.log)
		}
	}
}

func TestWithoutSecretsTheWebhookIsOff(t *testing.T) {
	s := newStand(t)
	for name, give := range map[string]func(){
		"no secret":  func() { s.give(" \n\r\n", nil) },
		"unreadable": func() { s.give(secret, errors.New("open /secret: no such file")) },
		"too many":   func() { s.give(strings.Repeat(secret+"\n", 9), nil) },
	} {
		give()
		if status, poked := s.deliver(main, forges["GitHub"](secret, main)); status != http.StatusNotFound || poked {
			t.Errorf("%s: %d, poked %t", name, status, poked)
		}
	}
	if text := s.log.String(); strings.Contains(text, secret) || strings.Count(text, "\n") != 1 {
		t.Errorf("the log should have one line, without secrets:\n%s", text)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	s := newStand(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if status, poked := s.do(method, nil, nil); status != http.StatusMethodNotAllowed || poked {
			t.Errorf("%s: %d, poked %t", method, status, poked)
		}
	}
}

// The limit holds for the body as sent, announced or not.
func TestLargeDeliveriesAreRefused(t *testing.T) {
	s := newStand(t)
	for size, want := range map[int]int{1 << 20: http.StatusAccepted, 1<<20 + 1: http.StatusRequestEntityTooLarge} {
		body := main + strings.Repeat(" ", size-len(main))
		fields := forges["GitHub"](secret, body)
		if status, _ := s.deliver(body, fields); status != want {
			t.Errorf("%d bytes: %d, want %d", size, status, want)
		}
		if status, _ := s.do(http.MethodPost, io.MultiReader(strings.NewReader(body)), fields); status != want {
			t.Errorf("%d bytes in chunks: %d, want %d", size, status, want)
		}
	}
}

// A body that is cut is neither accepted nor waited for.
func TestCutDeliveryIsRefused(t *testing.T) {
	s := newStand(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: %s\r\nContent-Length: 100\r\n\r\n%s", secret, main)
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest || s.pokes.Load() != 0 {
		t.Errorf("%d, %d pokes", response.StatusCode, s.pokes.Load())
	}
}

// A body that does not come ends at a deadline.
func TestSlowDeliveryIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the deadline of 10 s")
	}
	t.Parallel()
	s := newStand(t)
	body, _ := io.Pipe()
	defer body.Close()
	began := time.Now()
	status, poked := s.do(http.MethodPost, body, forges["GitLab token"](secret, ""))
	if took := time.Since(began); status != http.StatusRequestTimeout || poked || took > time.Minute {
		t.Errorf("%d after %v, poked %t", status, took, poked)
	}
}

// What a delivery tells leads to no look only where it is certain that nothing
// that is followed has moved.
func TestOnlyCertainPushesElsewhereAreIgnored(t *testing.T) {
	form := func(json string) string { return url.Values{"payload": {json}}.Encode() }
	commits := strings.Repeat(`{"message":"x"},`, 10_000)
	for _, c := range []struct {
		name, event, body, kind, want string
	}{
		{"GitHub main", "X-GitHub-Event: push", main, "", "accepted"},
		{"GitHub other", "X-GitHub-Event: push", other, "", "ignored"},
		{"GitHub tag", "X-GitHub-Event: push", `{"ref":"refs/tags/main"}`, "", "ignored"},
		{"GitHub form", "X-GitHub-Event: push", form(main), "application/x-www-form-urlencoded", "accepted"},
		{"GitHub form other", "X-GitHub-Event: push", form(other), "application/x-www-form-urlencoded", "ignored"},
		{"GitHub large", "X-GitHub-Event: push", `{"ref":"refs/heads/other","commits":[` + commits, "", "ignored"},
		{"GitHub large, late", "X-GitHub-Event: push", `{"commits":[` + commits + `0],"ref":"refs/heads/other"}`, "", "accepted"},
		{"GitHub large form", "X-GitHub-Event: push", form(`{"ref":"refs/heads/other","commits":[` + commits), "application/x-www-form-urlencoded", "accepted"},
		{"GitHub ping", "X-GitHub-Event: ping", `{"zen":"x"}`, "", "ping"},
		{"GitHub delete", "X-GitHub-Event: delete", `{"ref":"other","ref_type":"branch"}`, "", "accepted"},
		{"GitHub other event", "X-GitHub-Event: issues", other, "", "accepted"},
		{"nested", "X-GitHub-Event: push", `{"a":{"ref":"refs/heads/other"}}`, "", "accepted"},
		{"no text", "X-GitHub-Event: push", `{"ref":["refs/heads/other"]}`, "", "accepted"},
		{"notes", "X-GitHub-Event: push", `{"ref":"refs/notes/commits"}`, "", "accepted"},
		{"no JSON", "X-GitHub-Event: push", `refs/heads/other`, "", "accepted"},
		{"empty", "X-GitHub-Event: push", ``, "", "accepted"},
		{"odd type", "X-GitHub-Event: push", other, "text/plain", "accepted"},
		{"no event", "X-Other: push", other, "", "accepted"},
		{"GitLab other", "X-Gitlab-Event: Push Hook", `{"object_kind":"push","ref":"refs/heads/other"}`, "", "ignored"},
		{"GitLab tag", "X-Gitlab-Event: Tag Push Hook", `{"object_kind":"tag_push","ref":"refs/tags/1"}`, "", "ignored"},
		{"Gitea other", "X-Gitea-Event: push", other, "application/json; charset=utf-8", "ignored"},
		{"Forgejo other", "X-Forgejo-Event: push", other, "", "ignored"},
		{"Data Center ping", "X-Event-Key: diagnostics:ping", `{"test":true}`, "", "ping"},
		{"Data Center other", "X-Event-Key: repo:refs_changed", `{"changes":[{"ref":{"id":"refs/heads/other"}}]}`, "", "ignored"},
		{"Data Center both", "X-Event-Key: repo:refs_changed", `{"changes":[{"ref":{"id":"refs/heads/other"}},{"ref":{"id":"refs/heads/main"}}]}`, "", "accepted"},
		{"Data Center none", "X-Event-Key: repo:refs_changed", `{"changes":[]}`, "", "accepted"},
		{"Cloud other", "X-Event-Key: repo:push", `{"push":{"changes":[{"old":null,"new":{"type":"branch","name":"other"}}]}}`, "", "ignored"},
		{"Cloud main deleted", "X-Event-Key: repo:push", `{"push":{"changes":[{"old":{"type":"branch","name":"main"},"new":null}]}}`, "", "accepted"},
		{"Cloud tag", "X-Event-Key: repo:push", `{"push":{"changes":[{"new":{"type":"tag","name":"main"}}]}}`, "", "ignored"},
		{"Cloud unknown", "X-Event-Key: repo:push", `{"push":{"changes":[{"new":{"type":"bookmark","name":"other"}}]}}`, "", "accepted"},
		{"Cloud nothing", "X-Event-Key: repo:push", `{"push":{"changes":[{}]}}`, "", "accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			name, value, _ := strings.Cut(c.event, ": ")
			fields := map[string]string{"X-Hub-Signature-256": "sha256=" + hexSum(secret, c.body), name: value}
			if c.kind != "" {
				fields["Content-Type"] = c.kind
			}
			status, poked := s.deliver(c.body, fields)
			if status != http.StatusAccepted || poked != (c.want == "accepted") || s.count(c.want) != 1 {
				t.Errorf("%d, poked %t, want %s", status, poked, c.want)
			}
		})
	}
}

func TestRefusalsFillNoLog(t *testing.T) {
	s := newStand(t)
	for range 50 {
		_, _ = s.deliver(main, nil)
	}
	if got := s.count("unsigned"); got != 50 {
		t.Errorf("%v counted", got)
	}
	if diff := cmp.Diff(1, strings.Count(s.log.String(), "\n")); diff != "" {
		t.Errorf("lines in the log (-want +got):\n%s\n%s", diff, s.log.String())
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add("push", "application/json", []byte(main), 3)
	f.Add("push", "application/x-www-form-urlencoded", []byte("payload=%7B%22ref%22%3A%22refs%2Fheads%2Fother%22%7D"), 0)
	f.Add("repo:push", "application/json", []byte(`{"push":{"changes":[{"new":{"type":"branch","name":"other"}}]}}`), 10)
	f.Fuzz(func(t *testing.T, event, kind string, body []byte, flip int) {
		pokes := 0
		h := webhook.New(webhook.Options{
			Secrets: func() (string, error) { return secret, nil },
			Poke:    func() { pokes++ },
			Answer:  func(w http.ResponseWriter, _ *http.Request, status int, _ string) { w.WriteHeader(status) },
		})
		deliver := func(body []byte, signed string) int {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			r.Header = http.Header{"Content-Type": {kind}, "X-Hub-Signature-256": {"sha256=" + hexSum(secret, signed)}, "X-Github-Event": {event}, "X-Event-Key": {event}}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if len(body) > 1<<20 {
			return
		}
		if status := deliver(body, string(body)); status != http.StatusAccepted {
			t.Fatalf("signed: %d", status)
		}
		before := pokes
		if len(body) == 0 {
			return
		}
		changed := bytes.Clone(body)
		changed[uint(flip)%uint(len(body))] ^= 1
		if status := deliver(changed, string(body)); status != http.StatusUnauthorized || pokes != before {
			t.Fatalf("changed after signing: %d", status)
		}
	})
}
