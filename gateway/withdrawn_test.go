package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// stream is a stream of events that is open.
type stream struct {
	status int
	lines  *bufio.Reader
}

// stream opens one.
func (s *stage) stream(path, key string) stream {
	s.t.Helper()
	var header []string
	if key != "" {
		header = []string{"Authorization", "Bearer " + key}
	}
	res := s.open(http.MethodGet, path, http.NoBody, header...)
	s.t.Cleanup(func() { res.Body.Close() })
	return stream{res.StatusCode, bufio.NewReader(res.Body)}
}

// begun reads the first event, and reports whether there is one.
func (s stream) begun() bool {
	line, err := s.lines.ReadString('\n')
	return err == nil && line == "data: open\n"
}

// rest is what comes until the stream ends.
func (s stream) rest() (string, error) {
	text, err := io.ReadAll(s.lines)
	return strings.TrimSpace(string(text)), err
}

// streaming is a deployment whose streams end when end is closed.
func streaming(t *testing.T) (url string, end chan struct{}) {
	t.Helper()
	end = make(chan struct{})
	return testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: open\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
			_, _ = io.WriteString(w, "data: end\n")
		case <-r.Context().Done():
		}
	}), end
}

func TestStreamsEndWithTheKeyThatLetThemIn(t *testing.T) {
	url, end := streaming(t)
	s := newStage(t, options{access: schema.AccessOptional})
	f := files{"endpoints/chat.yaml": aliasOf("model", ""), "endpoints/other.yaml": aliasOf("model", ""), "deployments/model.yaml": deployment(url)}
	keys := map[string]string{}
	for _, name := range []string{"kept", "renamed", "narrower", "gone", "expired", "elsewhere", "exchanged"} {
		keys[name], f["keys/"+name+".yaml"] = newKey("endpoints: '*'")
	}
	s.serve(f)
	ends := map[string]string{
		"gone": "the API key is not known", "exchanged": "the API key is not known", "expired": "the API key has expired",
		"elsewhere": `the API key is not good for the endpoint "chat"`,
	}
	streams := map[string]stream{"": s.stream("/v1/chat", "")}
	for name, key := range keys {
		streams[name] = s.stream("/v1/chat", key)
	}
	for name, open := range streams {
		if !open.begun() {
			t.Fatalf("%s: the stream does not begin: %d", name, open.status)
		}
	}
	delete(f, "keys/gone.yaml")
	f["keys/renamed_since.yaml"] = f["keys/renamed.yaml"]
	delete(f, "keys/renamed.yaml")
	f["keys/narrower.yaml"] = strings.Replace(f["keys/narrower.yaml"], "'*'", "[chat]", 1)
	f["keys/elsewhere.yaml"] = strings.Replace(f["keys/elsewhere.yaml"], "'*'", "[other]", 1)
	f["keys/expired.yaml"] += "expires: 2020-01-01\n"
	_, f["keys/exchanged.yaml"] = newKey("endpoints: '*'")
	s.serve(f)
	for name := range ends {
		if rest, err := streams[name].rest(); err == nil || rest != "" {
			t.Errorf("%s: the stream ended in order, with %q", name, rest)
		}
	}
	for _, r := range s.written(len(ends), func(f fields) bool { return f["event"] == "inference" }) {
		name, _ := r["keyName"].(string)
		if r["errorKind"] != "revoked" || r["outcome"] != "canceled" || r["status"] != float64(http.StatusOK) || ends[name] == "" || r["error"] != ends[name] {
			t.Errorf("%v", r)
		}
	}
	close(end)
	for _, name := range []string{"", "kept", "renamed", "narrower"} {
		if rest, err := streams[name].rest(); err != nil || rest != "data: end" {
			t.Errorf("%s: %q %v", name, rest, err)
		}
	}
}

func TestStreamsEndWithTheTokenThatLetThemIn(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	url, _ := streaming(t)
	s := newStage(t, options{tokens: trusted(t, i, "")})
	s.serve(files{"endpoints/chat.yaml": aliasOf("model", ""), "deployments/model.yaml": deployment(url)})
	for lasts := 2 * time.Second; ; lasts *= 2 {
		open := s.stream("/v1/chat", i.Token(k, "switchyard", map[string]any{"exp": time.Now().Add(lasts).Unix()}))
		if (open.status == http.StatusUnauthorized || !open.begun()) && lasts < time.Minute {
			continue // it took us longer than that to show it, or the deployment to begin
		}
		if rest, err := open.rest(); open.status != http.StatusOK || err == nil || rest != "" {
			t.Errorf("%d: the stream ended in order, with %q", open.status, rest)
		}
		break
	}
	if r := s.written(1, func(f fields) bool { return f["event"] == "inference" })[0]; r["errorKind"] != "revoked" || r["error"] != "the token has expired" || r["keyName"] != "jwt:user-1" {
		t.Errorf("%v", r)
	}
}
