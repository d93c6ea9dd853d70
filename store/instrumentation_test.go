package store_test

import (
	"context"
	"errors"
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

// codesOf are the codes of a span's warnings, with their fields.
func codesOf(ws []genai.Warning) (codes []string) {
	for _, w := range ws {
		codes = append(codes, string(w.Code)+" "+w.Field)
	}
	return codes
}

// TestContentMissing: whether a call has content is said of the span and its log records together, whichever came first.
func TestContentMissing(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	missing := func(fields ...string) (list []string) {
		for _, f := range fields {
			list = append(list, string(genai.WarnContentMissing)+" "+f)
		}
		return list
	}
	roles := []genai.Message{{Role: genai.RoleUser}} // what is left of messages when their content is not captured
	instructions := []genai.Part{{Type: genai.PartText, Content: "be terse"}}
	marker := genai.Warning{Code: genai.WarnContentMissing, Field: "llm.input_messages"}
	cut := genai.Warning{Code: genai.WarnMalformedJSON, Field: "body"}
	want := map[string][]string{}
	for i, c := range []struct {
		name   string
		change func(*genai.Span)
		tell   []genai.Span
		want   []string
	}{
		{name: "silent", want: missing(genai.FieldInput, genai.FieldOutput)},
		{name: "roles alone", change: func(s *genai.Span) { s.Input = roles }, want: missing(genai.FieldInput, genai.FieldOutput)},
		{name: "a call that was refused", change: func(s *genai.Span) { s.Error.Type = "429" }},
		{name: "a record says that it was refused", tell: []genai.Span{{Error: genai.Error{Type: "429"}}}},
		{name: "a filter withheld the answer", change: func(s *genai.Span) { s.FinishReasons = []genai.FinishReason{genai.FinishContentFilter} }, want: missing(genai.FieldInput)},
		{name: "nothing is left of the answer", change: func(s *genai.Span) { s.FinishReasons = []genai.FinishReason{genai.FinishLength} }, want: missing(genai.FieldInput)},
		{name: "a record says so", tell: []genai.Span{{FinishReasons: []genai.FinishReason{genai.FinishLength}}}, want: missing(genai.FieldInput)},
		{name: "instructions alone", change: func(s *genai.Span) { s.System = instructions }, want: missing(genai.FieldOutput)},
		{name: "a record has the instructions", tell: []genai.Span{{System: instructions}}, want: missing(genai.FieldOutput)},
		{name: "instructions that say nothing", change: func(s *genai.Span) { s.System = []genai.Part{{Type: genai.PartText}} }, want: missing(genai.FieldInput, genai.FieldOutput)},
		{
			name: "a marker in the place of the question",
			change: func(s *genai.Span) {
				s.Warnings = []genai.Warning{{Code: genai.WarnContentMissing, Field: genai.FieldInput}}
			},
			want: missing(genai.FieldInput, genai.FieldOutput),
		},
		{
			name: "a record that says nothing leaves a doubt", change: func(s *genai.Span) { *s = *chat(1, 1, base); s.Warnings = []genai.Warning{marker} },
			tell: []genai.Span{{Output: roles}}, want: missing("llm.input_messages"),
		},
		{name: "an embedding has no messages", change: func(s *genai.Span) { s.Operation = genai.OpEmbeddings }},
		{name: "an agent", change: func(s *genai.Span) { s.Operation = genai.OpInvokeAgent }},
		{
			name: "records have all", change: func(s *genai.Span) { s.Warnings = []genai.Warning{marker} },
			tell: []genai.Span{{Input: []genai.Message{say(genai.RoleUser, "q")}}, {Output: []genai.Message{say(genai.RoleAssistant, "a")}}},
		},
		{name: "records have the question", tell: []genai.Span{{Input: []genai.Message{say(genai.RoleUser, "q")}}}, want: missing(genai.FieldOutput)},
		{
			name: "records have roles alone", tell: []genai.Span{{Input: roles, Output: roles, Warnings: []genai.Warning{cut}}},
			want: append([]string{"malformed_json body"}, missing(genai.FieldInput, genai.FieldOutput)...),
		},
		{
			name: "records repeat a doubt", change: func(s *genai.Span) { *s = *chat(1, 1, base); s.Warnings = []genai.Warning{cut} },
			tell: []genai.Span{{Warnings: []genai.Warning{cut}}, {Warnings: []genai.Warning{{Code: cut.Code, Field: "other"}, marker}}},
			want: []string{"malformed_json body", "malformed_json other"},
		},
		{
			name:   "the span has all, and a doubt of its own",
			change: func(s *genai.Span) { *s = *chat(1, 1, base); s.Warnings = []genai.Warning{marker} }, want: missing("llm.input_messages"),
		},
	} {
		for _, recordsFirst := range []bool{false, true} {
			sp := quiet(1, 1, base)
			sp.Warnings = nil
			if c.change != nil {
				c.change(sp)
			}
			sp.Service.Name, sp.Dialect = c.name, "otel-genai"
			want[c.name] = c.want
			sp.TraceID = id(100 + 2*i)
			if recordsFirst {
				sp.TraceID = id(101 + 2*i)
			}
			b := s.NewBatch()
			span := func() { b.AddSpan(sp) }
			records := func() {
				for j := range c.tell {
					f := c.tell[j]
					b.AddFragment(&f, &store.Log{Project: sp.Project, TraceID: sp.TraceID, SpanID: sp.SpanID, Time: base, Seq: uint64(j)})
				}
			}
			order := []func(){span, records}
			if recordsFirst {
				order = []func(){records, span}
			}
			for n, add := range order {
				if add(); b.Rows() == 0 {
					continue
				}
				if err := s.Insert(ctx, b, fmt.Sprint(i, recordsFirst, n)); err != nil {
					t.Fatal(err)
				}
				b.Reset()
			}
			got, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, codesOf(got.Warnings)); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, d)
			}
			trace, err := s.Trace(ctx, "default", sp.TraceID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, codesOf(trace.Spans[0].Warnings)); d != "" {
				t.Errorf("%s, in its trace (-want +got):\n%s", c.name, d)
			}
			if got := trace.Summary.Warnings; got != int64(len(c.want)) {
				t.Errorf("%s: the summary of its trace has %d warnings, want %d", c.name, got, len(c.want))
			}
		}
	}
	page, err := s.ListTraces(ctx, store.TraceQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour), Limit: store.MaxPage})
	if err != nil || len(page.Traces) != 2*len(want) {
		t.Fatalf("the list has %d traces of %d, %v", len(page.Traces), 2*len(want), err)
	}
	for i := range page.Traces {
		if one := &page.Traces[i]; one.Warnings != int64(len(want[one.Services[0]])) {
			t.Errorf("%s: the list counts %d warnings, want %d", one.Services[0], one.Warnings, len(want[one.Services[0]]))
		}
	}
	recent, err := s.RecentTraces(ctx, "default", store.Arrival{}, store.MaxPage, store.Filter{})
	if err != nil || len(recent.Traces) != 2*len(want) {
		t.Fatalf("%d traces of %d are recent, %v", len(recent.Traces), 2*len(want), err)
	}
	for i := range recent.Traces {
		if one := &recent.Traces[i]; one.Warnings != int64(len(want[one.Services[0]])) {
			t.Errorf("%s: of recent traces %d warnings are counted, want %d", one.Services[0], one.Warnings, len(want[one.Services[0]]))
		}
	}
	report, err := s.Instrumentations(ctx, store.InstrumentationQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour)})
	if err != nil || len(report.Rows) != len(want) {
		t.Fatalf("the report has %d rows of %d, %v", len(report.Rows), len(want), err)
	}
	for _, r := range report.Rows {
		var spans int64
		for _, f := range r.Findings {
			if f.Code == store.FindingCode(genai.WarnContentMissing) {
				spans = f.Spans
			}
		}
		told := slices.ContainsFunc(want[r.Service], func(w string) bool { return strings.HasPrefix(w, string(genai.WarnContentMissing)) })
		if told != (spans == 2) || !told && spans != 0 {
			t.Errorf("%s: the report finds %d of 2 spans without content, the spans warn %t", r.Service, spans, told)
		}
		for field, share := range map[string]store.Share{genai.FieldInput: r.Input, genai.FieldOutput: r.Output} {
			if lost := slices.Contains(want[r.Service], missing(field)[0]); lost != (share.Have < share.Of) {
				t.Errorf("%s: %s is there %d times of %d, the spans warn %t", r.Service, field, share.Have, share.Of, lost)
			}
		}
	}
}

