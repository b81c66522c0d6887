//go:build !linux

package front

import (
	"errors"
	"net"
)

// watch does not exist here: Serve hands every connection over.
type watch struct{}

func newWatch() (*watch, error)               { return nil, errors.ErrUnsupported }
func (*watch) add(*net.TCPConn, uint64) error { return errors.ErrUnsupported }
func (*watch) remove(*net.TCPConn) error      { return errors.ErrUnsupported }
func (*watch) run(func(id uint64))            {}
func (*watch) close()                         {}

// turns are not needed either.
type turns struct{}

func newTurns() (*turns, error) { return nil, errors.ErrUnsupported }
func (*turns) pass()            {}
func (*turns) close()           {}
