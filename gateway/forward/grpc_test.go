package forward_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

func TestGRPCTimeoutIsRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "4m": 4 * time.Millisecond, "5u": 5 * time.Microsecond, "6n": 6,
		"0m": 0, "99999999H": 1000 * time.Hour, "99999999S": 1000 * time.Hour, "99999999n": 99999999,
		"": -1, "m": -1, "1": -1, "1s": -1, "-1m": -1, "+1m": -1, "1.5S": -1, "123456789m": -1, "1 S": -1, "S1": -1, "1h": -1,
	} {
		r := &http.Request{Header: http.Header{"Grpc-Timeout": {text}}}
		got, ok := forward.GRPCTimeout(r)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestGRPCIsRecognised(t *testing.T) {
	for _, tt := range []struct {
		method, contentType string
		major               int
		want                bool
	}{
		{http.MethodPost, "application/grpc", 2, true},
		{http.MethodPost, "application/grpc+proto", 2, true},
		{http.MethodPost, "application/grpc;x=y", 2, true},
		{http.MethodPost, "application/grpc-web", 2, false},
		{http.MethodPost, "application/grpc-web+proto", 2, false},
		{http.MethodPost, "application/json", 2, false},
		{http.MethodPost, "application/grpc", 1, false},
		{http.MethodGet, "application/grpc", 2, false},
	} {
		r := &http.Request{Method: tt.method, ProtoMajor: tt.major, Header: http.Header{"Content-Type": {tt.contentType}}}
		if got := forward.IsGRPC(r); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// A message is printable ASCII on the wire, whatever a caller's path puts into it.
func TestGRPCMessageIsEncoded(t *testing.T) {
	w := httptest.NewRecorder()
	r := &http.Request{Method: http.MethodPost, ProtoMajor: 2, Header: http.Header{"Content-Type": {"application/grpc"}}}
	forward.WriteError(w, r, http.StatusNotFound, "50 % of é\r\n", "id")
	if got := w.Header().Get("Grpc-Message"); w.Code != http.StatusOK || got != "50 %25 of %C3%A9%0D%0A" || w.Body.Len() > 0 {
		t.Errorf("%d %q %q", w.Code, got, w.Body)
	}
}
