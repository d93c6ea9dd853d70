package engine_test

import (
	"fmt"
	"syscall"
	"testing"
)

// mountSmall needs the right to mount; false without it.
func mountSmall(dir string, bytes int) bool {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)) == nil
}

func unmount(t *testing.T, dir string) {
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
