package spanlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// replaceStream deletes the log's stream and lets a second log make it again.
func replaceStream(t *testing.T, l *log) {
	t.Helper()
	if err := l.js.DeleteStream(context.Background(), streamName); err != nil {
		t.Fatal(err)
	}
}

func fetched(t *testing.T, r Reader) (seqs []uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	entries, err := r.Fetch(ctx, r.Position()+1, 100, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

// TestStreamMadeAnew: an operator deletes the stream and the positions stay. The reader begins at
// the new stream's first record, with a range under way or without, and nothing unread is trimmed.
func TestStreamMadeAnew(t *testing.T) {
	t.Parallel()
	for name, pending := range map[string]*Intent{"nothing under way": nil, "a range under way": {First: 6, Last: 8, Token: "b"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			n := runNATS(t, natsOptions(t))
			old := openExternal(t, Options{URL: n.ClientURL()})
			r := mustReader(t, old, "writer")
			for i := range 8 {
				mustAppend(t, old, record(i, 1000))
			}
			done := Intent{First: 1, Last: 5, Token: "a"}
			if err := errors.Join(r.Begin(ctx, done), r.Commit(ctx, done)); err != nil {
				t.Fatal(err)
			}
			if pending != nil {
				if err := r.Begin(ctx, *pending); err != nil {
					t.Fatal(err)
				}
			}
			replaceStream(t, old)
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}

			var said bytes.Buffer
			l := openExternal(t, Options{URL: n.ClientURL(), Logger: slog.New(slog.NewTextHandler(&said, nil))})
			for i := range 2 {
				mustAppend(t, l, record(100+i, 1000))
			}
			if st, err := l.Status(ctx); err != nil || len(st.Readers) != 1 || st.Readers[0].Pending != 2 {
				t.Errorf("status before the reader was opened: %+v, %v", st, err)
			}
			err := errors.Join(l.trim(ctx, time.Now()), l.trim(ctx, time.Now().Add(time.Hour)))
			if err == nil || !strings.Contains(err.Error(), "has not met this stream") {
				t.Errorf("trim before the reader was opened: %v", err)
			}
			if r, err = l.Reader(ctx, "writer"); err != nil {
				t.Fatal(err)
			}
			if in, err := r.Pending(ctx); in != nil || err != nil || r.Position() != 0 {
				t.Errorf("position %d, pending %+v, %v", r.Position(), in, err)
			}
			if diff := cmp.Diff([]uint64{1, 2}, fetched(t, r)); diff != "" {
				t.Error(diff)
			}
			if got := testutil.ToFloat64(l.metrics.resets.WithLabelValues("replaced")); got != 1 {
				t.Errorf("%v resets were counted", got)
			}
			if !strings.Contains(said.String(), "it was moved") {
				t.Errorf("nothing was said: %s", said.String())
			}
			in := Intent{First: 1, Last: 2, Token: "c"}
			if err := errors.Join(r.Begin(ctx, in), r.Commit(ctx, in)); err != nil {
				t.Fatal(err)
			}
			// Opened again, it goes on where it was.
			if r, err = l.Reader(ctx, "writer"); err != nil || r.Position() != 2 {
				t.Errorf("opened again: position %d, %v", r.Position(), err)
			}
			if err := l.trim(ctx, time.Now()); err != nil {
				t.Errorf("trim: %v", err)
			}
		})
	}
}

// TestStreamMadeAnewWhileOpen: the log says that it must be opened again, instead of waiting for
// positions that never come.
func TestStreamMadeAnewWhileOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL(), TrimEvery: 20 * time.Millisecond})
	r := mustReader(t, l, "writer")
	for i := range 3 {
		mustAppend(t, l, record(i, 100))
	}
	replaceStream(t, l)
	other := openExternal(t, Options{URL: n.ClientURL(), TrimEvery: time.Hour})
	mustAppend(t, other, record(7, 100))
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := r.Fetch(wait, 4, 10, 1<<20); !errors.Is(err, ErrReplaced) || !errors.Is(err, ErrClosed) {
		t.Errorf("fetch: %v", err)
	}
	if err := r.Range(ctx, 2, 3, func(Entry) error { return nil }); !errors.Is(err, ErrReplaced) {
		t.Errorf("range: %v", err)
	}
	if _, err := l.Reader(ctx, "writer"); !errors.Is(err, ErrReplaced) {
		t.Errorf("open a reader: %v", err)
	}
	if r, err := other.Reader(ctx, "writer"); err != nil || r.Position() != 0 {
		t.Errorf("through a log opened afterwards: %v", err)
	}
	if st, err := other.Status(ctx); err != nil || st.Messages != 1 {
		t.Errorf("what came into the new stream: %+v, %v", st, err)
	}
}

