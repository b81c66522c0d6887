package forward_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

func TestAnswerPassesThroughUntouched(t *testing.T) {
	url := deployment(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Server", "model")
		w.Header().Set("X-Request-Id", "theirs")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+string(b))
	})
	g := setup{}.start(t, url)
	res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x/a%2Fb/?q=1;2", strings.NewReader(`{"data": 10}`)))
	if res.StatusCode != http.StatusTeapot || body != `POST /predict/a%2Fb/?q=1;2 {"data": 10}` {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
	r := g.result(t)
	if res.Header.Get("X-Request-Id") == "theirs" || res.Header.Get("X-Switchyard-Backend") != "control" || res.Header.Get("Server") != "model" {
		t.Errorf("header %v", res.Header)
	}
	if r.Outcome != record.OK || r.RequestBytes != 12 || r.ResponseBytes != int64(len(body)) || r.Replica != url || !r.Committed || r.Abort || r.TTFB <= 0 || r.Took < r.TTFB {
		t.Errorf("result %+v", r)
	}
}
