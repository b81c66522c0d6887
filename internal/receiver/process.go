package receiver

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Variables that make a test binary a receiver of webhooks.
const (
	addressEnv = "SWITCHYARD_TEST_RECEIVER" // the address that it listens on
	fileEnv    = "SWITCHYARD_TEST_FILE"     // the file that it writes to
)

// Main is the whole life of a process that StartProcess has started; in any other it
// returns false. TestMain calls it first, with os.Getenv.
func Main(env func(string) string) bool {
	address := env(addressEnv)
	if address == "" {
		return false
	}
	receive(address, env(fileEnv))
	return true
}

// receive appends each delivery of a webhook that it has not seen to a file, before it
// answers. It ends by being killed.
func receive(address, path string) {
	seen := map[string]bool{}
	for _, d := range Deliveries(path) {
		seen[d.ID] = true
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString("\n") // ends the line within which another was killed
	}
	if err != nil {
		panic(err)
	}
	turn := make(chan struct{}, 1)
	panic(http.ListenAndServe(address, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		turn <- struct{}{}
		defer func() { <-turn }()
		d := Delivery{ID: r.Header.Get("X-Switchyard-Delivery")}
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil || seen[d.ID] {
			return
		}
		line, err := json.Marshal(d)
		if err != nil {
			panic(err)
		}
		if _, err := file.Write(append(line, '\n')); err != nil {
			panic(err)
		}
		seen[d.ID] = true
	})))
}

// Delivery is what the process keeps of a call.
type Delivery struct {
	ID   string
	Data []json.RawMessage // the records
}

// Deliveries are those that a process kept in the file. The last line may be cut short
// by its end: that delivery was not answered.
func Deliveries(path string) []Delivery {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	var all []Delivery
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var d Delivery
		if json.Unmarshal(lines.Bytes(), &d) == nil {
			all = append(all, d)
		}
	}
	return all
}

// StartProcess runs a receiver of webhooks, which heeds the ids of deliveries and keeps
// them in a file, until it is killed or the test ends.
func StartProcess(tb testing.TB, address, path string) (kill func()) {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c := exec.CommandContext(tb.Context(), program)
	c.Env = append(c.Environ(), addressEnv+"="+address, fileEnv+"="+path)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	tb.Cleanup(kill)
	testbed.Eventually(tb, "the receiver listens", func() bool {
		conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return kill
}
