package testbed

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// Loopback is an address of this machine that is this process's alone, where the whole
// of 127.0.0.0/8 is the machine's, as on Linux: a server that is stopped there finds its
// port free when it starts again, and until then nobody else answers at it. Elsewhere it
// is 127.0.0.1.
func Loopback(tb testing.TB) string {
	tb.Helper()
	pid := os.Getpid()
	own := fmt.Sprintf("127.%d.%d.%d", 1+pid>>16&0x7f, pid>>8&0xff, pid&0xff)
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(own, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	_ = l.Close()
	return own
}
