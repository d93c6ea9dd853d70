package engine

import "syscall"

// childAttributes lets the kernel kill the child with the thread that started
// it (the supervisor keeps that thread for its life), and keeps the terminal's
// Ctrl-C away from it: the server stops it in its own order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
