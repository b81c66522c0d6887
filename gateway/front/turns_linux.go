package front

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// turns lets goroutines give way to whatever the network has brought.
//
// Go's scheduler asks for news of sockets when there is nothing left to run, or else when its monitor does, every 10 ms. A
// connection whose next bytes are always there already never lets it run dry: on a busy processor others then wait for
// those 10 ms. runtime.Gosched does not help, for what it puts aside can be run; a sleep does, but where there is no news it
// lasts for a millisecond. So who gives way waits for an event of its own making, which comes in with all the others.
type turns struct {
	events *os.File // an eventfd
	raw    syscall.RawConn
}

// one is what is added to the eventfd.
var one = binary.NativeEndian.AppendUint64(nil, 1)

func newTurns() (*turns, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	events := os.NewFile(uintptr(fd), "eventfd")
	raw, err := events.SyscallConn()
	if err != nil {
		events.Close()
		return nil, fmt.Errorf("use eventfd: %w", err)
	}
	return &turns{events, raw}, nil
}

// pass returns when the goroutines have run whose sockets had news. It costs about a microsecond. The event is never read:
// the poller is told of each write, and 2^64 of them do not come together. It does nothing for a Server that never served.
func (t *turns) pass() {
	if t == nil {
		return
	}
	made := false
	_ = t.raw.Read(func(fd uintptr) bool { // fails when closed: then nobody has to wait
		if made {
			return true
		}
		made = true
		_, err := syscall.Write(int(fd), one)
		return err != nil
	})
}

func (t *turns) close() { t.events.Close() }