// TestStreamLostItsEnd: the reader goes on where the stream ends now, and a range under way
// shrinks to what is left, under its own token.
func TestStreamLostItsEnd(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL()})
	mustReader(t, l, "writer")
	for i := range 5 {
		mustAppend(t, l, record(i, 100))
	}
	for name, c := range map[string]struct {
		have, want readerState
		resets     float64
	}{
		"all is there":        {readerState{Position: 5}, readerState{Position: 5}, 0},
		"position beyond":     {readerState{Position: 9}, readerState{Position: 5}, 1},
		"range partly beyond": {readerState{Position: 3, Intent: &Intent{First: 4, Last: 9, Token: "t"}}, readerState{Position: 3, Intent: &Intent{First: 4, Last: 5, Token: "t"}}, 2},
		"range beyond":        {readerState{Position: 5, Intent: &Intent{First: 6, Last: 9, Token: "t"}}, readerState{Position: 5}, 3},
	} {
		c.have.Stream, c.want.Stream = l.identity, l.identity
		before := testutil.ToFloat64(l.metrics.resets.WithLabelValues("shortened"))
		value, err := json.Marshal(c.have)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.readers.Put(ctx, "writer", value); err != nil {
			t.Fatal(err)
		}
		r, err := l.Reader(ctx, "writer")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := r.(*reader).state
		got.Owner = ""
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if in := got.Intent; in != nil {
			if err := r.Range(ctx, in.First, in.Last, func(Entry) error { return nil }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		moved := testutil.ToFloat64(l.metrics.resets.WithLabelValues("shortened")) - before
		if (moved == 1) != (c.resets > 0) {
			t.Errorf("%s: %v resets were counted", name, moved)
		}
	}
	// A state from before identities were kept, of a stream that was longer: of another one.
	value := []byte(`{"position":9}`)
	if _, err := l.readers.Put(ctx, "writer", value); err != nil {
		t.Fatal(err)
	}
	if r, err := l.Reader(ctx, "writer"); err != nil || r.Position() != 0 {
		t.Errorf("without an identity: %v", err)
	}
}

// TestDeadLettersOfTwoStreams: positions begin again in a new stream, and the letter of a position
// of the old one must not pass for the new one's.
func TestDeadLettersOfTwoStreams(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL()})
	letter := DeadLetter{Reader: "writer", Seq: 1, Reason: "decode", Record: record(1, 50)}
	if err := l.DeadLetters().Put(ctx, letter); err != nil {
		t.Fatal(err)
	}
	replaceStream(t, l)
	l = openExternal(t, Options{URL: n.ClientURL()})
	letter.Record = record(2, 60)
	if err := errors.Join(l.DeadLetters().Put(ctx, letter), l.DeadLetters().Put(ctx, letter)); err != nil {
		t.Fatal(err)
	}
	got, err := l.DeadLetters().List(ctx, 0, 10)
	if err != nil || len(got) != 2 || got[0].PayloadBytes != 50 || got[1].PayloadBytes != 60 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestDeadLetterTooLarge: no repetition mends it, and the error says what would fit.
func TestDeadLetterTooLarge(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := openTest(t, Options{})
	d := l.DeadLetters()
	letter := DeadLetter{
		Reader: "writer", Seq: 1, Reason: strings.Repeat("r", 200), Error: strings.Repeat("e", 5000),
		Record: Record{Signal: SignalTraces, Project: strings.Repeat("é", MaxProjectBytes/2), ReceivedAt: time.Now()},
	}
	letter.Payload = make([]byte, d.MaxPayload())
	if err := d.Put(ctx, letter); err != nil {
		t.Errorf("the largest payload: %v", err)
	}
	letter.Seq, letter.Payload = 2, make([]byte, d.MaxPayload()+1)
	err := d.Put(ctx, letter)
	var large *TooLargeError
	if _, again := RetryAfter(err); again || !errors.Is(err, ErrTooLarge) || !errors.As(err, &large) || large.Max != d.MaxPayload() {
		t.Errorf("one byte more: %v", err)
	}
	if got := testutil.ToFloat64(l.metrics.refused.WithLabelValues("too_large")); got != 1 {
		t.Errorf("%v refusals were counted", got)
	}
}

// TestServerLowersItsLimit: what the server refuses for its size is too large, not unavailable.
func TestServerLowersItsLimit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := runNATS(t, natsOptions(t))
	l := openExternal(t, Options{URL: n.ClientURL()})
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.MaxMsgSize = 5000
	if _, err := l.js.UpdateStream(ctx, c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Append(ctx, record(1, 6000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above max_msg_size of the stream: %v", err)
	}
	n.stop()
	n.options.MaxPayload = 4000
	n.start(t)
	waitFor(t, "the client to be back", func() bool { return l.conn.IsConnected() && l.conn.MaxPayload() == 4000 })
	if _, _, err := l.Append(ctx, record(2, 4500)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above max_payload of the server: %v", err)
	}
}
