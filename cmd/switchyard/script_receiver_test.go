package main

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/internal/receiver"
)

// receiver VARIABLE FILE: starts a receiver of records, which takes those of webhooks,
// and logs and spans over OTLP, and sets VARIABLE to its URL. Each that it gets is a
// line of JSON in FILE, with the token that it was sent with.
func cmdReceiver(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: receiver VARIABLE FILE")
	}
	file, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	var mu sync.Mutex // a batch's lines stand together
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines, err := received(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, line := range lines {
			line["token"] = r.Header.Get("X-Token")
			_ = json.NewEncoder(file).Encode(line) // the script misses what is not there
		}
	}))
	w := worldOf(ts)
	w.closers = append(w.closers, func() {
		server.Close()
		_ = file.Close()
	})
	ts.Setenv(args[0], server.URL)
}

// received are the records, logs or spans of a call.
func received(r *http.Request) (all []map[string]any, err error) {
	body, err := receiver.Read(r)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/logs"):
		var call logs.ExportLogsServiceRequest
		err = proto.Unmarshal(body, &call)
		for _, of := range call.ResourceLogs {
			for _, l := range of.ScopeLogs[0].LogRecords {
				all = append(all, receiver.Attributes(l.Attributes))
			}
		}
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		var call traces.ExportTraceServiceRequest
		err = proto.Unmarshal(body, &call)
		for _, of := range call.ResourceSpans {
			for _, s := range of.ScopeSpans[0].Spans {
				all = append(all, map[string]any{"span": s.Name, "traceId": hex.EncodeToString(s.TraceId), "spanId": hex.EncodeToString(s.SpanId)})
			}
		}
	default:
		var document struct{ Data []map[string]any }
		err = json.Unmarshal(body, &document)
		all = document.Data
	}
	return all, err
}
