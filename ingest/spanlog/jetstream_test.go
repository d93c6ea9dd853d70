package spanlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func openTest(t testing.TB, o Options) *log {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = -1
	}
	l, err := open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func record(i, size int) Record {
	p := bytes.Repeat([]byte{byte(i)}, size)
	copy(p, fmt.Sprintf("record %d", i))
	return Record{Signal: SignalTraces, Project: "päth/1", ReceivedAt: time.Unix(1, int64(i)).UTC(), Rejected: 3, Payload: p}
}

func mustAppend(t testing.TB, l *log, r Record) uint64 {
	t.Helper()
	seq, _, err := l.Append(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func mustReader(t testing.TB, l *log, name string) Reader {
	t.Helper()
	if err := l.Register(context.Background(), name, StartFirst); err != nil {
		t.Fatal(err)
	}
	r, err := l.Reader(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAppendFetchAndRestart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	l := openTest(t, Options{Dir: dir})
	r := mustReader(t, l, "writer")
	for i := 1; i <= 5; i++ {
		mustAppend(t, l, record(i, 1000))
	}
	if seq, dup, err := l.Append(ctx, record(2, 1000)); err != nil || !dup || seq != 2 {
		t.Fatalf("second copy: seq %d, duplicate %v, err %v", seq, dup, err)
	}
	in := Intent{First: 1, Last: 3, Token: "a"}
	if err := r.Begin(ctx, in); err != nil {
		t.Fatal(err)
	}
	if err := r.Begin(ctx, Intent{First: 1, Last: 4, Token: "b"}); !errors.Is(err, ErrPending) {
		t.Fatalf("another range while one is pending: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = openTest(t, Options{Dir: dir})
	if _, dup, err := l.Append(ctx, record(5, 1000)); err != nil || !dup {
		t.Fatalf("copy after restart: duplicate %v, err %v", dup, err)
	}
	if r, _ = l.Reader(ctx, "writer"); r == nil {
		t.Fatal("reader is gone")
	}
	if got, _ := r.Pending(ctx); got == nil || !sameIntent(*got, in) {
		t.Fatalf("pending after restart: %+v", got)
	}
	var seqs []uint64
	if err := r.Range(ctx, 1, 3, func(e Entry) error { seqs = append(seqs, e.Seq); return e.Err }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{1, 2, 3}, seqs); diff != "" {
		t.Error(diff)
	}
	if err := r.Commit(ctx, in); err != nil {
		t.Fatal(err)
	}
	entries, err := r.Fetch(ctx, r.Position()+1, 100, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{Seq: 4, Record: record(4, 1000)}, {Seq: 5, Record: record(5, 1000)}}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Error(diff)
	}
	second, err := l.Reader(ctx, "writer")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Begin(ctx, Intent{First: 4, Last: 5, Token: "c"}); !errors.Is(err, ErrFenced) {
		t.Errorf("first reader after a second opened: %v", err)
	}
	if err := second.Begin(ctx, Intent{First: 4, Last: 5, Token: "c"}); err != nil {
		t.Error(err)
	}
}

func TestTrimKeepsWhatAReaderNeeds(t *testing.T) {
	ctx := context.Background()
	l := openTest(t, Options{})
	a, _ := mustReader(t, l, "a"), mustReader(t, l, "b")
	for i := range 10 {
		mustAppend(t, l, record(i, 100))
	}
	now := time.Now()
	in := Intent{First: 1, Last: 8, Token: "t"}
	if err := errors.Join(a.Begin(ctx, in), a.Commit(ctx, in), l.trim(ctx, now), l.trim(ctx, now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if st, err := l.Status(ctx); err != nil || st.Messages != 10 {
		t.Fatalf("b has committed nothing, yet %d of 10 are left (%v)", st.Messages, err)
	}
	if err := errors.Join(l.Unregister(ctx, "b"), l.trim(ctx, now.Add(2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if st, err := l.Status(ctx); err != nil || st.FirstSeq != 9 || st.Messages != 2 {
		t.Fatalf("after b left: %+v (%v)", st, err)
	}
}

func TestFullLogIsRetryable(t *testing.T) {
	ctx := context.Background()
	l := openTest(t, Options{MaxBytes: 1 << 20})
	r := mustReader(t, l, "writer")
	var err error
	for i := 0; err == nil; i++ {
		_, _, err = l.Append(ctx, record(i, 100_000))
	}
	if after, ok := RetryAfter(err); !errors.Is(err, ErrFull) || !ok || after <= 0 {
		t.Fatalf("full log: %v", err)
	}
	in := Intent{First: 1, Last: 8, Token: "t"}
	if err := errors.Join(r.Begin(ctx, in), r.Commit(ctx, in), l.trim(ctx, time.Now())); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, record(99, 100_000))
	if _, _, err := l.Append(ctx, record(1, DefaultMaxPayloadBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestDeadLetters(t *testing.T) {
	ctx := context.Background()
	l := openTest(t, Options{})
	d := l.DeadLetters()
	mustAppend(t, l, record(1, 50))
	letter := DeadLetter{Reader: "writer", Seq: 1, Reason: "decode", Error: "bad\nbytes", Record: record(1, 50)}
	if err := errors.Join(d.Put(ctx, letter), d.Put(ctx, letter)); err != nil {
		t.Fatal(err)
	}
	got, err := d.List(ctx, 0, 10)
	if err != nil || len(got) != 1 || got[0].Error != "bad bytes" || got[0].PutAt.IsZero() {
		t.Fatalf("list: %+v, %v", got, err)
	}
	if n, err := d.Replay(ctx, []uint64{got[0].ID, 77}); err != nil || n != 1 {
		t.Fatalf("replay: %d, %v", n, err)
	}
	if _, err := d.Get(ctx, got[0].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("get after replay: %v", err)
	}
	if st, _ := l.Status(ctx); st.Messages != 2 || st.DeadLetters != 0 {
		t.Errorf("after replay: %+v", st)
	}
}

// TestFullDiskRecovers fills a real file system until writes fail, frees it, and appends again.
func TestFullDiskRecovers(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Logf("mount tmpfs: %v; the process's file size limit stands in for it", err)
		t.Fatal("run as root: the full disk is real in this test")
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ctx := context.Background()
	l := openTest(t, Options{Dir: filepath.Join(dir, "log")})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	stored, i := map[uint64]int{}, 0
	var err error
	for ; err == nil; i++ {
		var seq uint64
		if seq, _, err = l.Append(ctx, record(i, 300_000)); err == nil {
			stored[seq] = i
		}
	}
	if _, ok := RetryAfter(err); !ok || !errors.Is(err, ErrDisk) {
		t.Fatalf("full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	deadline, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for err != nil {
		if deadline.Err() != nil {
			t.Fatalf("no recovery: %v", err)
		}
		var seq uint64
		if seq, _, err = l.Append(deadline, record(i, 300_000)); err == nil {
			stored[seq] = i
		}
	}
	r := mustReader(t, l, "writer")
	if err := r.Range(ctx, 1, 1<<20, func(e Entry) error {
		if n, ok := stored[e.Seq]; ok && bytes.Equal(e.Payload, record(n, 300_000).Payload) {
			delete(stored, e.Seq)
		}
		return nil
	}); err != nil && !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if len(stored) > 0 {
		t.Errorf("%d acknowledged records are gone", len(stored))
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1_000, 100_000, 280_000} {
		for _, publishers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%dB/%dpublishers", size, publishers), func(b *testing.B) {
				l := openTest(b, Options{})
				b.SetBytes(int64(size))
				b.ReportAllocs()
				jobs, done := make(chan int), make(chan error, publishers)
				for range publishers {
					go func() {
						var last error
						for i := range jobs {
							if _, _, err := l.Append(context.Background(), record(i, size)); err != nil {
								last = err
							}
						}
						done <- last
					}()
				}
				for i := range b.N {
					jobs <- i
				}
				close(jobs)
				for range publishers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	l := openTest(b, Options{})
	r := mustReader(b, l, "writer")
	const size, n = 100_000, 320
	for i := range n {
		mustAppend(b, l, record(i, size))
	}
	b.SetBytes(size * n)
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		if err := r.Range(context.Background(), 1, n, func(Entry) error { seen++; return nil }); err != nil || seen != n {
			b.Fatal(seen, err)
		}
	}
}

func BenchmarkContentID(b *testing.B) {
	r := record(1, 280_000)
	b.SetBytes(280_000)
	for b.Loop() {
		contentID(r)
	}
}
