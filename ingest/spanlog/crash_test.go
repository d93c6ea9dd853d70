package spanlog

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashDirEnv makes the test binary the process that is killed.
const crashDirEnv = "TILTMETER_SPANLOG_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		appendUntilKilled(dir)
	}
	if setting := os.Getenv(fullDiskEnv); setting != "" {
		if err := fullDisk(setting); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends from four goroutines and prints each acknowledged position and hash.
func appendUntilKilled(dir string) {
	l, err := open(context.Background(), Options{Dir: dir, MinFreeBytes: -1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for range 4 {
		go func() {
			for {
				r := record(rand.Int(), 1+rand.IntN(50_000))
				r.Payload = fmt.Appendf(r.Payload, "%d", rand.Uint64())
				seq, _, err := l.Append(context.Background(), r)
				if err != nil {
					continue
				}
				mu.Lock()
				fmt.Fprintf(os.Stdout, "%d %s\n", seq, contentID(r))
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestKill9 kills the appending process at random moments: what it acknowledged is there,
// byte for byte, once.
func TestKill9(t *testing.T) {
	t.Parallel()
	const rounds = 12
	dir, acked := t.TempDir(), map[string]string{}
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAt, n := 1+rand.IntN(200), 0
		for lines := bufio.NewScanner(out); lines.Scan(); n++ {
			// A line that the kill cut short is no acknowledgement that anyone received.
			if seq, hash, ok := strings.Cut(lines.Text(), " "); ok && len(hash) == 64 {
				acked[seq] = hash
			}
			if n == killAt {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if n < killAt {
			t.Fatalf("the process ended by itself after %d appends", n)
		}
	}
	began := time.Now()
	l := openTest(t, Options{Dir: dir})
	t.Logf("restart took %v with %d acknowledged records", time.Since(began), len(acked))
	st, err := l.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r, seen := mustReader(t, l, "writer"), map[string]bool{}
	if err := r.Range(context.Background(), 1, st.LastSeq, func(e Entry) error {
		hash, seq := contentID(e.Record), strconv.FormatUint(e.Seq, 10)
		if seen[hash] {
			t.Errorf("record %s is there twice", seq)
		}
		seen[hash] = true
		if acked[seq] == hash {
			delete(acked, seq)
		}
		return e.Err
	}); err != nil {
		t.Fatal(err)
	}
	if len(acked) > 0 {
		t.Errorf("%d acknowledged records are missing or changed", len(acked))
	}
}
