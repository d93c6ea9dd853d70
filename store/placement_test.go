package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// asked and answered are records of a call that name no span.
func asked(text string, at time.Time) genai.Span {
	return genai.Span{Name: "gen_ai.user.message", Start: at, Partial: true, Input: []genai.Message{say(genai.RoleUser, text)}}
}

func answered(text string, at time.Time) genai.Span {
	return genai.Span{Name: "gen_ai.choice", Start: at, Partial: true, Output: []genai.Message{say(genai.RoleAssistant, text)}}
}

// ofTurn is a record without a trace, as a coding agent sends it: of a turn, and of a response unless that is "".
func ofTurn(f genai.Span, turn string, sequence int64, response string) genai.Span {
	f.Partial, f.Operation, f.ResponseID, f.Turn = false, genai.OpChat, response, genai.Turn{ID: turn, Sequence: sequence}
	return f
}

// addNameless adds a record that names its trace, or none, and no span.
func addNameless(b *store.Batch, trace genai.TraceID, seq int, f genai.Span) {
	f.TraceID = trace
	b.AddFragment(&f, &store.Log{
		Project: "default", TraceID: trace, Time: f.Start, Seq: uint64(seq), EventName: f.Name, Raw: field(12, []byte(f.Name)),
	})
}

// heardOf are the texts of a span.
func heardOf(s *genai.Span) (texts []string) {
	for _, m := range slices.Concat(s.Input, s.Output) {
		for _, p := range m.Parts {
			texts = append(texts, p.Content)
		}
	}
	return texts
}

