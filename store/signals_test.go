package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// score adds a signal of a span to a batch.
func score(b *store.SignalBatch, sp *genai.Span, g store.Signal) {
	if g.ScoredAt.IsZero() {
		g.ScoredAt = base
	}
	b.Add(&store.StoredSpan{Span: *sp, Stored: sp.Start}, &g)
}

// TestSignals: the signal that was scored last is the one, however often it was scored, and counts once.
func TestSignals(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	one, two, other := chat(1, 1, base), chat(1, 2, base.Add(time.Second)), chat(2, 1, base.Add(6*time.Minute))
	other.Service.Name, other.ResponseModel = "till", "gpt-5"
	b := s.NewBatch()
	for _, sp := range []*genai.Span{one, two, other} {
		b.AddSpan(sp)
	}
	if err := s.Insert(ctx, b, "spans"); err != nil {
		t.Fatal(err)
	}
	signals := s.NewSignalBatch()
	insert := func(token string) {
		t.Helper()
		if err := s.InsertSignals(ctx, signals, token); err != nil {
			t.Fatal(err)
		}
		signals.Reset()
	}
	score(signals, one, store.Signal{Name: "refusal", Analyzer: "refusal", Version: 1, Score: 9, Probability: 0.2, Label: "compliance", Evidence: "[]"})
	insert("a")
	for range 2 { // as after a crash
		score(signals, one, store.Signal{Name: "refusal", Analyzer: "refusal", Version: 2, Score: 3, Probability: 0.9, Label: "full", Evidence: `[{"reason":"decline"}]`, ScoredAt: base.Add(time.Second)})
		score(signals, two, store.Signal{Name: "refusal", Analyzer: "refusal", Version: 2, Score: -1, Probability: 0.1, Label: "compliance", Evidence: "[]"})
		score(signals, other, store.Signal{Name: "refusal", Analyzer: "refusal", Version: 2, Score: 1, Probability: 0.5, Label: "partial", Evidence: "[]"})
		score(signals, other, store.Signal{Name: "behaviour.length", Analyzer: "behaviour", Version: 1, Score: 120, Evidence: "[]"})
		insert("b")
	}
	got, more, err := s.Signals(ctx, "default", one.TraceID, genai.SpanID{})
	want := []store.Signal{
		{SpanID: one.SpanID, Name: "refusal", Analyzer: "refusal", Version: 2, Score: 3, Probability: 0.9, Label: "full", Evidence: `[{"reason":"decline"}]`},
		{SpanID: two.SpanID, Name: "refusal", Analyzer: "refusal", Version: 2, Score: -1, Probability: 0.1, Label: "compliance", Evidence: "[]"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Signal{}, "ScoredAt")); diff != "" || err != nil || more {
		t.Errorf("signals of the trace, more %v, %v (-want +got):\n%s", more, err, diff)
	}
	if got, _, err := s.Signals(ctx, "default", one.TraceID, two.SpanID); err != nil || len(got) != 1 || got[0].SpanID != two.SpanID {
		t.Errorf("signals of one span: %+v, %v", got, err)
	}
	if _, _, err := s.Signals(ctx, "default", id(9), genai.SpanID{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("signals of a trace that is not there: %v", err)
	}

	traces := []store.TraceSummary{{TraceID: one.TraceID, Start: one.Start, End: two.End}, {TraceID: other.TraceID, Start: other.Start, End: other.End}}
	wantFound := map[genai.TraceID][]store.Detection{one.TraceID: {{Signal: "refusal", Spans: 1}}, other.TraceID: {{Signal: "refusal", Spans: 1}}}
	found, err := s.Detections(ctx, "default", traces)
	if diff := cmp.Diff(wantFound, found); diff != "" || err != nil {
		t.Errorf("detections, %v (-want +got):\n%s", err, diff)
	}
	traces[0].End = base.AddDate(0, 0, 20) // too long to name its steps of time
	if found, err = s.Detections(ctx, "default", traces); err != nil || !cmp.Equal(wantFound, found) {
		t.Errorf("detections of a long trace: %v, %v", found, err)
	}
	for filter, want := range map[string][]genai.TraceID{
		"signal.refusal = full":        {one.TraceID},
		"signal.refusal != full":       {other.TraceID, one.TraceID}, // its other span complied
		"signal.refusal = compliance":  {one.TraceID},
		"signal.refusal >= 0.5":        {other.TraceID, one.TraceID},
		"signal.refusal > 0.5":         {one.TraceID},
		"signal.refusal < 0.2":         {one.TraceID}, // what was said before does not count
		"signal.behaviour.length <= 1": {other.TraceID},
		"signal.none != x":             nil,
	} {
		asked := store.TraceQuery{Project: "default", From: base.Add(-time.Minute), To: base.Add(time.Hour), Filter: mustFilter(t, filter)}
		page, err := s.ListTraces(ctx, asked)
		var got []genai.TraceID
		for i := range page.Traces {
			got = append(got, page.Traces[i].TraceID)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("traces with %s, %v (-want +got):\n%s", filter, err, diff)
		}
	}
	var refused *store.FilterError
	if _, err := s.RecentTraces(ctx, "default", store.Arrival{}, 5, mustFilter(t, "signal.refusal = full")); !errors.As(err, &refused) {
		t.Errorf("traces as they arrive by what is not known then: %v", err)
	}

	q := store.SignalQuery{Project: "default", From: base.Add(-time.Minute), To: base.Add(time.Hour), Signal: "refusal"}
	series, more, err := s.SignalSeries(ctx, q, 5*time.Minute)
	if diff := cmp.Diff([]store.SignalCounts{
		{Signal: "refusal", Start: q.From, Count: 2, Found: 1, Probability: 1, Score: 2, Squares: 10, Low: -1, High: 3, Labels: map[string]int64{"full": 1, "compliance": 1}},
		{Signal: "refusal", Start: q.From.Add(5 * time.Minute), Count: 1, Found: 1, Probability: 0.5, Score: 1, Squares: 1, Low: 1, High: 1, Labels: map[string]int64{"partial": 1}},
	}, series); diff != "" || err != nil || more {
		t.Errorf("series, more %v, %v (-want +got):\n%s", more, err, diff)
	}
	q.Signal = ""
	by, _, err := s.SignalBreakdown(ctx, q, "service")
	var lines []string
	for _, c := range by {
		lines = append(lines, fmt.Sprintln(c.Signal, c.Value, c.Count, c.Found))
	}
	if diff := cmp.Diff([]string{"behaviour.length till 1 0\n", "refusal shop 2 1\n", "refusal till 1 1\n"}, lines); diff != "" || err != nil {
		t.Errorf("breakdown, %v (-want +got):\n%s", err, diff)
	}
	q.Filter = mustFilter(t, "model = gpt-5")
	if by, _, err := s.SignalBreakdown(ctx, q, "label"); err != nil || len(by) != 2 || by[1].Value != "partial" {
		t.Errorf("breakdown of one model: %+v, %v", by, err)
	}
	q.Filter = mustFilter(t, "signal.refusal != partial")
	if by, _, err := s.SignalBreakdown(ctx, q, "label"); err != nil || len(by) != 2 || by[0].Value == "partial" || by[1].Value == "partial" {
		t.Errorf("breakdown of what a signal does not say: %+v, %v", by, err)
	}
	if _, _, err := s.SignalBreakdown(ctx, q, "tools"); err == nil {
		t.Error("breakdown by a field that is none: no error")
	}
}

// TestAnswers: analyzers get the calls that are new, and what their traces had fetched before, whichever traces are asked for together.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	search := chat(1, 5, base)
	search.Operation, search.Input, search.Output = genai.OpRetrieval, nil, nil
	search.Retrieval.Documents = []genai.Document{{ID: "a", Content: "the marmalade is in the larder"}}
	first, second := chat(1, 1, base.Add(time.Second)), chat(1, 2, base.Add(time.Minute))
	same := quiet(2, 1, base.Add(time.Second)) // the span id of another trace
	plain := chat(3, 1, base)
	plain.Operation = ""
	b := s.NewBatch()
	for _, sp := range []*genai.Span{search, first, second, same, plain} {
		b.AddSpan(sp)
	}
	tell(b, same, "where is the honey", "on the table")
	if err := s.Insert(ctx, b, "spans"); err != nil {
		t.Fatal(err)
	}
	names := func(since time.Time) (out []string) {
		t.Helper()
		list, err := s.Answers(ctx, "default", []store.AnswerTrace{{ID: id(3)}, {ID: id(2)}, {ID: id(1), Since: since}, {ID: id(9)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range list {
			for _, sp := range tr.Spans {
				text := ""
				if len(sp.Output) > 0 {
					text = sp.Output[0].Parts[0].Content
				}
				if len(sp.Retrieval.Documents) > 0 {
					text = sp.Retrieval.Documents[0].Content
				}
				out = append(out, fmt.Sprintf("%d/%d %s %s", tr.ID[15], sp.SpanID[7], sp.Operation, text))
			}
		}
		return out
	}
	answer := first.Output[0].Parts[0].Content
	all := []string{"2/1 chat on the table", "1/5 retrieval the marmalade is in the larder", "1/1 chat " + answer, "1/2 chat " + answer}
	if diff := cmp.Diff(all, names(time.Time{})); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	list, err := s.AnswerTraces(ctx, "default", base, base.Add(time.Second+1), genai.TraceID{})
	if err != nil || len(list) != 2 || list[0].ID != id(1) || list[1].ID != id(2) {
		t.Errorf("traces that answer: %v, %v", list, err)
	}
	if list, err = s.AnswerTraces(ctx, "default", base, base.Add(time.Hour), id(1)); err != nil || len(list) != 1 {
		t.Errorf("traces that answer behind the first: %v, %v", list, err)
	}
	if diff := cmp.Diff(slices.Delete(all, 2, 3), names(second.End)); diff != "" {
		t.Errorf("answers since the second (-want +got):\n%s", diff)
	}
}
