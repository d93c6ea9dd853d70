package spanlog

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openExternal(t testing.TB, o Options) *log {
	t.Helper()
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

// TestExternalProtocol walks the whole contract against a server that the log does not own.
func TestExternalProtocol(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL()})
	r := mustReader(t, l, "writer")
	for i := 1; i <= 5; i++ {
		mustAppend(t, l, record(i, 1000))
	}
	if seq, dup, err := l.Append(ctx, record(2, 1000)); err != nil || !dup || seq != 2 {
		t.Fatalf("second copy: position %d, duplicate %v, %v", seq, dup, err)
	}
	big := record(6, DefaultMaxPayloadBytes)
	if seq := mustAppend(t, l, big); seq != 6 {
		t.Fatalf("largest record: position %d", seq)
	}
	in := Intent{First: 1, Last: 3, Token: "a", Extra: []byte(`{"rows":3}`)}
	if err := r.Begin(ctx, in); err != nil {
		t.Fatal(err)
	}
	// Another process takes over.
	second := openExternal(t, Options{URL: n.ClientURL()})
	if _, dup, err := second.Append(ctx, record(5, 1000)); err != nil || !dup {
		t.Fatalf("copy through another process: duplicate %v, %v", dup, err)
	}
	r2, err := second.Reader(ctx, "writer")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r2.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&in, got); diff != "" {
		t.Fatal(diff)
	}
	if err := r.Commit(ctx, in); !errors.Is(err, ErrFenced) {
		t.Fatalf("commit of the process that was replaced: %v", err)
	}
	if err := r2.Commit(ctx, in); err != nil {
		t.Fatal(err)
	}
	entries, err := r2.Fetch(ctx, r2.Position()+1, 10, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{{Seq: 4, Record: record(4, 1000)}, {Seq: 5, Record: record(5, 1000)}, {Seq: 6, Record: big}}
	if diff := cmp.Diff(want, entries, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Error(diff)
	}
	st, err := second.Status(ctx)
	if err != nil || st.DiskFreeBytes != -1 || !st.Accepting || st.Readers[0].Pending != 3 {
		t.Errorf("status: %+v, %v", st, err)
	}
	checkDeadLetters(t, l)
}

// TestExternalRestart stops the server while four publishers append, and starts it again.
func TestExternalRestart(t *testing.T) {
	t.Parallel()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL()})
	r := mustReader(t, l, "writer")
	stop, stored := make(chan struct{}), make(chan struct{})
	wait := loadUntil(t, l, stop, stored)
	for range 3 {
		for range 50 {
			<-stored
		}
		n.stop()
		n.start(t)
	}
	for range 50 {
		<-stored
	}
	close(stop)
	acked := wait()
	t.Logf("%d records were acknowledged across three restarts", len(acked))
	checkStored(t, l, r, acked)
	in := Intent{First: 1, Last: lastSeq(t, l), Token: "t"}
	if err := errors.Join(r.Begin(context.Background(), in), r.Commit(context.Background(), in)); err != nil {
		t.Error(err)
	}
}

func TestExternalRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	small := natsOptions(t)
	small.MaxPayload = 1 << 20
	if _, err := open(ctx, Options{URL: runNATS(t, small).ClientURL()}); err == nil {
		t.Error("a server that cannot take the largest record was accepted")
	}
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL(), MaxBytes: 1 << 20})
	var err error
	for i := 0; err == nil; i++ {
		_, _, err = l.Append(ctx, record(i, 100_000))
	}
	if after, again := RetryAfter(err); !errors.Is(err, ErrFull) || !again || after <= 0 {
		t.Errorf("full log: %v", err)
	}
	n.stop()
	_, _, err = l.Append(ctx, record(1, 100))
	if after, again := RetryAfter(err); !errors.Is(err, ErrUnavailable) || !again || after <= 0 {
		t.Errorf("server away: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := l.Append(canceled, record(1, 100)); !errors.Is(err, context.Canceled) {
		t.Errorf("caller gave up: %v", err)
	}
}

func checkDeadLetters(t *testing.T, l *log) {
	t.Helper()
	ctx, d := context.Background(), l.DeadLetters()
	before := lastSeq(t, l)
	letter := DeadLetter{Reader: "writer", Seq: 1, Reason: "decode", Error: "bad\nbytes", Record: record(1, 50)}
	if err := errors.Join(d.Put(ctx, letter), d.Put(ctx, letter)); err != nil {
		t.Fatal(err)
	}
	letter.Seq = 2
	if err := d.Put(ctx, letter); err != nil {
		t.Fatal(err)
	}
	got, err := d.List(ctx, 0, 10)
	if err != nil || len(got) != 2 || got[0].Payload != nil || got[0].PayloadBytes != 50 || got[1].Project != letter.Project || got[0].Error != "bad bytes" || got[0].PutAt.IsZero() || got[1].Seq != 2 {
		t.Fatalf("list: %+v, %v", got, err)
	}
	if whole, err := d.Get(ctx, got[1].ID); err != nil || !bytes.Equal(whole.Payload, letter.Payload) || whole.PayloadBytes != 50 || !whole.PutAt.Equal(got[1].PutAt) {
		t.Fatalf("get: %+v, %v", whole, err)
	}
	if more, err := d.List(ctx, got[1].ID, 10); err != nil || len(more) != 0 {
		t.Fatalf("list behind the last: %+v, %v", more, err)
	}
	if one, err := d.List(ctx, 0, 1); err != nil || len(one) != 1 || one[0].ID != got[0].ID {
		t.Fatalf("list of one: %+v, %v", one, err)
	}
	if n, err := d.Replay(ctx, []uint64{got[0].ID, 77}); err != nil || n != 1 {
		t.Fatalf("replay: %d, %v", n, err)
	}
	if err := d.Delete(ctx, []uint64{got[0].ID, got[1].ID, 77}); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if _, err := d.Get(ctx, got[1].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("get after delete: %v", err)
	}
	if st, err := l.Status(ctx); err != nil || st.LastSeq != before+1 || st.DeadLetters != 0 {
		t.Errorf("after replay of one and deletion of the other: %+v, %v", st, err)
	}
}
