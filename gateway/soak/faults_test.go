package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// faultsVariable is the variable of the environment that makes the test's binary
// a process of mirrors at fault.
const faultsVariable = "SWITCHYARD_SOAK_FAULTS"

// faults starts a mirror for each fault of the set. The hosts stand for faults of
// the gateway's own side: see settings.transport.
func faults(t *testing.T) map[string]string {
	t.Helper()
	all := faultyServers(t)
	all["black-holed SYN"], all["DNS failure"], all["panic"] = "http://hole.invalid", "http://unknown.invalid", "http://panic.invalid"
	return all
}

// faultyServers starts those that are servers, in a process that gets only the time
// that callers, deployments and gateway leave: what a mirror computes is not what
// is measured.
func faultyServers(t *testing.T) (urls map[string]string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := []string{binary, "-test.run=^TestServeFaults$"}
	if nice, err := exec.LookPath("nice"); err == nil {
		command = append([]string{nice, "-n", "19"}, command...)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...) // it ends when its stdin does
	cmd.Env = append(os.Environ(), faultsVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := json.NewDecoder(out)
	t.Cleanup(func() {
		_ = in.Close()
		text, _ := io.ReadAll(io.MultiReader(said.Buffered(), out))
		if err := cmd.Wait(); err != nil {
			t.Errorf("the mirrors ended with %v: %s", err, bytes.TrimSpace(text))
		}
	})
	if err := said.Decode(&urls); err != nil {
		t.Fatalf("the mirrors did not start: %v", err)
	}
	return urls
}

// TestServeFaults is what the process of faultyServers runs.
func TestServeFaults(t *testing.T) {
	if os.Getenv(faultsVariable) == "" {
		t.Skip("it is a part of other tests")
	}
	if err := json.NewEncoder(os.Stdout).Encode(testbed.Faults(t)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
