package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What /proc says of the processes that are measured. Reading it costs them nothing, which asking
// them would.

// childOf finds the engine: the only child of the server.
func childOf(parent int) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		fields, err := statFields(path)
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, errors.New("the server has no engine child; the benchmark reads /proc and needs Linux")
}

// statFields are the fields of a stat file behind the command's name: state, parent and so on.
func statFields(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest), nil
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

func cpuSeconds(pid int) (float64, error) {
	return cpuOf(fmt.Sprintf("/proc/%d/stat", pid))
}

func cpuOf(path string) (float64, error) {
	fields, err := statFields(path)
	if err != nil {
		return 0, err
	}
	const user, system = 11, 12 // fields 14 and 15 of proc(5), counted from the state
	if len(fields) <= system {
		return 0, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	u, err1 := strconv.ParseFloat(fields[user], 64)
	k, err2 := strconv.ParseFloat(fields[system], 64)
	return (u + k) / ticksPerSecond, errors.Join(err1, err2)
}

// mergeThread is what the engine calls the threads that merge parts. There are as many as may merge
// at once, from its start to its end.
const mergeThread = "MergeMutate"

// mergeSeconds is what the engine has spent merging, in the threads that lead a merge.
func mergeSeconds(pid int) (sum float64, err error) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	if err != nil {
		return 0, err
	}
	threads := 0
	for _, path := range names {
		name, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(name)) != mergeThread {
			continue // ended just now, or another one
		}
		cpu, err := cpuOf(filepath.Join(filepath.Dir(path), "stat"))
		if err != nil {
			return 0, err
		}
		threads++
		sum += cpu
	}
	if threads == 0 {
		return 0, fmt.Errorf("process %d has no thread %s: when its merges are over cannot be told", pid, mergeThread)
	}
	return sum, nil
}

// memory is a process's resident memory in bytes.
type memory struct{ now, peak int64 }

func memoryOf(pid int) (m memory, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &m.now, "VmHWM": &m.peak}[name]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read memory of process %d: %w", pid, err)
		}
		*into = kib << 10
	}
	if m.now == 0 || m.peak == 0 {
		return m, fmt.Errorf("process %d shows no resident memory", pid)
	}
	return m, nil
}
