package writer

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// waitFor bounds every wait of these tests, on a machine that does other things besides.
const waitFor = 3 * time.Minute

func openLog(t *testing.T, dir string) spanlog.Log {
	t.Helper()
	l, err := spanlog.Open(t.Context(), spanlog.Options{Dir: dir, MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// request is an OTLP request with one trace of n spans; equal numbers give equal ids.
func request(t *testing.T, number uint64, n int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "writer-test")
	ss := rs.ScopeSpans().AppendEmpty()
	start := time.Now().Add(-time.Minute)
	for i := range n {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(traceID(number))
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], number<<20|uint64(i)+1)
		s.SetSpanID(id)
		s.SetName("chat m")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		s.Attributes().PutStr("gen_ai.operation.name", "chat")
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func traceID(number uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], number+1)
	return id
}

func appendTo(t *testing.T, l spanlog.Log, project string, signal spanlog.Signal, payload []byte) {
	t.Helper()
	if _, _, err := l.Append(t.Context(), spanlog.Record{
		Signal: signal, Project: project, ReceivedAt: time.Now(), Payload: payload,
	}); err != nil {
		t.Fatal(err)
	}
}

// run runs a writer until the test or stop ends it.
func run(t *testing.T, l spanlog.Log, st Store, o Options) (w *Writer, stop func() error) {
	t.Helper()
	o.FlushEvery = 20 * time.Millisecond
	w, err := New(l, st, dialect.New(dialect.Options{}), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	return w, stopping(t, cancel, func() error { return w.Run(ctx) })
}

// stopping runs f, and ends it when the test has not: nothing is dropped under a running insert.
func stopping(t *testing.T, cancel func(), f func() error) (stop func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline, tick := time.After(waitFor), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %s", what, waitFor)
		case <-tick.C:
		}
	}
}

func drained(t *testing.T, l spanlog.Log) func() bool {
	return func() bool {
		st, err := l.Status(t.Context())
		if err != nil || len(st.Readers) == 0 {
			return false
		}
		return st.Readers[0].Position == st.LastSeq
	}
}

