package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// quiet is a model call whose content was sent as log records, if at all.
func quiet(trace, span int, at time.Time) *genai.Span {
	sp := chat(trace, span, at)
	sp.Input, sp.Output, sp.FinishReasons, sp.Attributes = nil, nil, nil, nil
	return sp
}

// tell adds to a batch what the events of one model call tell: a question, an answer, an evaluation.
func tell(b *store.Batch, sp *genai.Span, question, answer string) {
	for i, f := range []genai.Span{
		{Name: "gen_ai.user.message", Partial: true, Input: []genai.Message{say(genai.RoleUser, question)}},
		{Name: "gen_ai.choice", Partial: true, Output: []genai.Message{{
			Role: genai.RoleAssistant, FinishReason: genai.FinishStop,
			Parts: []genai.Part{{Type: genai.PartText, Content: answer}},
		}}},
		{Name: "gen_ai.evaluation.result", Evaluations: []genai.Evaluation{{Name: "quality", Score: 0.5, HasScore: true, Explanation: "so so"}}},
	} {
		at := sp.Start.Add(time.Duration(i) * time.Millisecond)
		f.Start = at
		b.AddFragment(&f, &store.Log{Project: sp.Project, TraceID: sp.TraceID, SpanID: sp.SpanID, Time: at, Seq: uint64(i), EventName: f.Name})
	}
}

// TestContentOfLogRecords: content that was sent as log records alone is content like any other.
func TestContentOfLogRecords(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	told, silent, root := quiet(1, 1, base), quiet(1, 2, base.Add(time.Second)), quiet(1, 3, base.Add(-time.Second))
	root.Operation = ""
	b := s.NewBatch()
	for _, sp := range []*genai.Span{told, silent, root, chat(2, 1, base)} {
		b.AddSpan(sp)
	}
	tell(b, told, "where is the marmalade", "in the larder")
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	spans, err := s.SpansWithContent(ctx, "default", told.TraceID, 10, 1<<20)
	if err != nil || spans.Truncated || len(spans.Spans) != 1 || spans.Spans[0].SpanID != told.SpanID ||
		len(spans.Spans[0].Input) != 1 || len(spans.Spans[0].Output) != 1 {
		t.Errorf("conversation: %+v, %v", spans, err)
	}
	q := store.SearchQuery{Project: "default", Words: "larder", From: base.Add(-time.Hour), To: base.Add(time.Hour)}
	for _, filter := range [][]string{nil, {"service = shop"}} {
		q.Filter = mustFilter(t, filter...)
		hits := searchAll(t, s, q)
		want := []store.SearchHit{{
			TraceID: told.TraceID, SpanID: told.SpanID, Start: told.Start, SpanName: told.Name, Service: "shop",
			Role: "assistant", Snippet: "in the larder", Highlights: []store.Highlight{{Start: 7, End: 13}},
		}}
		if diff := cmp.Diff(want, hits); diff != "" {
			t.Errorf("search with filter %v (-want +got):\n%s", filter, diff)
		}
	}
	q.Filter = mustFilter(t, "service = other")
	if hits := searchAll(t, s, q); len(hits) != 0 {
		t.Errorf("search on another service: %+v", hits)
	}
	tq := day(base)
	tq.Words = "larder"
	page, err := s.ListTraces(ctx, tq)
	if err != nil || len(page.Traces) != 1 || page.Traces[0].InputPreview != "where is the marmalade" || page.Traces[0].OutputPreview != "in the larder" {
		t.Errorf("list: %+v, %v", page.Traces, err)
	}
	if facets, err := s.Facets(ctx, tq, []string{"service"}, 5); err != nil || len(facets[0].Values) != 1 || facets[0].Values[0].Traces != 1 {
		t.Errorf("facets: %+v, %v", facets, err)
	}
	detail, err := s.Trace(ctx, "default", told.TraceID)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range detail.Spans {
		in, out := 0, 0
		if o.SpanID == told.SpanID {
			in, out = 1, 1
			if len(o.Evaluations) != 1 || len(o.FinishReasons) != 1 || o.InputPreview != "where is the marmalade" || o.OutputPreview != "in the larder" {
				t.Errorf("outline: %+v", o)
			}
		}
		if o.InputMessages != in || o.OutputMessages != out || len(o.Input)+len(o.Output) != 0 {
			t.Errorf("outline of %s: %d and %d messages, %d loaded", o.SpanID, o.InputMessages, o.OutputMessages, len(o.Input)+len(o.Output))
		}
	}
	if detail.Summary.InputPreview != "where is the marmalade" {
		t.Errorf("summary: %+v", detail.Summary)
	}
}