// TestWarningsOfManyRecords: with more log records than a page may read, a summary has what the spans say of themselves.
func TestWarningsOfManyRecords(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	b := s.NewBatch()
	sp := quiet(1, 1, base)
	sp.Warnings = []genai.Warning{{Code: genai.WarnTokensDisagree}}
	b.AddSpan(sp)
	for i := range 6 {
		b.AddFragment(&genai.Span{}, &store.Log{Project: sp.Project, TraceID: sp.TraceID, SpanID: sp.SpanID, Time: base, Seq: uint64(i)})
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int64{6: 3, 5: 1} { // input and output are missing
		store.LimitUsage(s, limit)
		page, err := s.ListTraces(ctx, store.TraceQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour)})
		if err != nil || len(page.Traces) != 1 {
			t.Fatalf("%d traces, %v", len(page.Traces), err)
		}
		if got := page.Traces[0].Warnings; got != want {
			t.Errorf("of 6 records %d may be read: %d warnings, want %d", limit, got, want)
		}
	}
}

// TestInstrumentations counts by service and by what spoke, over spans and their log records.
func TestInstrumentations(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	b := s.NewBatch()
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }
	ref := func(trace, span int) store.SpanRef {
		return store.SpanRef{TraceID: id(trace), SpanID: quiet(trace, span, base).SpanID, Start: at(span)}
	}
	add := func(trace, span int, change func(*genai.Span)) *genai.Span {
		sp := quiet(trace, span, at(span))
		sp.Dialect, sp.DialectVersion, sp.Scope = "otel-genai", "1.37", genai.Scope{Name: "instr", Version: "1"}
		sp.Service = genai.Service{Name: "shop"}
		sp.Warnings, sp.Cost = nil, genai.Cost{Amount: "1", Currency: "USD", Source: "reported"}
		if change != nil {
			change(sp)
		}
		b.AddSpan(sp)
		return sp
	}
	full := func(s *genai.Span) {
		s.Input, s.Output = []genai.Message{say(genai.RoleUser, "q")}, []genai.Message{say(genai.RoleAssistant, "a")}
		s.Service.Name = "desk"
	}
	add(1, 1, nil) // lost
	told := add(1, 2, func(s *genai.Span) {
		s.Warnings = []genai.Warning{{Code: genai.WarnContentMissing, Field: "x"}, {Code: genai.WarnTokensDisagree}}
	})
	tell(b, told, "question", "answer")
	add(1, 3, func(s *genai.Span) { // failed, and says nothing
		s.Error.Type, s.Usage, s.Cost = "timeout", genai.Usage{}, genai.Cost{}
	})
	add(1, 4, func(s *genai.Span) {
		s.Usage, s.Cost, s.RequestModel, s.ResponseModel = genai.Usage{}, genai.Cost{}, "", ""
	})
	add(1, 5, func(s *genai.Span) { s.Operation, s.Usage.Rollup, s.DialectVersion = genai.OpInvokeAgent, true, "1.38" })
	add(1, 6, func(s *genai.Span) { s.Operation, s.Usage, s.Cost = "", genai.Usage{}, genai.Cost{} })
	add(2, 7, full)
	add(2, 8, func(s *genai.Span) { full(s); s.Cost = genai.Cost{} })
	plain := func(key string) func(*genai.Span) {
		return func(s *genai.Span) {
			*s = genai.Span{
				Project: "default", TraceID: s.TraceID, SpanID: s.SpanID, Start: s.Start, End: s.End, Name: "POST", Service: genai.Service{Name: "own"},
				Attributes: []genai.Attribute{{Key: key, Value: genai.String("x")}},
			}
		}
	}
	add(3, 9, plain("my.llm.model"))
	add(3, 10, plain("http.route"))
	f := genai.Span{Warnings: []genai.Warning{{Code: genai.WarnMalformedJSON}}}
	b.AddFragment(&f, &store.Log{Project: "default", TraceID: told.TraceID, SpanID: told.SpanID, Time: base})
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	q := store.InstrumentationQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour)}
	got, err := s.Instrumentations(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	one := func(code store.FindingCode, n int64, first, last store.SpanRef) store.Finding {
		return store.Finding{Code: code, Spans: n, First: first, Last: last}
	}
	want := store.InstrumentationReport{Rows: []store.Instrumentation{
		{
			Service: "shop", Dialect: "otel-genai", DialectVersions: []string{"1.37", "1.38"}, ScopeName: "instr", ScopeVersion: "1", Spans: 6, ModelCalls: 4,
			Input: store.Share{Have: 1, Of: 3}, Output: store.Share{Have: 1, Of: 3}, Model: store.Share{Have: 3, Of: 4},
			Tokens: store.Share{Have: 2, Of: 3}, Cost: store.Share{Have: 2, Of: 2}, FirstSeen: at(1), LastSeen: at(6),
			Findings: []store.Finding{
				one("content_missing", 2, ref(1, 1), ref(1, 4)),
				one("malformed_json", 1, ref(1, 2), ref(1, 2)),
				one(store.FindModelMissing, 1, ref(1, 4), ref(1, 4)),
				one("tokens_disagree", 1, ref(1, 2), ref(1, 2)),
				one(store.FindTokensMissing, 1, ref(1, 4), ref(1, 4)),
				one(store.FindUnread, 1, ref(1, 6), ref(1, 6)),
				one(store.FindUsageRepeated, 1, ref(1, 5), ref(1, 5)),
			},
		},
		{
			Service: "own", Spans: 1, FirstSeen: at(9), LastSeen: at(9),
			Findings: []store.Finding{one(store.FindUnknown, 1, ref(3, 9), ref(3, 9))},
		},
		{
			Service: "desk", Dialect: "otel-genai", DialectVersions: []string{"1.37"}, ScopeName: "instr", ScopeVersion: "1", Spans: 2, ModelCalls: 2,
			Input: store.Share{Have: 2, Of: 2}, Output: store.Share{Have: 2, Of: 2}, Model: store.Share{Have: 2, Of: 2},
			Tokens: store.Share{Have: 2, Of: 2}, Cost: store.Share{Have: 1, Of: 2}, FirstSeen: at(7), LastSeen: at(8),
			Findings: []store.Finding{one(store.FindCostUnknown, 1, ref(2, 8), ref(2, 8))},
		},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for name, other := range map[string]store.InstrumentationQuery{
		"another project": {Project: "other", From: q.From, To: q.To},
		"before":          {Project: "default", From: q.From, To: at(1)},
	} {
		if got, err := s.Instrumentations(ctx, other); err != nil || len(got.Rows) != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	more := s.NewBatch()
	for i := range 100 {
		tell(more, quiet(4, i, base), "q", "a")
	}
	if err := s.Insert(ctx, more, "b"); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Instrumentations(ctx, q); err != nil || !cmp.Equal(got, again) {
		t.Errorf("log records without their spans: %v\n%s", err, cmp.Diff(got, again))
	}
	store.Limit(s, 10, 10, 10)
	if _, err := s.Instrumentations(ctx, q); !errors.Is(err, store.ErrTooManyRecords) {
		t.Errorf("more log records than are followed: %v", err)
	}
}

// TestInstrumentationOrder: those that lose the greatest share of their content come first, of equals those with most spans.
func TestInstrumentationOrder(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	b := s.NewBatch()
	n := 0
	for service, calls := range map[string][2]int{"all of one": {0, 1}, "all of two": {0, 2}, "most": {1, 6}, "none of three": {3, 3}, "none of one": {1, 1}} {
		for i := range calls[1] {
			n++
			sp := quiet(n, 1, base)
			if i < calls[0] {
				sp = chat(n, 1, base)
			}
			sp.Service, sp.Dialect = genai.Service{Name: service}, "otel-genai"
			b.AddSpan(sp)
		}
	}
	if err := s.Insert(context.Background(), b, "a"); err != nil {
		t.Fatal(err)
	}
	report, err := s.Instrumentations(context.Background(), store.InstrumentationQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range report.Rows {
		got = append(got, report.Rows[i].Service)
	}
	if d := cmp.Diff([]string{"all of two", "all of one", "most", "none of three", "none of one"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
