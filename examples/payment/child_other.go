//go:build !linux

package main

import (
	"os"
	"syscall"
)

// stopSignal asks a process to end.
var stopSignal = os.Interrupt

// parentDeath does nothing here: services end with their standard input.
func parentDeath() *syscall.SysProcAttr { return nil }
