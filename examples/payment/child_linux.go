package main

import "syscall"

// stopSignal asks a process to end.
const stopSignal = syscall.SIGTERM

// parentDeath has the kernel stop a child when its parent dies, even by kill -9, and keeps Ctrl-C of the terminal from
// it: the demo stops its children in order. The kernel goes by the thread that started the child, which therefore has to
// be locked and to live as long as the demo.
func parentDeath() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
