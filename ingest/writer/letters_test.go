package writer

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// panicky is a writer whose dialect panics on every span of a name.
func panicky(t *testing.T, l spanlog.Log, st Store, name string) (stop func() error) {
	t.Helper()
	w, err := New(l, st, dialect.New(dialect.Options{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	span := w.span
	w.span = func(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) {
		span(dst, res, scope, s)
		if string(s.Name) == name {
			panic("a bug")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	return stopping(t, cancel, func() error { return w.Run(ctx) })
}

// crowded is a request of two resources, the first of them large, with two scopes each. Every scope
// has n spans that a panicky writer cannot read and one that it can.
func crowded(t *testing.T, n int) (payload []byte, bad, good int) {
	t.Helper()
	td := ptrace.NewTraces()
	id := uint64(0)
	for r := range 2 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("https://example.org/schema")
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service ", r))
		if r == 0 {
			rs.Resource().Attributes().PutStr("large", strings.Repeat("x", 5000))
		}
		for sc := range 2 {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(fmt.Sprint("scope ", sc))
			for i := range n + 1 {
				s := ss.Spans().AppendEmpty()
				id++
				s.SetTraceID(traceID(7))
				s.SetSpanID([8]byte{7: byte(id), 6: byte(id >> 8), 0: 1})
				s.SetName("bad")
				if i == n {
					s.SetName("good")
				}
			}
		}
	}
	payload, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return payload, 4 * n, 4
}

// TestWhatMakesADialectPanic is a dead letter of its own, no larger than the request was, and the
// spans beside it are stored.
func TestWhatMakesADialectPanic(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	payload, bad, good := crowded(t, 100)
	appendTo(t, l, "p", spanlog.SignalTraces, payload)
	stop := panicky(t, l, st, "bad")
	await(t, "everything is done", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	letters, err := wholeLetters(t, l)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	d := letters[0]
	if len(d.Payload) > len(payload) || d.Reason != reasonPanic || !strings.Contains(d.Error, "a bug") || bytes.Contains(d.Payload, []byte("good")) {
		t.Errorf("letter of %d bytes (the request had %d), %s, %q", len(d.Payload), len(payload), d.Reason, d.Error)
	}
	v, err := wire.ValidateTraces(d.Payload, unlimited)
	if err != nil || v.Items != bad {
		t.Errorf("the letter has %+v, %v: want %d spans", v, err, bad)
	}
	if c := spans(t, st, "p"); c.Spans != int64(good) {
		t.Errorf("%d spans stored, want the %d good ones", c.Spans, good)
	}
	if _, err := l.DeadLetters().Replay(t.Context(), []uint64{d.ID}); err != nil {
		t.Fatal(err)
	}
	_, stop = run(t, l, st, Options{})
	await(t, "the replayed are stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != int64(good+bad) {
		t.Errorf("%d spans stored, want all %d", c.Spans, good+bad)
	}
}

// strict is a log that takes no dead letter above some bytes: what --max-request was lowered to.
type strict struct {
	spanlog.Log
	most int
}

func (s strict) DeadLetters() spanlog.DeadLetters { return strictLetters{s.Log.DeadLetters(), s.most} }

type strictLetters struct {
	spanlog.DeadLetters
	most int
}

func (s strictLetters) Put(ctx context.Context, d spanlog.DeadLetter) error {
	if len(d.Payload) > s.most {
		return fmt.Errorf("put: %w", spanlog.ErrTooLarge)
	}
	return s.DeadLetters.Put(ctx, d)
}

// TestLettersThatAreTooLarge are kept in several, and all of them can be played again.
func TestLettersThatAreTooLarge(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	payload, bad, good := crowded(t, 100)
	appendTo(t, l, "p", spanlog.SignalTraces, payload)
	stop := panicky(t, strict{l, 8000}, st, "bad")
	await(t, "everything is done", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	letters, err := wholeLetters(t, l)
	if err != nil || len(letters) < 3 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	var ids []uint64
	n := 0
	for _, d := range letters {
		ids = append(ids, d.ID)
		v, err := wire.ValidateTraces(d.Payload, unlimited)
		if err != nil || len(d.Payload) > 8000 {
			t.Errorf("a letter of %d bytes: %v", len(d.Payload), err)
		}
		n += v.Items
	}
	if n != bad {
		t.Errorf("the letters have %d spans, want %d", n, bad)
	}
	if _, err := l.DeadLetters().Replay(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	_, stop = run(t, l, st, Options{})
	await(t, "the replayed are stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != int64(good+bad) {
		t.Errorf("%d spans stored, want all %d", c.Spans, good+bad)
	}
}

// wholeLetters are the first letters of the log with their payloads, which a list leaves out.
func wholeLetters(t *testing.T, l spanlog.Log) ([]spanlog.DeadLetter, error) {
	t.Helper()
	letters, err := l.DeadLetters().List(t.Context(), 0, spanlog.MaxDeadLetterPage)
	for i := range letters {
		if err == nil {
			letters[i], err = l.DeadLetters().Get(t.Context(), letters[i].ID)
		}
	}
	return letters, err
}
