//go:build !linux

package front

import (
	"net"
	"time"
)

// limitStall does nothing here.
func limitStall(net.Listener, time.Duration) error { return nil }
