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

// backgroundVariable is the variable of the environment that makes the test's binary
// a process of background. Its value is that process' setting.
const backgroundVariable = "SWITCHYARD_SOAK_BACKGROUND"

// faults starts a mirror for each fault of the set. The hosts stand for faults of
// the gateway's own side: see settings.transport.
func faults(t *testing.T) map[string]string {
	t.Helper()
	all := faultyServers(t)
	all["black-holed SYN"], all["DNS failure"], all["panic"] = "http://hole.invalid", "http://unknown.invalid", "http://panic.invalid"
	return all
}

// faultyServers starts those that are servers, each with its URL.
func faultyServers(t *testing.T) (urls map[string]string) {
	t.Helper()
	if err := background(t, "TestServeFaults", "faults").Decode(&urls); err != nil {
		t.Fatalf("the mirrors did not start: %v", err)
	}
	return urls
}

// TestServeFaults is what the process of faultyServers runs.
func TestServeFaults(t *testing.T) {
	if os.Getenv(backgroundVariable) == "" {
		t.Skip("it is a part of other tests")
	}
	if err := json.NewEncoder(os.Stdout).Encode(testbed.Faults(t)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// background runs one test of this binary, with a setting for it, in a process that
// gets only the time that callers, deployments and gateway leave: what is at fault there
// is not what is measured. The process ends with the test, or when its
// stdin does, and says what it has to say in JSON.
func background(t *testing.T, test, setting string) (said *json.Decoder) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := []string{binary, "-test.run=^" + test + "$"}
	if nice, err := exec.LookPath("nice"); err == nil {
		command = append([]string{nice, "-n", "19"}, command...)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), backgroundVariable+"="+setting)
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
	said = json.NewDecoder(out)
	t.Cleanup(func() {
		_ = in.Close()
		text, _ := io.ReadAll(io.MultiReader(said.Buffered(), out))
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v: %s", test, err, bytes.TrimSpace(text))
		}
	})
	return said
}
