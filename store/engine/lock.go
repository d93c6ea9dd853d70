package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	ownerLockFile = "engine.lock" // in the data folder; held by the server, carries its pid
	childLockFile = "child.lock"  // in the engine's folder; held by the child while it has the data open
	dataFolder    = "engine"      // of the data folder; all that the child writes

	// predecessorTimeout is how long a new child waits for the one of a killed
	// server to let go of the data; it is killed by the kernel, so this is short.
	predecessorTimeout = 15 * time.Second
	lockRetryEvery     = 20 * time.Millisecond
	// killedWithin is how long the kernel may take to let go of what a killed owner had.
	killedWithin = 3 * time.Second

	// maxSocketPath is the length at which sun_path is surely too short (104 on
	// darwin, 108 on linux, the closing NUL included).
	maxSocketPath = 100
)

// InUseError says that another process owns the data folder.
type InUseError struct {
	DataDir string
	PID     int // 0 when the owner has not written it
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by %s; stop it, or choose another folder with --data-dir", e.DataDir, who)
}

// lockDataDir takes the owner's lock and writes the pid into it. The kernel
// drops the lock with the process, so a stale file never blocks a start.
func lockDataDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, ownerLockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), killedWithin)
	defer cancel()
	if err := flock(ctx, f); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data folder %q: %w", dir, err)
		}
		var buf [32]byte
		n, _ := f.ReadAt(buf[:], 0) // an unreadable pid only makes the message poorer
		pid, _ := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
		return nil, &InUseError{DataDir: dir, PID: pid}
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write lock %q: %w", path, err), f.Close())
	}
	return f, nil
}

// flock takes the lock of a file, for which it waits as long as ctx allows; the error is then EWOULDBLOCK.
func flock(ctx context.Context, f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lockRetryEvery):
		}
	}
}

// lockChild waits until the data is free of a predecessor's child.
func lockChild(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, predecessorTimeout)
	defer cancel()
	f, err := os.OpenFile(filepath.Join(dir, childLockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of engine folder: %w", err)
	}
	switch err := flock(ctx, f); {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf(
			"lock engine folder %q: an engine process still holds it after %s; end it", dir, predecessorTimeout), f.Close())
	default:
		return nil, errors.Join(fmt.Errorf("lock engine folder %q: %w", dir, err), f.Close())
	}
}

// socketPath returns where the child listens: in the engine's folder, or in a
// temporary folder (returned second, to be removed) when that path is too long.
func socketPath(dataDir string) (path, temp string, err error) {
	path = filepath.Join(dataDir, dataFolder, "http.sock")
	if len(path) <= maxSocketPath {
		return path, "", nil
	}
	temp, err = os.MkdirTemp("", "tiltmeter-")
	if err != nil {
		return "", "", fmt.Errorf("create folder for the engine's socket: %w", err)
	}
	return filepath.Join(temp, "http.sock"), temp, nil
}
