//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "sync: it measures with what only Linux has")
	os.Exit(1) //nolint:forbidigo // this is a command
}
