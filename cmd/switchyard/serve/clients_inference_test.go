package serve_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var proto = flag.String("proto", "testdata/inference/inference.proto", "the Open Inference Protocol that clients and servers are made from")

// The npm client of gRPC, made from the Open Inference Protocol, works through the
// gateway unmodified: by metadata and by the path alone, over TLS and without; in one
// message and in streams, with trailers, errors, deadlines, and aborted. The server is
// made from the protocol as well, by the same library.
func TestClientsOfInference(t *testing.T) {
	file, err := filepath.Abs(*proto)
	if err != nil {
		t.Fatal(err)
	}
	npm := published(t, "inference", "PROTO="+file)
	url, givenUp := modelServer(t, npm)
	files := map[string]string{
		"deployments/m.yaml":   fmt.Sprintf("schemaVersion: 1\nprotocol: h2c\nversions: {1: {url: %q}, 2: {url: %q}}\n", url, url+"/"+inferService),
		"endpoints/model.yaml": "schemaVersion: 1\nbackends: {live: {deployment: {branch: main, name: m, version: 1}}}\nmirrors: {copy: {deployment: {branch: main, name: m, version: 1}}}\n",
		"endpoints/path.yaml":  "schemaVersion: 1\npath: /" + inferService + "\nbackends: {live: {deployment: {branch: main, name: m, version: 2}}}\n",
	}
	test := func(t *testing.T, r *running, more ...string) {
		_, address, _ := strings.Cut(r.url, "://")
		for _, endpoint := range []string{"model", ""} {
			npm.run("node", append([]string{"client.mjs", address, endpoint}, more...)...)
			testbed.Receive(t, "the end of a call at the deployment that its caller gave up", givenUp)
		}
		r.wait("a copy", func(l line) bool { return l.Role == "mirror" && l.Outcome == "ok" && l.Path == infer })
		r.wait("a canceled call", func(l line) bool { return l.Role == "live" && l.Outcome == "canceled" && l.Path == infer })
	}
	for _, own := range []bool{true, false} {
		o := serve.Options{OwnFront: own, OwnUpstream: own, H2C: true, GracePeriod: testbed.Patience}
		t.Run(fmt.Sprint("h2c, own engines ", own), func(t *testing.T) { test(t, start(t, o, files)) })
		t.Run(fmt.Sprint("TLS, own engines ", own), func(t *testing.T) {
			r, a, _ := securely(t, o, files)
			test(t, r, a.File(), secureHost)
		})
	}
}

// modelServer runs the server until the test ends. givenUp gets a value for each call
// that its caller has given up.
func modelServer(t *testing.T, npm *programs) (url string, givenUp <-chan struct{}) {
	t.Helper()
	command := npm.command(context.WithoutCancel(t.Context()), "node", "server.mjs") // it ends when its stdin does
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() {
		t.Fatal("the server did not start")
	}
	url = said.Text()
	calls := make(chan struct{}, 1000) // more than all tests give up
	read := make(chan struct{})
	go func() {
		defer close(read)
		for said.Scan() {
			calls <- struct{}{}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-read
		if err := command.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return url, calls
}
