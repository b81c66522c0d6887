package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// model VARIABLE SLOPE BASE: starts a model that answers {"data": x} with
// {"data": SLOPE*x + BASE}, and sets VARIABLE to its URL. SLOPE "status" makes one
// that answers with the status BASE, "late" one that reads all it is sent and
// answers 0 after BASE.
func cmdModel(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: model VARIABLE SLOPE BASE")
	}
	server := httptest.NewServer(newModel(ts, args[1], args[2]))
	w := worldOf(ts)
	w.closers = append(w.closers, func() {
		server.CloseClientConnections()
		server.Close()
	})
	ts.Setenv(args[0], server.URL+"/predict")
}

func newModel(ts *testscript.TestScript, slope, base string) http.HandlerFunc {
	switch slope {
	case "status":
		status, err := strconv.Atoi(base)
		ts.Check(err)
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	case "late":
		delay, err := time.ParseDuration(base)
		ts.Check(err)
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			select {
			case <-time.After(delay):
				_, _ = w.Write([]byte(`{"data":0}`))
			case <-r.Context().Done():
			}
		}
	}
	a, err := strconv.ParseFloat(slope, 64)
	ts.Check(err)
	b, err := strconv.ParseFloat(base, 64)
	ts.Check(err)
	return func(w http.ResponseWriter, r *http.Request) {
		var input struct{ Data float64 }
		if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]float64{"data": a*input.Data + b})
	}
}

// gitServer serves the repositories under a directory by git's smart HTTP
// protocol, through git's own backend.
type gitServer struct {
	handler http.Handler
	address string           // held, so that it is there to come back to
	secure  bool             // over TLS
	server  *httptest.Server // nil while it is down
}

// gitserver DIR VARIABLE [FILE] | gitserver down | gitserver up: serves the
// repositories in DIR over HTTP at the URL that VARIABLE is set to; down takes
// it away, up brings it back at the same address. With FILE it speaks HTTPS, and
// its certificate is written there.
func cmdGitServer(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	switch strings.Join(args, " ") {
	case "down":
		w.git.down()
		return
	case "up":
		ts.Check(w.git.up())
		return
	}
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: gitserver DIR VARIABLE [FILE]")
	}
	path, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	address, release, err := testbed.HoldAddress()
	ts.Check(err)
	w.closers = append(w.closers, release)
	w.git = &gitServer{address: address, secure: len(args) == 3, handler: &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + ts.MkAbs(args[0]), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_CONFIG_COUNT=2",
			"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
		},
	}}
	ts.Check(w.git.up())
	w.closers = append(w.closers, w.git.down)
	ts.Setenv(args[1], w.git.server.URL)
	if w.git.secure {
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.git.server.Certificate().Raw})
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), certificate, 0o600))
	}
}

func (g *gitServer) up() error {
	listener, err := net.Listen("tcp", g.address)
	if err != nil {
		return err
	}
	g.server = httptest.NewUnstartedServer(g.handler)
	_ = g.server.Listener.Close()
	g.server.Listener = listener
	if g.secure {
		g.server.StartTLS()
	} else {
		g.server.Start()
	}
	return nil
}

func (g *gitServer) down() {
	if g.server == nil {
		return
	}
	g.server.CloseClientConnections()
	g.server.Close()
	g.server = nil
}
