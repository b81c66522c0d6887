//go:build !linux

package soak_test

import (
	"os/exec"
	"testing"
)

// startApart starts a command; cores are given out on Linux only.
func startApart(_ *testing.T, cmd *exec.Cmd) (apart bool, err error) { return false, cmd.Start() }