// TestRecordsWithoutASpan: two calls, and records that name their trace alone or nothing but ids, each stored by itself, in every
// order. Each content ends on its call, once, wherever one looks.
func TestRecordsWithoutASpan(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	type row struct {
		span    *genai.Span
		records []genai.Span
	}
	rows := func(trace int, traced bool) []row {
		first, second := quiet(trace, 1, base), quiet(trace, 2, base.Add(2*time.Second))
		turn := fmt.Sprintf("0199c3a1-2f5e-4d0a-9b1c-%012d", trace)
		var records []genai.Span
		for i, sp := range []*genai.Span{first, second} {
			in, reply := asked(fmt.Sprint("where", i), sp.Start.Add(time.Millisecond)), answered(fmt.Sprint("there", i), sp.End.Add(-time.Millisecond))
			if !traced {
				sp.ResponseID, sp.Dialect = fmt.Sprintf("req_%020d%d", trace, i), genai.ApartDialects[0]
				in, reply = ofTurn(in, turn, int64(4*i+1), ""), ofTurn(reply, turn, int64(4*i+2), sp.ResponseID)
				if i == 1 { // its answer does not come
					in.ResponseID = sp.ResponseID
				}
			}
			records = append(records, in, reply)
		}
		return []row{{span: first}, {span: second}, {records: records[:1]}, {records: records[1:3]}} // without the last answer
	}
	var orders [][]int
	permutations(4, func(order []int) { orders = append(orders, order) })
	trace := func(n int, traced bool) int {
		if traced {
			return n + 1
		}
		return n + 1 + len(orders)
	}
	for step := range 4 {
		b := s.NewBatch()
		for n, order := range orders {
			for _, traced := range []bool{false, true} {
				at := trace(n, traced)
				r := rows(at, traced)[order[step]]
				if r.span != nil {
					b.AddSpan(r.span)
				}
				named := genai.TraceID{}
				if traced {
					named = id(at)
				}
				for i, f := range r.records {
					addNameless(b, named, 10*step+i, f)
				}
			}
		}
		if err := s.Insert(ctx, b, fmt.Sprint(step)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[genai.SpanID][]string{sid(1): {"where0", "there0"}, sid(2): {"where1"}}
	for n := range orders {
		if n%5 != 0 {
			continue // each look costs time
		}
		for _, traced := range []bool{false, true} {
			at := trace(n, traced)
			name := fmt.Sprintf("in the order %v, traced %t", orders[n], traced)
			got := map[genai.SpanID][]string{}
			for span, texts := range want {
				one, err := s.Span(ctx, "default", id(at), span)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got[span] = heardOf(&one.Span)
				if raw, err := s.RawSpan(ctx, "default", id(at), span); err != nil || len(raw.Logs) != len(texts) {
					t.Errorf("%s: %d raw records of span %s, want %d, %v", name, len(raw.Logs), span, len(texts), err)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s, the spans (-want +got):\n%s", name, d)
			}
			got = map[genai.SpanID][]string{}
			spoken, err := s.SpansWithContent(ctx, "default", id(at), 10, 1<<20)
			for i := range spoken.Spans {
				got[spoken.Spans[i].SpanID] = heardOf(&spoken.Spans[i])
			}
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("%s, the conversation, %v (-want +got):\n%s", name, err, d)
			}
			opened, err := s.Trace(ctx, "default", id(at))
			if err != nil || len(opened.Spans) != 2 || opened.Summary.OutputPreview != "there0" || opened.Summary.Warnings != 1 {
				t.Errorf("%s, the trace: %+v, %v", name, opened.Summary, err)
				continue
			}
			for _, o := range opened.Spans {
				if texts := want[o.SpanID]; o.InputMessages+o.OutputMessages != len(texts) || o.InputPreview != texts[0] {
					t.Errorf("%s, the outline of %s: %d and %d messages, %q", name, o.SpanID, o.InputMessages, o.OutputMessages, o.InputPreview)
				}
			}
		}
	}
	list := day(base)
	list.Limit = store.MaxPage
	page, err := s.ListTraces(ctx, list)
	if err != nil || len(page.Traces) != 2*len(orders) {
		t.Fatalf("%d traces, %v", len(page.Traces), err)
	}
	for i := range page.Traces {
		if one := &page.Traces[i]; one.Warnings != 1 || one.OutputPreview != "there0" || one.InputPreview == "" {
			t.Errorf("in the list, trace %s: %d warnings, %q, %q", one.TraceID, one.Warnings, one.InputPreview, one.OutputPreview)
		}
	}
	report, err := s.Instrumentations(ctx, store.InstrumentationQuery{Project: "default", From: base.Add(-time.Minute), To: base.Add(time.Minute)})
	if err != nil || len(report.Rows) != 2 {
		t.Fatalf("report: %+v, %v", report, err)
	}
	calls := int64(2 * len(orders)) // of each dialect
	for _, got := range report.Rows {
		if got.Input != (store.Share{Have: calls, Of: calls}) || got.Output != (store.Share{Have: calls / 2, Of: calls}) {
			t.Errorf("report: input %+v, output %+v of %d calls", got.Input, got.Output, calls)
		}
	}
	for word, span := range map[string]genai.SpanID{"where0": sid(1), "there0": sid(1), "where1": sid(2)} {
		for _, filter := range [][]string{nil, {"service = shop"}} {
			q := store.SearchQuery{Project: "default", Words: word, From: base.Add(-time.Hour), To: base.Add(time.Hour), Filter: mustFilter(t, filter...), Limit: store.MaxPage}
			hits := searchAll(t, s, q)
			if len(hits) != 2*len(orders) {
				t.Errorf("%q with the filter %v is found in %d traces of %d", word, filter, len(hits), 2*len(orders))
			}
			for _, h := range hits {
				if h.SpanID != span || h.SpanName != "chat gpt-5" || h.Snippet != word {
					t.Errorf("%q with the filter %v: %+v", word, filter, h)
					break
				}
			}
		}
		list.Words = word
		if page, err := s.ListTraces(ctx, list); err != nil || len(page.Traces) != 2*len(orders) {
			t.Errorf("%q is in %d traces of %d, %v", word, len(page.Traces), 2*len(orders), err)
		}
	}
	if hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: "where0", From: base.Add(-time.Hour), To: base.Add(time.Hour), Filter: mustFilter(t, "service = till")}); len(hits) > 0 {
		t.Errorf("found on another service: %+v", hits[0])
	}
	store.Limit(s, 20_000, 10, 1000) // more contents than can be named
	if hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: "where0", From: base.Add(-time.Hour), To: base.Add(time.Hour), Limit: store.MaxPage}); len(hits) != 2*len(orders) {
		t.Errorf("too many to be named: found in %d traces of %d", len(hits), 2*len(orders))
	}
}

