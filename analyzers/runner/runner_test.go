package runner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/judge"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const waitFor = 2 * time.Minute

// analyzer is an analyzer with faults: what it does is its name.
type analyzer struct {
	name    string
	version int
	do      func(ctx context.Context, in *analyzers.Input) (float64, error)
}

func (a *analyzer) Describe() analyzers.Description {
	return analyzers.Description{Name: a.name, Version: a.version, Signals: []analyzers.SignalDescription{{Name: a.name}}}
}

func (a *analyzer) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	score, err := a.do(ctx, in)
	if err != nil {
		return dst, err
	}
	said := analyzers.Said(nil, in.Span)
	return append(dst, analyzers.Signal{
		Name: a.name, Score: score, Probability: 0.5, Label: "scored",
		Evidence: []analyzers.Evidence{{Reason: "first", Passage: said[0].Passage(0, 2)}},
	}), nil
}

// sources counts what the model was given by the trace's retrievals.
func sources(_ context.Context, in *analyzers.Input) (float64, error) {
	n := 0
	for _, t := range analyzers.Given(nil, in) {
		if t.Origin == analyzers.Document {
			n++
		}
	}
	return float64(n), nil
}

type harness struct {
	log   spanlog.Log
	store *store.Store
	base  time.Time // of what is sent
}

// open starts a log and a writer over the shared engine.
func open(t *testing.T) harness {
	t.Helper()
	l, err := spanlog.Open(t.Context(), spanlog.Options{Dir: t.TempDir(), MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h := harness{l, storetest.Store(t), time.Now().Add(-time.Minute).Truncate(time.Second)}
	w, err := writer.New(l, h.store, dialect.New(dialect.Options{}), writer.Options{FlushEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	background(t, w.Run)
	return h
}

// background runs f until the test or stop ends it.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (h harness) run(t *testing.T, opts Options, list ...analyzers.Analyzer) (*Runner, func()) {
	t.Helper()
	r, err := New(h.log, writer.ReaderName, h.store, list, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r, background(t, r.Run)
}

// send appends a request: the given spans of one trace, a second apart.
func (h harness) send(t *testing.T, trace uint64, names ...string) {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	for _, name := range names {
		s := ss.Spans().AppendEmpty()
		var number int
		var operation string
		if _, err := fmt.Sscanf(name, "%d %s", &number, &operation); err != nil {
			t.Fatal(err)
		}
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], trace<<8|uint64(number))
		s.SetTraceID(pcommon.TraceID(traceID(trace)))
		s.SetSpanID(id)
		s.SetName(operation)
		at := h.base.Add(time.Duration(number) * time.Second)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second / 2)))
		s.Attributes().PutStr("gen_ai.operation.name", operation)
		switch operation {
		case "chat":
			s.Attributes().PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"where?"}]}]`)
			s.Attributes().PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"here"}]}]`)
		case "retrieval":
			s.Attributes().PutStr("gen_ai.retrieval.documents", fmt.Sprintf(`[{"id":"d%[1]d","content":"document %[1]d"}]`, number))
		}
	}
	payload, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.log.Append(t.Context(), spanlog.Record{Signal: spanlog.SignalTraces, Project: "p", ReceivedAt: time.Now(), Payload: payload}); err != nil {
		t.Fatal(err)
	}
}

