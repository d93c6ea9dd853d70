//go:build !linux

package engine

import "syscall"

// childAttributes: without a parent-death signal the child relies on its
// stdin, a pipe that closes when the server is gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
