package spanlog

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// statEvery bounds how often the file system is asked; between two questions a fast disk can
// take about 2 GB/s × 0.1 s = 200 MB, well under the default reserve.
const statEvery = 100 * time.Millisecond

// disk answers how much space the log's file system has left, at a bounded rate.
type disk struct {
	dir string

	// mu guards everything below.
	mu      sync.Mutex
	askedAt time.Time
	free    int64
}

func (d *disk) freeBytes(now time.Time) int64 {
	if d == nil {
		return -1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.askedAt.IsZero() && now.Sub(d.askedAt) < statEvery {
		return d.free
	}
	d.askedAt = now
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		// Unknown is not full: the write itself will tell.
		d.free = 1<<63 - 1
		return d.free
	}
	d.free = int64(st.Bavail) * st.Bsize //nolint:gosec // no disk has 8 EiB
	return d.free
}