// TestSearchFindsLogRecordsBeforeTheirSpan: a log record may be stored before the span that it belongs to.
func TestSearchFindsLogRecordsBeforeTheirSpan(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	root, late := quiet(1, 1, base), quiet(1, 2, base.Add(time.Second))
	b := s.NewBatch()
	b.AddSpan(root)
	tell(b, late, "where", "in the larder")
	if err := s.Insert(context.Background(), b, "a"); err != nil {
		t.Fatal(err)
	}
	q := store.SearchQuery{Project: "default", Words: "larder", From: base.Add(-time.Hour), To: base.Add(time.Hour)}
	if hits := searchAll(t, s, q); len(hits) != 1 || hits[0].SpanID != late.SpanID || hits[0].Start.IsZero() || hits[0].Start.Year() != 2026 {
		t.Errorf("got %+v", hits)
	}
}

// TestMoreLogRecordsThanAreRead: what is left out is said.
func TestMoreLogRecordsThanAreRead(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	sp := quiet(1, 1, base)
	b := s.NewBatch()
	b.AddSpan(sp)
	const most = 50
	store.Limit(s, most, 0, 0)
	for i := range most + 1 {
		f := genai.Span{Evaluations: []genai.Evaluation{{Name: fmt.Sprint("e", i)}}}
		b.AddFragment(&f, &store.Log{Project: "default", TraceID: sp.TraceID, SpanID: sp.SpanID, Time: base, Seq: uint64(i)})
		if i == most-1 {
			if err := s.Insert(ctx, b, "a"); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID); err != nil || got.Truncated || len(got.Evaluations) != most {
				t.Fatalf("as many as are read: %v", err)
			}
			b.Reset()
		}
	}
	if err := s.Insert(ctx, b, "b"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID); err != nil || !got.Truncated || len(got.Evaluations) != most {
		t.Errorf("span: truncated %t, %v", got.Truncated, err)
	}
	if got, err := s.RawSpan(ctx, "default", sp.TraceID, sp.SpanID); err != nil || !got.Truncated || len(got.Logs) != most {
		t.Errorf("raw span: truncated %t, %v", got.Truncated, err)
	}
	if got, err := s.Trace(ctx, "default", sp.TraceID); err != nil || !got.Truncated {
		t.Errorf("trace: truncated %t, %v", got.Truncated, err)
	}
}

