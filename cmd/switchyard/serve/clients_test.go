package serve_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// The npm client of OpenAI works through the gateway unmodified: by the URL of an
// endpoint and by its name as the model; in one piece, streaming, and aborted.
func TestClientsOfOpenAI(t *testing.T) {
	npm := published(t, "openai")
	left := make(chan struct{}, 2)
	url := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) { assistant(w, r, left) })
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprint("own engines ", own), func(t *testing.T) {
			gateway := start(t, serve.Options{OwnFront: own, OwnUpstream: own}, map[string]string{
				"deployments/m.yaml":  fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q, model: chat-7b}}\n", url+"/v1"),
				"endpoints/chat.yaml": "schemaVersion: 1\nbackends: {live: {deployment: {branch: main, name: m, version: 1}}}\n",
			})
			npm.run("node", "client.mjs", gateway.url)
			for range 2 {
				testbed.Receive(t, "the end of an aborted stream at the deployment", left)
			}
			gateway.wait("the aborted stream", func(l line) bool { return l.Outcome == "canceled" })
		})
	}
}

// assistant answers as a server of OpenAI's API does. left is told when the caller of
// an endless stream has left.
func assistant(w http.ResponseWriter, r *http.Request, left chan<- struct{}) {
	var in struct {
		Model, User string
		Stream      bool
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method == http.MethodPost && (json.Unmarshal(body, &in) != nil || in.Model != "chat-7b") {
		http.Error(w, fmt.Sprintf(`{"error":{"message":"no model %q"}}`, in.Model), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	const text = "Yes, it is."
	switch {
	case in.Stream:
		stream(w, r, in.User == "endless", left)
	case r.URL.Path == "/v1/chat/completions":
		_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","model":"chat-7b","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"`+text+`"}}]}`)
	case r.URL.Path == "/v1/responses":
		_, _ = io.WriteString(w, `{"id":"1","object":"response","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"`+text+`","annotations":[]}]}]}`)
	case r.URL.Path == "/v1/embeddings":
		_, _ = io.WriteString(w, `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,0.5]}]}`)
	case r.URL.Path == "/v1/models":
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"chat-7b","object":"model"}]}`)
	default:
		http.NotFound(w, r)
	}
}

// stream answers with events, a few or without end.
func stream(w http.ResponseWriter, r *http.Request, endless bool, left chan<- struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) {
		_, _ = fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":%q}}]}`+"\n\n", text)
		_ = http.NewResponseController(w).Flush()
	}
	if endless {
		send("on and ")
		<-r.Context().Done()
		left <- struct{}{}
		return
	}
	for _, part := range []string{"Yes", ", it", " is."} {
		send(part)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}
