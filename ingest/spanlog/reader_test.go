package spanlog

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// TestLostAnswerIsNotFenced: a save that was stored but never answered does not make the reader
// take its own state for another process's.
func TestLostAnswerIsNotFenced(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := openTest(t, Options{})
	r := mustReader(t, l, "writer").(*reader)
	lost := r.state
	lost.Intent = &Intent{First: 1, Last: 2, Token: "lost"}
	value, err := json.Marshal(lost)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.readers.Update(ctx, "writer", value, r.revision); err != nil {
		t.Fatal(err)
	}
	in := Intent{First: 1, Last: 3, Token: "next"}
	if err := errors.Join(r.Begin(ctx, in), r.Commit(ctx, in)); err != nil {
		t.Fatal(err)
	}
	if r.Position() != 3 {
		t.Errorf("position %d", r.Position())
	}
}

// TestGapsAndPoison: missing positions are skipped, malformed headers reach the reader as errors.
func TestGapsAndPoison(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := openTest(t, Options{})
	r := mustReader(t, l, "writer")
	for i := 1; i <= 6; i++ {
		mustAppend(t, l, record(i, 100))
	}
	if _, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: subjectPrefix + "traces", Data: []byte("poison")}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, record(8, 100))
	rawDelete(t, l, 2, 3, 8)
	var seqs []uint64
	err := r.Range(ctx, 1, 8, func(e Entry) error {
		seqs = append(seqs, e.Seq)
		if poison := e.Seq == 7; poison != (e.Err != nil) || poison && string(e.Payload) != "poison" {
			t.Errorf("position %d: payload %q, %v", e.Seq, e.Payload, e.Err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{1, 4, 5, 6, 7}, seqs); diff != "" {
		t.Error(diff)
	}
	if err := r.Range(ctx, 1, 9, func(Entry) error { return nil }); !errors.Is(err, ErrInvalid) {
		t.Errorf("range behind the end: %v", err)
	}
}

func FuzzReadHeader(f *testing.F) {
	h := nats.Header{}
	writeHeader(h, record(1, 10))
	f.Add(h.Get(headerSignal), h.Get(headerProject), h.Get(headerReceivedAt), h.Get(headerRejected))
	f.Add("metrics", "%zz", "", "-1")
	f.Fuzz(func(t *testing.T, signal, project, at, rejected string) {
		r, err := readHeader(nats.Header{
			headerSignal: {signal}, headerProject: {project}, headerReceivedAt: {at}, headerRejected: {rejected},
		}, []byte("x"))
		if string(r.Payload) != "x" || len(r.Project) > MaxProjectBytes || err == nil && !r.Signal.Valid() {
			t.Errorf("%+v, %v", r, err)
		}
		if err != nil {
			return
		}
		again := nats.Header{}
		writeHeader(again, r)
		if back, err := readHeader(again, r.Payload); err != nil || !cmp.Equal(r, back) {
			t.Errorf("%+v became %+v, %v", r, back, err)
		}
	})
}
