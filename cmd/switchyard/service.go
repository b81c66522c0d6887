package main

import (
	"context"
	"fmt"
	"net"

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
	given, err := activation.ListenersWithNames()
	if err != nil {
		return fmt.Errorf("take the service manager's listeners: %w", err)
	}
	for name, listeners := range given {
		var place *net.Listener
		switch name {
		case publicSocket:
			place = &o.Public
		case adminSocket:
			place = &o.Private
		default:
			return usagef("the service manager hands over a socket named %q; FileDescriptorName= is %s or %s", name, publicSocket, adminSocket)
		}
		if len(listeners) != 1 || listeners[0] == nil {
			return usagef("the service manager hands over %d sockets named %q; one that listens for streams is taken", len(listeners), name)
		}
		*place = listeners[0]
	}
	return nil
}

// tellService tells the service manager, if there is one, when the listeners
// take connections and when the end has begun (sd_notify(3)). Whether a revision
// serves is for /readyz to tell: a git server that is down must not keep a
// service from starting.
func tellService(ctx context.Context, o *serve.Options) (stop func() bool) {
	o.Started = func(serve.Addresses) { notify(daemon.SdNotifyReady) }
	return context.AfterFunc(ctx, func() { notify(daemon.SdNotifyStopping) })
}

// notify is best effort: a manager that does not listen is its own affair.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }
