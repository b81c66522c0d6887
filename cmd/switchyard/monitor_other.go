//go:build !linux

package main

func keepMonitorAwake() {}