func spans(t *testing.T, st *store.Store, project string) store.Counts {
	t.Helper()
	c, err := st.Counts(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStoresTracesAndLogs(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	for n := range uint64(20) {
		appendTo(t, l, "p", spanlog.SignalTraces, request(t, n, 5))
	}
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	plain := rec.AppendEmpty()
	plain.Body().SetStr("just a line")
	event := rec.AppendEmpty()
	event.SetEventName("gen_ai.user.message")
	event.SetTraceID(traceID(3))
	event.SetSpanID(pcommon.SpanID{1})
	event.Body().SetEmptyMap().PutStr("content", "hello")
	b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, l, "p", spanlog.SignalLogs, b)

	w, stop := run(t, l, st, Options{})
	await(t, "everything is stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != 100 || c.Traces != 20 || c.Logs != 1 || c.Fragments != 1 {
		t.Errorf("stored %+v, want 100 spans, 20 traces, 1 log, 1 fragment", c)
	}
	if s := w.Stats(); s.Spans != 100 || s.LogRecords != 2 || s.Records != 21 || s.DeadLetters != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestUnreadableRecordsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	appendTo(t, l, "p", spanlog.SignalTraces, request(t, 1, 3))
	appendTo(t, l, "p", spanlog.SignalTraces, []byte("\x0a\xff\xff\xff\xff\x0f not a request"))
	appendTo(t, l, "p", spanlog.SignalLogs, []byte("\x0a\x7f"))
	appendTo(t, l, "p", spanlog.SignalTraces, request(t, 2, 3))
	_, stop := run(t, l, st, Options{})
	await(t, "everything is read", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != 6 {
		t.Errorf("%d spans stored, want the 6 around the bad records", c.Spans)
	}
	letters, err := l.DeadLetters().List(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(letters) != 2 {
		t.Fatalf("%d dead letters, want 2", len(letters))
	}
	for _, d := range letters {
		if d.Reason != reasonMalformed || d.Error == "" || d.Project != "p" || d.PayloadBytes == 0 {
			t.Errorf("dead letter %+v", d)
		}
	}
	// A replay of what still cannot be read comes back, and loses nothing.
	if n, err := l.DeadLetters().Replay(t.Context(), []uint64{letters[0].ID, letters[1].ID}); err != nil || n != 2 {
		t.Fatalf("replay: %d, %v", n, err)
	}
	_, stop = run(t, l, st, Options{})
	await(t, "the replayed records are read", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if letters, err = l.DeadLetters().List(t.Context(), 0, 10); err != nil || len(letters) != 2 {
		t.Errorf("after the replay: %d dead letters, %v", len(letters), err)
	}
}

// interrupted is the real store with a fault before or after its insert.
type interrupted struct {
	*store.Store
	before, after func() error
}

func (s *interrupted) Insert(ctx context.Context, b *store.Batch, token string) error {
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	if err := s.Store.Insert(ctx, b, token); err != nil {
		return err
	}
	if s.after != nil {
		return s.after()
	}
	return nil
}

var errFault = errors.New("fault of the test")

// TestRepeatsTheRangeOfAnEarlierRun ends a writer around its insert and lets another go on.
func TestRepeatsTheRangeOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*interrupted, func() error){
		"before the insert": func(s *interrupted, f func() error) { s.before = f },
		"after the insert":  func(s *interrupted, f func() error) { s.after = f },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, st := openLog(t, t.TempDir()), storetest.Store(t)
			for n := range uint64(10) {
				appendTo(t, l, "p", spanlog.SignalTraces, request(t, n, 7))
			}
			met := make(chan struct{}, 1000)
			s := &interrupted{Store: st}
			fault(s, func() error {
				met <- struct{}{}
				return errFault
			})
			_, stop := run(t, l, s, Options{Rows: 20})
			<-met
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			// More arrives before the next run: the range of the intent must not grow.
			for n := range uint64(10) {
				appendTo(t, l, "p", spanlog.SignalTraces, request(t, 100+n, 7))
			}
			_, stop = run(t, l, st, Options{Rows: 1000})
			await(t, "everything is stored", drained(t, l))
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if c := spans(t, st, "p"); c.Spans != 140 || c.Traces != 20 {
				t.Errorf("stored %+v, want 140 spans in 20 traces", c)
			}
		})
	}
}

func TestGoesOnAfterFailures(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	var left atomic.Int32
	left.Store(3)
	w, stop := run(t, l, &interrupted{Store: st, after: func() error {
		if left.Add(-1) >= 0 {
			return errFault
		}
		return nil
	}}, Options{})
	appendTo(t, l, "p", spanlog.SignalTraces, request(t, 1, 4))
	await(t, "the writer says why it waits", func() bool { return errors.Is(w.Ready(), errFault) })
	await(t, "everything is stored", drained(t, l))
	if err := w.Ready(); err != nil {
		t.Errorf("still not ready: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != 4 {
		t.Errorf("%d spans stored, want 4", c.Spans)
	}
}

// TestBatchesEndAtTheirTargets holds the bounds on what is in memory.
func TestBatchesEndAtTheirTargets(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	var inserts atomic.Int32
	for n := range uint64(30) {
		appendTo(t, l, "p", spanlog.SignalTraces, request(t, n, 10))
	}
	size := len(request(t, 0, 10))
	_, stop := run(t, l, &interrupted{Store: st, before: func() error { inserts.Add(1); return nil }}, Options{Bytes: 5 * size})
	await(t, "everything is stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := inserts.Load(); n < 5 {
		t.Errorf("%d inserts for 30 requests at 5 a batch", n)
	}
	if c := spans(t, st, "p"); c.Spans != 300 {
		t.Errorf("%d spans stored, want 300", c.Spans)
	}
}
