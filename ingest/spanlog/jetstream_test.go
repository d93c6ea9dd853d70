package spanlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	l := openTest(t, Options{})
	mustAppend(t, l, record(1, 50))
	checkDeadLetters(t, l)
}
