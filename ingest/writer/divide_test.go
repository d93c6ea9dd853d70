package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// ask runs a statement in the engine, past the store.
func ask(t *testing.T, database, sql string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return storetest.Engine(t).Dial(ctx)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?database="+url.QueryEscape(database), strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", sql, res.Status, text, err)
	}
	return strings.TrimSpace(string(text))
}

// tracesWith is a request with a trace of two spans, of which the second has the name.
func tracesWith(t *testing.T, number uint64, name string) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i, n := range []string{"chat m", name} {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(traceID(number))
		s.SetSpanID(pcommon.SpanID{0: 1, 6: byte(number), 7: byte(i + 1)})
		s.SetName(n)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.Attributes().PutStr("gen_ai.operation.name", "chat")
		s.Attributes().PutStr("gen_ai.system_instructions", `[{"type":"text","content":"instructions of `+n+`"}]`)
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// logsWith is a request with a GenAI record of a span and a plain one.
func logsWith(t *testing.T, number uint64, name string) []byte {
	t.Helper()
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	event := rec.AppendEmpty()
	event.SetEventName("gen_ai.user.message")
	event.SetTraceID(traceID(number))
	event.SetSpanID(pcommon.SpanID{0: 1, 6: byte(number), 7: 1})
	event.Body().SetEmptyMap().PutStr("content", "hello "+name)
	rec.AppendEmpty().Body().SetStr(name)
	b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const requests = 12 // of each signal; three of each are bad

func bad(n uint64) bool { return n == 5 || n == 6 || n == requests-1 }

func fill(t *testing.T, l spanlog.Log) {
	t.Helper()
	for n := range uint64(requests) {
		name := fmt.Sprintf("chat %d", n)
		if bad(n) {
			name = "poison"
		}
		appendTo(t, l, "p", spanlog.SignalTraces, tracesWith(t, n, name))
		appendTo(t, l, "p", spanlog.SignalLogs, logsWith(t, n, name))
	}
}

// poisons are what makes each of the tables refuse a row, and how many letters that makes.
var poisons = map[string]struct {
	check   string
	letters int
}{
	"spans":     {"name != 'poison'", 3},
	"logs":      {"body != 'poison'", 3},
	"fragments": {"position(detail, 'poison') = 0 AND position(raw, 'poison') = 0", 3},
	"contents":  {"position(body, 'poison') = 0", 6},
	"chunks":    {"position(body, 'poison') = 0", 0},
}

func total(t *testing.T, database string) string {
	t.Helper()
	return ask(t, database, `SELECT (SELECT count() FROM spans), (SELECT sum(spans) FROM traces), (SELECT count() FROM fragments), (SELECT count() FROM logs)
FORMAT CSV`)
}

// TestRefusedRecordsBecomeDeadLetters lets every table refuse some rows for good: what is not refused
// is stored once, the rest are dead letters with the engine's words, and when they are played
// again without the reason of their refusal, everything is there once.
func TestRefusedRecordsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	for table, c := range poisons {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			l := openLog(t, t.TempDir())
			st, database := storetest.NamedStore(t)
			ask(t, database, "ALTER TABLE "+table+" ADD CONSTRAINT no_poison CHECK "+c.check)
			fill(t, l)
			w, stop := run(t, l, st, Options{})
			await(t, "everything is done", drained(t, l))
			if err := w.Ready(); err != nil {
				t.Errorf("not ready: %v", err)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			letters, err := wholeLetters(t, l)
			if err != nil {
				t.Fatal(err)
			}
			if len(letters) != c.letters {
				t.Errorf("%d dead letters, want %d", len(letters), c.letters)
			}
			var ids []uint64
			for _, d := range letters {
				ids = append(ids, d.ID)
				if d.Reason != reasonRefused || !strings.Contains(d.Error, "VIOLATED_CONSTRAINT") || !bytes.Contains(d.Payload, []byte("poison")) {
					t.Errorf("letter %d: %s, %q", d.ID, d.Reason, d.Error)
				}
			}
			if s := w.Stats(); s.Records != 2*requests || s.DeadLetters != int64(c.letters) {
				t.Errorf("stats %+v", s)
			}
			ask(t, database, "ALTER TABLE "+table+" DROP CONSTRAINT no_poison")
			if _, err := l.DeadLetters().Replay(t.Context(), ids); err != nil {
				t.Fatal(err)
			}
			_, stop = run(t, l, st, Options{})
			await(t, "the replayed are stored", drained(t, l))
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, want := total(t, database), fmt.Sprintf("%d,%d,%d,%d", 2*requests, 2*requests, requests, requests); got != want {
				t.Errorf("stored %s, want %s", got, want)
			}
		})
	}
}

// faulty ends the n-th insert in an error, before or after it was done.
type faulty struct {
	*store.Store
	left  atomic.Int64
	after bool
	met   chan struct{}
}

func (s *faulty) around(do func() error) error {
	if s.left.Add(-1) > 0 {
		return do()
	}
	if s.after {
		_ = do() // its answer is lost
	}
	select {
	case s.met <- struct{}{}:
	default:
	}
	return errFault
}

func (s *faulty) Insert(ctx context.Context, b *store.Batch, token string) error {
	return s.around(func() error { return s.Store.Insert(ctx, b, token) })
}

func (s *faulty) InsertTable(ctx context.Context, b *store.Batch, table, token string) error {
	return s.around(func() error { return s.Store.InsertTable(ctx, b, table, token) })
}

// TestDividedRangeThroughKills ends the writer at every other insert of a range that is being divided,
// before and after it was done, and lets another go on, with another retention: everything is there once.
func TestDividedRangeThroughKills(t *testing.T) {
	t.Parallel()
	for i, n := range []int64{1, 2, 4, 7, 13, 22} {
		t.Run(strconv.FormatInt(n, 10), func(t *testing.T) {
			t.Parallel()
			l := openLog(t, t.TempDir())
			st, database := storetest.NamedStore(t)
			ask(t, database, "ALTER TABLE spans ADD CONSTRAINT no_poison CHECK name != 'poison'")
			ask(t, database, "ALTER TABLE logs ADD CONSTRAINT no_poison CHECK body != 'poison'")
			fill(t, l)
			s := &faulty{Store: st, after: i%2 == 1, met: make(chan struct{}, 1)}
			s.left.Store(n)
			_, stop := run(t, l, s, Options{})
			select {
			case <-s.met:
			case <-time.After(waitFor):
				t.Fatal("the fault was not met")
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			_, stop = run(t, l, st, Options{})
			await(t, "everything is done", drained(t, l))
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, want := total(t, database), fmt.Sprintf("%d,%d,%d,%d", 2*requests-6, 2*requests-6, requests, requests-3); got != want {
				t.Errorf("stored %s, want %s", got, want)
			}
			letters, err := wholeLetters(t, l)
			if err != nil || len(letters) != 6 {
				t.Errorf("%d dead letters, %v: want 6", len(letters), err)
			}
		})
	}
}

// TestHalfStoredRangeIsNotDivided: when a view behind the table is what fails, the table has the rows
// already. Other tokens would store them twice, so the writer waits until the view is mended.
func TestHalfStoredRangeIsNotDivided(t *testing.T) {
	t.Parallel()
	l := openLog(t, t.TempDir())
	st, database := storetest.NamedStore(t)
	ask(t, database, "CREATE TABLE sink (n UInt8) ENGINE = Null")
	ask(t, database, "CREATE MATERIALIZED VIEW broken TO sink AS SELECT throwIf(name = 'poison') AS n FROM spans")
	fill(t, l)
	w, stop := run(t, l, st, Options{})
	await(t, "the writer says that it waits", func() bool {
		err := w.Ready()
		return err != nil && strings.Contains(err.Error(), "it cannot be divided")
	})
	ask(t, database, "DROP VIEW broken")
	await(t, "everything is stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := total(t, database), fmt.Sprintf("%d,%d,%d,%d", 2*requests, 2*requests, requests, requests); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}

// narrow is a server that takes no more than some rows at once.
type narrow struct {
	*store.Store
	most    int
	refuses *store.InsertError
}

func (s *narrow) Insert(ctx context.Context, b *store.Batch, token string) error {
	for _, table := range store.Tables() {
		if err := s.InsertTable(ctx, b, table, token); err != nil {
			return err
		}
	}
	return nil
}

func (s *narrow) InsertTable(ctx context.Context, b *store.Batch, table, token string) error {
	if n := b.TableRows(table); n > s.most {
		e := *s.refuses
		e.Table, e.Rows = table, n
		return &e
	}
	return s.Store.InsertTable(ctx, b, table, token)
}

// TestBatchesThatAreTooLarge are stored in parts, whoever says so.
func TestBatchesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	for name, refuses := range map[string]*store.InsertError{
		"a proxy":  {Status: http.StatusRequestEntityTooLarge, Text: "nginx"},
		"a query":  {Code: 241, Text: "Code: 241. DB::Exception: Query memory limit exceeded"},
		"a server": {Code: 241, Text: "Code: 241. DB::Exception: (total) memory limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLog(t, t.TempDir())
			st, database := storetest.NamedStore(t)
			fill(t, l)
			_, stop := run(t, l, &narrow{Store: st, most: 5, refuses: refuses}, Options{})
			await(t, "everything is stored", drained(t, l))
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, want := total(t, database), fmt.Sprintf("%d,%d,%d,%d", 2*requests, 2*requests, requests, requests); got != want {
				t.Errorf("stored %s, want %s", got, want)
			}
			if st, err := l.Status(t.Context()); err != nil || st.DeadLetters != 0 {
				t.Errorf("%d dead letters, %v", st.DeadLetters, err)
			}
		})
	}
}

// TestWhatIsNobodysFaultWaits: an answer about the server, however often it comes, costs no record.
func TestWhatIsNobodysFaultWaits(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	var left atomic.Int32
	left.Store(maxRefusals + 2)
	codes := []int{252, 243, 202}
	_, stop := run(t, l, &interrupted{Store: st, before: func() error {
		if n := left.Add(-1); n >= 0 {
			return &store.InsertError{Table: "spans", Code: codes[n%3]}
		}
		return nil
	}}, Options{})
	appendTo(t, l, "p", spanlog.SignalTraces, request(t, 1, 4))
	await(t, "everything is stored", drained(t, l))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c := spans(t, st, "p"); c.Spans != 4 {
		t.Errorf("%d spans stored, want 4", c.Spans)
	}
	if st, err := l.Status(t.Context()); err != nil || st.DeadLetters != 0 {
		t.Errorf("%d dead letters, %v", st.DeadLetters, err)
	}
}

// TestReadyTellsOfTheInsert: that the log can be read says nothing of the store.
func TestReadyTellsOfTheInsert(t *testing.T) {
	t.Parallel()
	l, st := openLog(t, t.TempDir()), storetest.Store(t)
	w, stop := run(t, l, st, Options{})
	defer func() { _ = stop() }()
	w.report(doStore, errFault)
	w.report("read the log", nil)
	if err := w.Ready(); !errors.Is(err, errFault) {
		t.Errorf("ready says %v", err)
	}
	w.report("read the log", errors.New("the log is away"))
	if err := w.Ready(); !errors.Is(err, errFault) {
		t.Errorf("ready says %v", err)
	}
	w.report(doStore, nil)
	w.report("read the log", nil)
	if err := w.Ready(); err != nil {
		t.Errorf("ready says %v", err)
	}
}