// TestResentHistoriesShareTheirMemory: each step of an agent holds the messages of the steps before it.
func TestResentHistoriesShareTheirMemory(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	const steps = 300
	b := s.NewBatch()
	var history []genai.Message
	for i := range steps {
		history = append(history, say(genai.RoleUser, fmt.Sprintf("step %d: %s", i, words(strconv.Itoa(i), 500))))
		sp := quiet(1, i, base.Add(time.Duration(i)*time.Second))
		sp.Input = history
		b.AddSpan(sp)
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	got, err := s.SpansWithContent(ctx, "default", id(1), steps, 1<<20)
	if err != nil || got.Truncated || len(got.Spans) != steps {
		t.Fatalf("%d spans, truncated %t, %v", len(got.Spans), got.Truncated, err)
	}
	parts := map[*genai.Part]bool{}
	for i := range got.Spans {
		if len(got.Spans[i].Input) != i+1 || got.Spans[i].Input[i].Parts[0].Content != history[i].Parts[0].Content {
			t.Fatalf("step %d has %d messages, or another last one", i, len(got.Spans[i].Input))
		}
		for j := range got.Spans[i].Input {
			parts[&got.Spans[i].Input[j].Parts[0]] = true
		}
	}
	if len(parts) != steps {
		t.Errorf("%d messages in memory for a history of %d", len(parts), steps)
	}
	// A budget of half the text: what is there is whole, and the rest is said to be missing.
	half, err := s.SpansWithContent(ctx, "default", id(1), steps, steps*550/2)
	if err != nil || !half.Truncated || len(half.Spans) == 0 || len(half.Spans) >= steps {
		t.Fatalf("half: %d spans, truncated %t, %v", len(half.Spans), half.Truncated, err)
	}
	for i := range half.Spans {
		if diff := cmp.Diff(got.Spans[i], half.Spans[i]); diff != "" {
			t.Fatalf("step %d differs:\n%s", i, diff)
		}
	}
	if few, err := s.SpansWithContent(ctx, "default", id(1), 10, 1<<20); err != nil || !few.Truncated || len(few.Spans) != 10 {
		t.Errorf("ten: %d spans, truncated %t, %v", len(few.Spans), few.Truncated, err)
	}
}

// permutations calls f with each order of 0 to n-1.
func permutations(n int, f func([]int)) {
	var walk func(done, left []int)
	walk = func(done, left []int) {
		if len(left) == 0 {
			f(done)
		}
		for i := range left {
			rest := append(slices.Clone(left[:i]), left[i+1:]...)
			walk(append(slices.Clone(done), left[i]), rest)
		}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	walk(nil, all)
}

// TestContentInAnyOrder: a span, the records that hold a message each, and one that holds a part of the
// rest are stored one after the other, in every order; the span is the same.
func TestContentInAnyOrder(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	records := []genai.Span{
		{Name: "gen_ai.user.message", Partial: true, Input: []genai.Message{say(genai.RoleUser, "where is the marmalade")}},
		{Name: "gen_ai.choice", Partial: true, Output: []genai.Message{say(genai.RoleAssistant, "in the larder")}},
		{Name: "gen_ai.client.inference.operation.details", System: []genai.Part{{Type: genai.PartText, Content: "be brief"}}, ResponseModel: "served"},
	}
	var orders [][]int // one a trace
	permutations(len(records)+1, func(order []int) { orders = append(orders, order) })
	for n := range len(records) + 1 {
		b := s.NewBatch()
		for trace, order := range orders {
			sp := quiet(trace, 1, base)
			sp.ResponseModel = ""
			if what := order[n]; what < len(records) {
				f := records[what]
				f.Start = sp.Start.Add(time.Duration(what) * time.Millisecond)
				b.AddFragment(&f, &store.Log{Project: sp.Project, TraceID: sp.TraceID, SpanID: sp.SpanID, Time: f.Start, Seq: uint64(n), EventName: f.Name})
				continue
			}
			b.AddSpan(sp)
		}
		if err := s.Insert(ctx, b, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	for trace, order := range orders {
		got, err := s.Span(ctx, "default", id(trace), sid(1))
		if err != nil || len(got.Input) != 1 || got.Input[0].Parts[0].Content != "where is the marmalade" || len(got.Output) != 1 ||
			got.Output[0].Parts[0].Content != "in the larder" || len(got.System) != 1 || got.System[0].Content != "be brief" || got.ResponseModel != "served" {
			t.Errorf("in the order %v: %+v, %v", order, got, err)
		}
		if order[0] != len(records) && order[len(records)] != len(records) {
			continue // each look costs time: those with the span first or last
		}
		spoken, err := s.SpansWithContent(ctx, "default", id(trace), 10, 1<<20)
		if err != nil || len(spoken.Spans) != 1 || len(spoken.Spans[0].Input) != 1 || len(spoken.Spans[0].Output) != 1 {
			t.Errorf("in the order %v, the conversation: %+v, %v", order, spoken, err)
		}
		opened, err := s.Trace(ctx, "default", id(trace))
		if err != nil || len(opened.Spans) != 1 || opened.Spans[0].InputMessages != 1 || opened.Spans[0].OutputMessages != 1 || opened.Summary.OutputPreview != "in the larder" {
			t.Errorf("in the order %v, the trace: %+v, %v", order, opened, err)
		}
	}
}

// TestASpanThatChangesLater: a span that its sender sends again is the last one that came, once, and keeps its records.
func TestASpanThatChangesLater(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	for n, copies := range [][]int64{{11, 33}, {33, 11}, {11, 33, 22}} {
		trace := n + 1
		var last *genai.Span
		for i, tokens := range copies {
			last = quiet(trace, 1, base)
			last.Usage = genai.Usage{Input: genai.Count(tokens), Output: genai.Count(1)}
			last.Cost = genai.Cost{Amount: fmt.Sprintf("0.%d", tokens), Currency: "USD", Source: "reported"}
			last.End, last.Error = last.Start.Add(time.Duration(10-i)*time.Second), genai.Error{Type: "timeout"}
			b := s.NewBatch()
			if b.AddSpan(last); i == 0 {
				tell(b, last, "where is the marmalade", "in the larder")
			}
			if err := s.Insert(ctx, b, fmt.Sprint(trace, "-", i)); err != nil {
				t.Fatal(err)
			}
		}
		want := last.Usage.Input
		if got, err := s.Span(ctx, "default", last.TraceID, last.SpanID); err != nil || got.Usage.Input != want || !got.End.Equal(last.End) || len(got.Output) != 1 {
			t.Errorf("%v, the span: %+v, %v", copies, got, err)
		}
		opened, err := s.Trace(ctx, "default", last.TraceID)
		if err != nil || len(opened.Spans) != 1 || opened.Spans[0].Usage.Input != want || opened.Summary.Usage.Input != want || opened.Summary.Spans != 1 || opened.Summary.Errors != 1 || opened.Spans[0].OutputMessages != 1 {
			t.Errorf("%v, the trace: %+v, %v", copies, opened, err)
		}
		if tree, err := s.TraceTree(ctx, "default", last.TraceID); err != nil || len(tree) != 1 || !tree[0].End.Equal(last.End) {
			t.Errorf("%v, the tree: %+v, %v", copies, tree, err)
		}
		if spoken, err := s.SpansWithContent(ctx, "default", last.TraceID, 10, 1<<20); err != nil || len(spoken.Spans) != 1 || spoken.Spans[0].Usage.Input != want {
			t.Errorf("%v, the conversation: %+v, %v", copies, spoken, err)
		}
		page, err := s.ListTraces(ctx, day(base))
		if err != nil || !slices.ContainsFunc(page.Traces, func(sum store.TraceSummary) bool {
			return sum.TraceID == last.TraceID && sum.Spans == 1 && sum.GenAISpans == 1 && sum.Errors == 1 && sum.Usage.Input == want && sum.Cost.Amount == last.Cost.Amount
		}) {
			t.Errorf("%v, the list: %+v, %v", copies, page.Traces, err)
		}
	}
}