func traceID(n uint64) (id genai.TraceID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// scores waits until the runner has scored all that was sent, and returns "span signal score" of a trace.
func (h harness) scores(t *testing.T, trace uint64) (list []string) {
	t.Helper()
	await(t, "the runner is at the end of the log", func() bool {
		st, err := h.log.Status(t.Context())
		if err != nil {
			return false
		}
		for _, r := range st.Readers {
			if r.Name == ReaderName {
				return r.Position == st.LastSeq
			}
		}
		return false
	})
	got, _, err := h.store.Signals(t.Context(), "p", traceID(trace), genai.SpanID{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got {
		list = append(list, fmt.Sprintf("%d %s %g", g.SpanID[7], g.Name, g.Score))
	}
	return list
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

// TestScoresWithWhatTheTraceFetched: a call is scored with what its trace had fetched, whichever of the two came first, and a
// call that ended before is not scored again.
func TestScoresWithWhatTheTraceFetched(t *testing.T) {
	t.Parallel()
	h := open(t)
	var scored atomic.Int64
	h.run(t, Options{}, &analyzer{"sources", 1, func(ctx context.Context, in *analyzers.Input) (float64, error) {
		scored.Add(1)
		return sources(ctx, in)
	}})
	h.send(t, 1, "1 chat", "2 retrieval", "5 chat")
	if diff := cmp.Diff([]string{"1 sources 0", "5 sources 1"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	before := scored.Load()
	h.send(t, 1, "3 retrieval") // late
	if diff := cmp.Diff([]string{"1 sources 0", "5 sources 2"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals after a late retrieval (-want +got):\n%s", diff)
	}
	if n := scored.Load() - before; n != 1 {
		t.Errorf("%d calls were scored again; want the one behind the retrieval", n)
	}
}

// TestFaultsStayWithTheirAnalyzer: an analyzer that fails, panics, takes too long or never returns costs its own signals alone.
func TestFaultsStayWithTheirAnalyzer(t *testing.T) {
	t.Parallel()
	h := open(t)
	forever, released := make(chan struct{}), make(chan struct{})
	r, err := NewScorer(h.store, []analyzers.Analyzer{
		&analyzer{"good", 1, sources},
		&analyzer{"fails", 1, func(context.Context, *analyzers.Input) (float64, error) { return 0, errors.New("no") }},
		&analyzer{"panics", 1, func(context.Context, *analyzers.Input) (float64, error) { panic("bug") }},
		&analyzer{"slow", 1, func(ctx context.Context, _ *analyzers.Input) (float64, error) { <-ctx.Done(); return 0, ctx.Err() }},
		&analyzer{"never", 1, func(context.Context, *analyzers.Input) (float64, error) {
			<-forever
			close(released)
			return 0, nil
		}},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.patience = time.Second
	runner := &Runner{Scorer: r, log: h.log, behind: writer.ReaderName, opts: Options{LogShare: DefaultLogShare, Logger: r.log}}
	background(t, runner.Run)
	h.send(t, 1, "1 chat")
	if diff := cmp.Diff([]string{"1 good 0"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	h.send(t, 2, "1 chat") // the one that never returns is not asked again
	if diff := cmp.Diff([]string{"1 good 0"}, h.scores(t, 2)); diff != "" {
		t.Errorf("signals of the second trace (-want +got):\n%s", diff)
	}
	for name, reason := range map[string]string{"fails": "error", "panics": "panic", "slow": "budget"} {
		if n := testutil.ToFloat64(r.m.missed.WithLabelValues(name, reason)); n != 2 {
			t.Errorf("missed spans of %s for %s: %v, want 2", name, reason, n)
		}
	}
	if n := testutil.ToFloat64(r.m.missed.WithLabelValues("never", "stuck")); n != 1 {
		t.Errorf("missed spans of the analyzer that never returns: %v, want 1", n)
	}
	close(forever)
	<-released
}

// TestGoesOnWhereItWas: a runner that was stopped goes on behind what it had done, and repeats what it had begun.
func TestGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := &analyzer{"sources", 1, func(context.Context, *analyzers.Input) (float64, error) {
		cancel() // in the middle of the range
		return 0, context.Canceled
	}}
	r, err := New(h.log, writer.ReaderName, h.store, []analyzers.Analyzer{interrupted}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.send(t, 1, "1 retrieval", "2 chat")
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	reader, err := h.log.Reader(t.Context(), ReaderName)
	if err != nil {
		t.Fatal(err)
	}
	if in, err := reader.Pending(t.Context()); err != nil || in == nil {
		t.Fatalf("the range that was interrupted: %v, %v", in, err)
	}
	h.run(t, Options{}, &analyzer{"sources", 1, sources})
	if diff := cmp.Diff([]string{"2 sources 1"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

// TestLeavesOutWhatTheLogCannotKeep: a log that is too full is not kept for the analyzers.
func TestLeavesOutWhatTheLogCannotKeep(t *testing.T) {
	t.Parallel()
	h := open(t)
	for n := range uint64(fetchRecords + 10) {
		h.send(t, n+1, "1 chat")
	}
	await(t, "all is stored", func() bool {
		st, err := h.log.Status(t.Context())
		return err == nil && len(st.Readers) == 1 && st.Readers[0].Position == st.LastSeq
	})
	r, _ := h.run(t, Options{LogShare: 1e-12}, &analyzer{"sources", 1, sources})
	if got := h.scores(t, 1); got != nil {
		t.Errorf("signals of what is left out: %v", got)
	}
	if n := testutil.ToFloat64(r.m.skipped); n != fetchRecords+10 {
		t.Errorf("left out: %v, want %d", n, fetchRecords+10)
	}
}

// TestRetryWaits: a store that does not answer is waited for, and what the runner waits for is said.
func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Runner{opts: Options{}}
		r.opts.Logger = discard
		n := 0
		err := r.retry(t.Context(), "score", func() error {
			if n++; n < 4 {
				return errors.New("down")
			}
			if err := r.Ready(); err == nil || err.Error() != "score: down" {
				t.Errorf("ready while waiting: %v", err)
			}
			return nil
		})
		if err != nil || n != 4 || r.Ready() != nil {
			t.Errorf("after %d attempts: %v, ready %v", n, err, r.Ready())
		}
	})
}

// second is a second opinion that can be told to wait.
type second struct{ gate chan struct{} }

func (second) Describe() analyzers.Description {
	return analyzers.Description{Name: "second", Version: 1, Signals: []analyzers.SignalDescription{{Name: "second"}}}
}
func (second) Wants(g *analyzers.Signal) bool { return g.Name == "sources" }
func (s second) Ask(ctx context.Context, in *analyzers.Input, g *analyzers.Signal) (analyzers.Signal, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
	}
	if in.Span.SpanID[7] == 2 {
		return analyzers.Signal{}, judge.ErrBudget
	}
	return analyzers.Signal{Name: "second", Score: g.Score + 10}, ctx.Err()
}

// TestSecondOpinionsComeBeside: the log goes on while an opinion is waited for, and what is not asked is counted.
func TestSecondOpinionsComeBeside(t *testing.T) {
	t.Parallel()
	h, other := open(t), second{make(chan struct{})}
	r, _ := h.run(t, Options{Second: other}, &analyzer{"sources", 1, sources})
	h.send(t, 1, "1 chat", "2 chat")
	if diff := cmp.Diff([]string{"1 sources 0", "2 sources 0"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals while an opinion is waited for (-want +got):\n%s", diff)
	}
	close(other.gate)
	await(t, "the opinion is stored", func() bool { return len(h.scores(t, 1)) == 3 })
	if diff := cmp.Diff([]string{"1 second 10", "1 sources 0", "2 sources 0"}, h.scores(t, 1)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	await(t, "the question that was not asked is counted", func() bool { return testutil.ToFloat64(r.m.missed.WithLabelValues("second", "questions")) == 1 })
}
