package spanlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullDiskEnv makes the test binary the process whose disk is full: "tmpfs" or "rlimit", a colon
// and a folder.
const fullDiskEnv = "TILTMETER_SPANLOG_FULL_DISK"

// TestFullDiskRecovers makes writes fail for want of space, gives the space back, and appends
// again without a restart. Each way runs in a process of its own: a small file system in a
// namespace that needs no root, and the limit on the size of a file, which every kernel has.
func TestFullDiskRecovers(t *testing.T) {
	t.Parallel()
	namespace := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	ways := map[string]*syscall.SysProcAttr{"rlimit": nil}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = namespace
	if err := probe.Run(); err == nil {
		ways["tmpfs"] = namespace
	} else {
		t.Logf("no user namespaces here (%v), so the file size limit alone stands for the full disk", err)
	}
	for way, attr := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fullDiskEnv+"="+way+":"+t.TempDir())
			cmd.SysProcAttr = attr
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// fullDisk is the body of the process; it returns what went wrong.
func fullDisk(setting string) error {
	way, dir, _ := strings.Cut(setting, ":")
	switch way {
	case "tmpfs":
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
			return fmt.Errorf("mount tmpfs: %w", err)
		}
		ballast := filepath.Join(dir, "ballast")
		fill := func(size int) func() error {
			return func() error { return os.WriteFile(ballast, make([]byte, size), 0o600) }
		}
		free := func() error { return os.Remove(ballast) }
		return errors.Join(
			failAndRecover(filepath.Join(dir, "a"), -1, fill(16<<20), free),
			os.RemoveAll(filepath.Join(dir, "a")),
			failAndRecover(filepath.Join(dir, "b"), 16<<20, fill(20<<20), free),
		)
	case "rlimit":
		signal.Ignore(unix.SIGXFSZ)
		var before unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			return fmt.Errorf("get file size limit: %w", err)
		}
		set := func(limit uint64) func() error {
			return func() error {
				return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: before.Max})
			}
		}
		return failAndRecover(filepath.Join(dir, "a"), -1, set(2<<20), set(before.Cur))
	default:
		return fmt.Errorf("no way %q", way)
	}
}

func failAndRecover(dir string, minFree int64, fill, free func() error) (err error) {
	const size = 300_000
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := open(ctx, Options{Dir: dir, MinFreeBytes: minFree})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	stored, i := map[uint64]int{}, 0
	add := func() error {
		seq, _, err := l.Append(ctx, record(i, size))
		if err == nil {
			stored[seq] = i
			i++
		}
		return err
	}
	if err := errors.Join(add(), add(), fill()); err != nil {
		return fmt.Errorf("before the disk is full: %w", err)
	}
	var refusal error
	for refusal == nil && i < 1000 {
		refusal = add()
	}
	if after, again := RetryAfter(refusal); !errors.Is(refusal, ErrDisk) || !again || after <= 0 {
		return fmt.Errorf("full disk: %w", refusal)
	}
	fmt.Fprintf(os.Stdout, "refused after %d records: %v\n", i, refusal)
	if err := free(); err != nil {
		return err
	}
	began := time.Now()
	for refusal != nil {
		if refusal = add(); refusal != nil && ctx.Err() != nil {
			return fmt.Errorf("no recovery: %w", refusal)
		}
	}
	fmt.Fprintf(os.Stdout, "accepted again %v after the space was there\n", time.Since(began).Round(time.Millisecond))
	return checkAll(ctx, l, stored, size)
}

func checkAll(ctx context.Context, l *log, stored map[uint64]int, size int) error {
	if err := l.Register(ctx, "writer", StartFirst); err != nil {
		return err
	}
	r, err := l.Reader(ctx, "writer")
	if err != nil {
		return err
	}
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	err = r.Range(ctx, 1, st.LastSeq, func(e Entry) error {
		if n, ok := stored[e.Seq]; ok && bytes.Equal(e.Payload, record(n, size).Payload) {
			delete(stored, e.Seq)
		}
		return e.Err
	})
	if err != nil {
		return err
	}
	if len(stored) > 0 {
		return fmt.Errorf("%d acknowledged records are gone", len(stored))
	}
	return nil
}

// TestMinFreeBytes: the log refuses below the reserve and accepts as soon as it is met.
func TestMinFreeBytes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := openTest(t, Options{MinFreeBytes: 1 << 60})
	_, _, err := l.Append(ctx, record(1, 100))
	if after, again := RetryAfter(err); !errors.Is(err, ErrDisk) || !again || after != retryDisk {
		t.Fatalf("below the reserve: %v", err)
	}
	st, err := l.Status(ctx)
	if err != nil || st.Accepting || !strings.Contains(st.Refusing, "reserved") || st.Messages != 0 {
		t.Fatalf("status below the reserve: %+v, %v", st, err)
	}
	l.opts.MinFreeBytes = st.DiskFreeBytes / 2
	if seq := mustAppend(t, l, record(1, 100)); seq != 1 {
		t.Errorf("position %d after the reserve was met", seq)
	}
}
