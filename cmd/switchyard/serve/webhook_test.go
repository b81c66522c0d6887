package serve_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const hookSecret = "what the forge was given"

func hookSecrets() (string, error) { return hookSecret, nil }

// deliver posts a push hook as GitHub does.
func deliver(t testing.TB, client *http.Client, url, branch, secret string) (status int, answer map[string]string, header http.Header) {
	t.Helper()
	body := `{"ref":"refs/heads/` + branch + `"}`
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/-/webhook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(h, body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(h.Sum(nil)))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &answer); err != nil {
		t.Errorf("the answer is no JSON: %v: %s", err, b.String())
	}
	return response.StatusCode, answer, response.Header
}

func static(answer string) map[string]string {
	return map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {static: " + answer + "}}\n"}
}

func fronts(t *testing.T, test func(t *testing.T, o serve.Options)) {
	for name, o := range map[string]serve.Options{"std": {}, "own": {OwnFront: true, OwnUpstream: true}} {
		t.Run(name, func(t *testing.T) { test(t, o) })
	}
}

// A commit serves when its push hook is delivered, long before the next poll.
func TestPushHookMakesACommitServe(t *testing.T) {
	fronts(t, func(t *testing.T, o serve.Options) {
		o.WebhookSecrets = hookSecrets
		r := start(t, o, static("1"))
		commit := r.commit(static("2"))
		status, answer, header := deliver(t, r.client, r.url, "main", hookSecret)
		if status != http.StatusAccepted || answer["status"] != "accepted" || header.Get("X-Request-Id") == "" {
			t.Errorf("%d %v %v", status, answer, header)
		}
		r.wait("swap to "+commit, func(l line) bool { return l.Event == "swap" && l.Commit == commit })
		if status, body := r.call(http.MethodGet, r.url+"/v1/e", ""); status != http.StatusOK || body != "2" {
			t.Errorf("%d %s", status, body)
		}
		if status, answer, _ := deliver(t, r.client, r.url, "feature", hookSecret); status != http.StatusAccepted || answer["status"] != "ignored" {
			t.Errorf("a branch that nobody follows: %d %v", status, answer)
		}
		if _, metrics := r.call(http.MethodGet, r.admin+"/metrics", ""); !strings.Contains(metrics, `switchyard_webhook_requests_total{result="accepted"} 1`) {
			t.Error("the metrics do not count it")
		}
	})
}

// The first revision was refused, so nothing serves: the hook of the push that
// corrects it is taken.
func TestPushHookIsTakenBeforeAnythingServes(t *testing.T) {
	fronts(t, func(t *testing.T, o serve.Options) {
		o.WebhookSecrets = hookSecrets
		r := begin(t, o, map[string]string{"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {deployment: {branch: late, name: m, version: latest}}}\n"})
		r.wait("reject", func(l line) bool { return l.Event == "reject" })
		if status, _ := r.call(http.MethodGet, r.url+"/v1/e", ""); status != http.StatusServiceUnavailable {
			t.Errorf("an endpoint: %d", status)
		}
		commit := r.commit(static("1"))
		if status, answer, _ := deliver(t, r.client, r.url, "late", hookSecret); status != http.StatusAccepted || answer["status"] != "accepted" {
			t.Errorf("%d %v", status, answer)
		}
		r.wait("swap to "+commit, func(l line) bool { return l.Event == "swap" && l.Commit == commit })
	})
}

func TestWebhookRefusesWithTheErrorsOfTheContract(t *testing.T) {
	fronts(t, func(t *testing.T, o serve.Options) {
		o.WebhookSecrets = hookSecrets
		r := start(t, o, static("1"))
		status, answer, header := deliver(t, r.client, r.url, "main", "a guess")
		if status != http.StatusUnauthorized || answer["error"] == "" || answer["requestId"] == "" || answer["requestId"] != header.Get("X-Request-Id") {
			t.Errorf("%d %v %v", status, answer, header)
		}
		if status, body := r.call(http.MethodGet, r.url+"/-/webhook", ""); status != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d %s", status, body)
		}
		large := strings.Repeat("x", 1<<20+1)
		if status, body := r.call(http.MethodPost, r.url+"/-/webhook", large); status != http.StatusRequestEntityTooLarge {
			t.Errorf("too large: %d %s", status, body)
		}
	})
}

func TestWithoutSecretsThereIsNoWebhook(t *testing.T) {
	fronts(t, func(t *testing.T, o serve.Options) {
		r := start(t, o, static("1"))
		status, answer, _ := deliver(t, r.client, r.url, "main", hookSecret)
		if status != http.StatusNotFound || answer["requestId"] == "" {
			t.Errorf("%d %v", status, answer)
		}
		if status, _ := r.call(http.MethodGet, r.url+"/-/webhook", ""); status != http.StatusNotFound {
			t.Errorf("GET: %d", status)
		}
	})
}

// A delivery that does not come holds nothing up: neither others, nor the end.
func TestSlowDeliveryHoldsNothingUp(t *testing.T) {
	fronts(t, func(t *testing.T, o serve.Options) {
		t.Parallel()
		o.WebhookSecrets = hookSecrets
		r := start(t, o, static("1"))
		body, feed := io.Pipe()
		defer feed.Close()
		answered := make(chan int, 1)
		go func() {
			request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/-/webhook", body)
			if err != nil {
				answered <- 0
				return
			}
			request.ContentLength = 100
			request.Header.Set("X-Gitlab-Token", hookSecret)
			response, err := r.client.Do(request)
			if err != nil {
				answered <- 0
				return
			}
			defer response.Body.Close()
			answered <- response.StatusCode
		}()
		began := time.Now()
		if status, _, _ := deliver(t, r.client, r.url, "main", hookSecret); status != http.StatusAccepted {
			t.Errorf("another delivery: %d", status)
		}
		select {
		case status := <-answered:
			if status != http.StatusRequestTimeout {
				t.Errorf("the slow one: %d", status)
			}
		case <-time.After(time.Minute):
			t.Errorf("the slow one has no answer after %v", time.Since(began))
		}
	})
}

// From git push over a git server's hook to the new answer.
func TestPushServesThroughAForge(t *testing.T) {
	f := newHookingForge(t)
	f.commit(static("1"))
	f.push()
	r := start(t, serve.Options{
		WebhookSecrets: hookSecrets,
		Repository:     gitsync.Options{URL: f.url, Branch: "main", Poll: time.Hour},
	}, static("0"))
	f.deliverTo(r.url)
	f.commit(static("2"))
	f.push()
	testbed.Eventually(t, "the pushed answer", func() bool {
		_, body := r.call(http.MethodGet, r.url+"/v1/e", "")
		return body == "2"
	})
}