// TestALaterSpanCorrectsWhoseARecordIs: what only one call could have said is another's as soon as that one comes, and nobody's
// when two may have said it; it is never there twice.
func TestALaterSpanCorrectsWhoseARecordIs(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	outer, inner, beside := quiet(1, 1, base), quiet(1, 2, base.Add(500*time.Millisecond)), quiet(1, 3, base.Add(600*time.Millisecond))
	inner.ParentSpanID = outer.SpanID
	inner.End, beside.End = base.Add(time.Second), base.Add(time.Second)
	b := s.NewBatch()
	addNameless(b, outer.TraceID, 0, answered("in the larder", base.Add(700*time.Millisecond)))
	b.AddSpan(outer)
	for step, want := range []map[genai.SpanID][]string{
		{outer.SpanID: {"in the larder"}},
		{inner.SpanID: {"in the larder"}},
		{},
	} {
		if add := []*genai.Span{nil, inner, beside}[step]; add != nil {
			b.AddSpan(add)
		}
		if err := s.Insert(ctx, b, fmt.Sprint(step)); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		got := map[genai.SpanID][]string{}
		spoken, err := s.SpansWithContent(ctx, "default", outer.TraceID, 10, 1<<20)
		for i := range spoken.Spans {
			got[spoken.Spans[i].SpanID] = heardOf(&spoken.Spans[i])
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("step %d, %v (-want +got):\n%s", step, err, d)
		}
		for _, sp := range []*genai.Span{outer, inner, beside}[:step+1] {
			one, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID)
			if err != nil || !slices.Equal(heardOf(&one.Span), want[sp.SpanID]) {
				t.Errorf("step %d, span %s: %v, %v", step, sp.SpanID, heardOf(&one.Span), err)
			}
		}
		hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: "larder", From: base.Add(-time.Hour), To: base.Add(time.Hour)})
		if len(hits) != 1 || len(want) > 0 && want[hits[0].SpanID] == nil || len(want) == 0 && !hits[0].SpanID.IsZero() {
			t.Errorf("step %d, found: %+v", step, hits)
		}
	}
	filtered := store.SearchQuery{Project: "default", Words: "larder", From: base.Add(-time.Hour), To: base.Add(time.Hour), Filter: mustFilter(t, "service = shop")}
	if hits := searchAll(t, s, filtered); len(hits) > 0 {
		t.Errorf("found on a span although nobody knows on which: %+v", hits)
	}
}

// TestARecordGivesUsageAndCost: what a call used and cost is the same in the list and opened when only a record says it.
func TestARecordGivesUsageAndCost(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	sp, other := quiet(1, 1, base), chat(1, 2, base.Add(5*time.Second))
	sp.Dialect = genai.ApartDialects[0]
	sp.ResponseID, sp.Usage, sp.Cost = "req_00000000000000000001", genai.Usage{}, genai.Cost{}
	record := genai.Span{
		Name: "api_request", Start: base.Add(time.Second), Operation: genai.OpChat, ResponseID: sp.ResponseID, Usage: genai.Usage{Input: genai.Count(7), Output: genai.Count(3)},
		Cost: genai.Cost{Amount: "0.0075", Currency: "USD", Source: "reported"},
	}
	b := s.NewBatch()
	b.AddSpan(sp)
	b.AddSpan(other)
	for i := range 2 { // sent twice
		addNameless(b, genai.TraceID{}, i, record)
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	opened, err := s.Trace(ctx, "default", sp.TraceID)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.ListTraces(ctx, day(base))
	if err != nil || len(page.Traces) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	for name, got := range map[string]store.TraceSummary{"opened": opened.Summary, "in the list": page.Traces[0]} {
		if got.Usage.Input.N != 107 || got.Usage.Output.N != 23 || got.Cost.Amount != "0.01" || got.Unpriced != 0 {
			t.Errorf("%s: %+v, %+v, %d without a price", name, got.Usage, got.Cost, got.Unpriced)
		}
	}
	one, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID)
	if err != nil || one.Cost.Amount != "0.0075" || one.Pricing.Reported != record.Cost || one.Usage.Input.N != 7 {
		t.Errorf("the span: %+v, %+v, %v", one.Cost, one.Pricing, err)
	}
}

// TestRecordsOfNobody: a record whose call never comes is counted and keeps nobody from reading; and of other people's no trace is read.
func TestRecordsOfNobody(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	sp := quiet(1, 1, base)
	sp.Dialect = genai.ApartDialects[0]
	sp.ResponseID = "req_00000000000000000001"
	b := s.NewBatch()
	b.AddSpan(sp)
	addNameless(b, genai.TraceID{}, 0, ofTurn(answered("in the larder", base), "", 0, "req_00000000000000000002"))
	addNameless(b, genai.TraceID{}, 1, ofTurn(asked("where", base), "0199c3a1-2f5e-4d0a-9b1c-000000000001", 1, ""))
	other := ofTurn(answered("of another project", base), "", 0, sp.ResponseID)
	b.AddFragment(&other, &store.Log{Project: "other", Time: base, Seq: 2})
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID); err != nil || len(heardOf(&got.Span)) > 0 {
		t.Errorf("the span: %v, %v", heardOf(&got.Span), err)
	}
	if hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: "larder", From: base.Add(-time.Hour), To: base.Add(time.Hour)}); len(hits) > 0 {
		t.Errorf("found: %+v", hits)
	}
	if spans, logs, err := s.Stored(ctx, "default"); err != nil || spans != 1 || logs != 2 {
		t.Errorf("%d spans and %d records, %v", spans, logs, err)
	}
	store.LimitJoined(s, 1)
	if _, err := s.Instrumentations(ctx, store.InstrumentationQuery{Project: "default", From: base, To: base.Add(time.Hour)}); err == nil || !strings.Contains(err.Error(), store.ErrTooManyRecords.Error()) {
		t.Errorf("more records than a report looks at: %v", err)
	}
}
