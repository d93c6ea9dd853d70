package engine

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

const (
	gib = int64(1) << 30
	mib = int64(1) << 20

	maxDefaultMemory = 4 * gib   // a server beside other things should not take more unasked
	minDefaultMemory = 512 * mib // below this ordinary merges fail
	memoryShare      = 3         // a third of the machine

	minConnections = 4 // an insert, a migration and two questions
	maxConnections = 16
)

func defaultConnections() int {
	return min(max(2*runtime.NumCPU(), minConnections), maxConnections)
}

// defaultMemoryBytes is a third of the memory that this process may use, at
// most 4 GiB. A cgroup's limit counts where it is smaller than the machine.
func defaultMemoryBytes() int64 {
	available := machineMemory()
	for _, f := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(f); err == nil {
			if n := parseBytes(string(b)); n > 0 && (available == 0 || n < available) {
				available = n
			}
		}
	}
	if available == 0 {
		return maxDefaultMemory
	}
	return max(min(available/memoryShare, maxDefaultMemory), minDefaultMemory)
}

// machineMemory is the physical memory in bytes, 0 where it is not known.
func machineMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			return parseBytes(strings.TrimSuffix(strings.TrimSpace(rest), " kB")) * 1024
		}
	}
	return 0
}

// parseBytes reads a decimal number; "max" and nonsense are 0.
func parseBytes(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
