package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

// The names under which a service manager hands over listeners that it has
// opened: FileDescriptorName= of systemd.socket(5).
const (
	publicSocket = "public"
	adminSocket  = "admin"
)

// inherit takes the listeners that the service manager has opened, if it has, in
// place of those that the settings name. It holds them while the process is
// restarted, so that callers who come meanwhile wait instead of being refused.
// The protocol is that of sd_listen_fds(3).
func inherit(o *serve.Options) error {
	for _, socket := range activation.Files(true) {
		var place *net.Listener
		switch socket.Name() {
		case publicSocket:
			place = &o.Public
		case adminSocket:
			place = &o.Private
		default:
			return usagef("the service manager hands over a socket named %q; FileDescriptorName= is %s or %s", socket.Name(), publicSocket, adminSocket)
		}
		if *place != nil {
			return usagef("the service manager hands over more than one socket named %q", socket.Name())
		}
		listener, err := net.FileListener(socket)
		if err != nil {
			return usagef("what the service manager hands over as %q does not listen for streams: %v", socket.Name(), err)
		}
		_ = socket.Close() // the listener has a descriptor of its own
		*place = listener
	}
	return nil
}

// tellService tells the service manager, if there is one, when the listeners
// take connections, when the end has begun, and how long that may take, so that
// it is not killed before the time that the settings grant (sd_notify(3)). Whether a revision
// serves is for /readyz to tell: a git server that is down must not keep a
// service from starting.
func tellService(ctx context.Context, o *serve.Options) (stop func() bool) {
	o.Started = func(serve.Addresses) { notify(daemon.SdNotifyReady) }
	end := o.ShutdownDelay + o.GracePeriod + toFlush
	return context.AfterFunc(ctx, func() {
		notify(fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, end.Microseconds()))
	})
}

// toFlush is how long the end may take besides what the settings say: for records
// of what was cut off, the log and its sinks.
const toFlush = 5 * time.Second

// notify is best effort: a manager that does not listen is its own affair.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }
