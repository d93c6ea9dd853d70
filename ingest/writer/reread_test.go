package writer

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// byBook is a Pricer of one book.
func byBook(t *testing.T, name, csv string) *pricing.Pricer {
	t.Helper()
	book, problems, err := pricing.ReadCSV(name, strings.NewReader(csv), pricing.Limits{})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return pricing.New(book, pricing.Options{})
}

// rawCall is a span as a sender sends it; some are no model calls, and some have times that cannot be.
func rawCall(t *testing.T, n int, at time.Time, timeless bool) *store.RawSpan {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service ", n%3))
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("tests")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(traceID(uint64(n / 3)))
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], uint64(n)+1)
	s.SetSpanID(id)
	s.SetName("n")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	if timeless && n%7 == 0 {
		s.SetStartTimestamp(0)
	}
	if n%5 > 0 {
		a := s.Attributes()
		a.PutStr("gen_ai.operation.name", []string{"", "chat", "chat", "invoke_agent", "execute_tool"}[n%5])
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", fmt.Sprint("model-", n%4))
		a.PutInt("gen_ai.usage.input_tokens", int64(n))
		a.PutInt("gen_ai.usage.output_tokens", int64(n%11))
		a.PutStr("gen_ai.input.messages", `[{"role":"system","parts":[{"type":"text","content":"`+strings.Repeat("be kind and say what you know. ", 40)+`"}]},
			{"role":"user","parts":[{"type":"text","content":"`+strings.Repeat(fmt.Sprint("question ", n, " "), 30)+`"}]}]`)
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	in := wire.ReadTraces(b)
	if !in.Next() {
		t.Fatal("no span")
	}
	return &store.RawSpan{Resource: in.Resource().Raw, Scope: in.Scope().Raw, Span: in.Span().Raw}
}

// reader reads as one version of the server would.
func reader(attributeBytes int, prices *pricing.Pricer) *Rereader {
	return NewRereader(dialect.New(dialect.Options{Limits: dialect.Limits{AttributeValueBytes: attributeBytes}}), prices)
}

// filled is a store of two days of spans, read by r; timeless: some have no time of their own, and keep their price when costs are computed again.
func filled(t *testing.T, r *Rereader, timeless bool) (*store.Store, string, []time.Time) {
	t.Helper()
	s, database := storetest.NamedStore(t)
	b := s.NewBatch()
	newest := time.Date(2026, 5, 6, 23, 30, 0, 0, time.UTC)
	for n := range 300 {
		at := newest.Add(-time.Duration(n) * 6 * time.Minute)
		b.Came(at, 30)
		for range 1 + n%50/49 { // some were sent twice, and not recognised
			if err := r.Read(b, fmt.Sprint("p", n%2), rawCall(t, n, at, timeless)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Insert(context.Background(), b, "a"); err != nil {
		t.Fatal(err)
	}
	days, err := s.RereadDays(context.Background(), newest.Add(-100*24*time.Hour), newest)
	if err != nil || len(days) != 2 {
		t.Fatalf("days %v, %v", days, err)
	}
	return s, database, days
}

// tables is what the tables of spans and summaries hold, whatever their parts: hashes of all rows.
func tables(t *testing.T, database, except string) string {
	t.Helper()
	if left := storetest.Statement(t, database, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'reread%'"); left != "0\n" {
		t.Errorf("%q tables are left behind", left)
	}
	return storetest.Statement(t, database, "SELECT count(), sum(sipHash64(* EXCEPT ("+except+"))) FROM spans") +
		storetest.Statement(t, database, `SELECT count(), sum(sipHash64(*)) FROM (SELECT project, hour, trace_id, min(start), max(end), min(root), sum(spans), sum(genai_spans), sum(warnings),
		arraySort(groupUniqArrayArray(models)), sum(input_tokens), sum(input_known), sum(cost), max(cost_currency), sum(unpriced), min(input_preview), max(output_preview)
		FROM traces GROUP BY project, hour, trace_id)`)
}

const (
	oldPrices = "provider,model,input,output\nopenai,model-1,1,2\nopenai,model-2,3,4\n"
	newPrices = "provider,model,input,output\nopenai,model-1,1,2\nopenai,model-2,5,6\nopenai,model-3,7,8\n"
)

// TestRereadIsReadToday: spans that an older version stored become what today's would have stored, in every
// column and summary; a dry run says so and changes nothing; and a second run finds nothing to do.
func TestRereadIsReadToday(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		kind          store.RereadKind
		before, after *Rereader
		want          []string // columns that change
	}{
		{store.RereadAll, reader(700, byBook(t, "old", oldPrices)), reader(0, byBook(t, "new", newPrices)), []string{"input_preview", "warnings", "refs", "detail", "cost", "cost_source", "fingerprint_system"}},
		{store.RereadPrices, reader(0, byBook(t, "old", oldPrices)), reader(0, byBook(t, "new", newPrices)), []string{"cost", "cost_source", "cost_unknown", "cost_parts"}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			s, database, days := filled(t, c.before, c.kind == store.RereadAll)
			_, wanted, _ := filled(t, c.after, c.kind == store.RereadAll)
			const noClock = "inserted_at"
			before, want := tables(t, database, noClock), tables(t, wanted, noClock)
			if before == want {
				t.Fatal("the versions read alike: nothing is tested")
			}
			withClock := tables(t, database, "detail")
			columns := map[string]bool{}
			for _, dry := range []bool{true, false} {
				var spans, changed int64
				for _, day := range days {
					got, err := s.Reread(ctx, c.kind, day, c.after, dry)
					if err != nil {
						t.Fatal(err)
					}
					spans, changed = spans+got.Spans, changed+got.Changed
					for _, ch := range got.Changes {
						columns[ch.Column] = true
						if ch.Spans < 1 || ch.Spans > got.Spans || !strings.HasPrefix(ch.Service, "service ") {
							t.Errorf("%+v", ch)
						}
					}
				}
				if spans != 306 || changed < 20 || changed > 280 {
					t.Errorf("dry %v: %d of %d spans change", dry, changed, spans)
				}
				if dry && tables(t, database, "detail") != withClock {
					t.Fatal("a dry run changed the tables")
				}
			}
			if got := tables(t, database, noClock); got != want {
				t.Errorf("the tables hold %s, a server of today's would have stored %s", got, want)
			}
			for _, name := range c.want {
				if !columns[name] {
					t.Errorf("%s did not change: %v", name, columns)
				}
			}
			for _, day := range days {
				if got, err := s.Reread(ctx, c.kind, day, c.after, false); err != nil || got.Changed != 0 {
					t.Errorf("again: %+v, %v", got, err)
				}
			}
			all, err := s.ListTraces(ctx, store.TraceQuery{Project: "p0", From: days[1], To: days[0].Add(24 * time.Hour), Words: "question"})
			if err != nil || len(all.Traces) == 0 {
				t.Errorf("no trace is found by its words: %v", err)
			}
		})
	}
}
