package testbed_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestALogCanBeReadWhileItIsWritten(t *testing.T) {
	var log testbed.Log
	written := make(chan struct{})
	go func() {
		defer close(written)
		for range 100 {
			_, _ = io.WriteString(&log, `{"n":1}`+"\n")
		}
	}()
	testbed.Eventually(t, "all is written", func() bool {
		return len(testbed.Lines[struct{ N int }](t, &log)) == 100
	})
	testbed.Receive(t, "the end", written)
}

// Servers end with their test, and their connections with them; goleak sees what
// does not.
func TestServersEndWithTheTest(t *testing.T) {
	t.Run("", func(t *testing.T) {
		for name, url := range testbed.Faults(t) {
			if name == "refused" {
				continue
			}
			c := dial(t, strings.TrimPrefix(strings.Replace(url, "https:", "http:", 1), "http://"))
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		dial(t, strings.TrimPrefix(testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "http://"))
	})
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Nobody listens at a held address but who was told it, one after the other.
func TestAHeldAddressIsForWhoWasToldIt(t *testing.T) {
	address := testbed.Address(t)
	for range 3 {
		if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			t.Fatal("somebody listens")
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = dial(t, address).Close()
		_ = l.Close()
	}
}

func TestAWebSocketSendsBackWhatComes(t *testing.T) {
	c := dial(t, strings.TrimPrefix(testbed.TCP(t, testbed.WebSocket), "http://")).(*net.TCPConn)
	if _, err := io.WriteString(c, testbed.UpgradeRequest("/")+"hello"); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	got, err := io.ReadAll(c)
	if diff := cmp.Diff("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello", string(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
