package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func insert(t *testing.T, s *store.Store, token string, spans ...*genai.Span) {
	t.Helper()
	b := s.NewBatch()
	for _, sp := range spans {
		b.AddSpan(sp)
	}
	if err := s.Insert(context.Background(), b, token); err != nil {
		t.Fatal(err)
	}
}

func day(from time.Time) store.TraceQuery {
	return store.TraceQuery{Project: "default", From: from.Add(-12 * time.Hour), To: from.Add(12 * time.Hour)}
}

func mustFilter(t *testing.T, exprs ...string) store.Filter {
	t.Helper()
	f, err := store.ParseFilter(exprs)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func traceNumbers(list []store.TraceSummary) []int {
	var out []int
	for _, tr := range list {
		out = append(out, int(tr.TraceID[14])<<8|int(tr.TraceID[15]))
	}
	return out
}

// full is a span with every field set.
func full() *genai.Span {
	n, f, yes := int64(0), 0.0, true
	long := strings.Repeat("a long text that differs 0123 ", 100)
	return &genai.Span{
		Project: "default", TraceID: id(1), SpanID: sid(2), ParentSpanID: sid(1), TraceState: "a=b",
		Name: "chat", Kind: genai.KindClient, Start: base, End: base.Add(time.Second), StatusCode: genai.StatusError, StatusMessage: long,
		Service:    genai.Service{Name: "s", Namespace: "ns", Version: "1", InstanceID: "i", Environment: "e", Language: "go"},
		Scope:      genai.Scope{Name: "sc", Version: "2"},
		Attributes: []genai.Attribute{{Key: "s", Value: genai.String("x")}, {Key: "long", Value: genai.String(long)}, {Key: "i", Value: genai.Int(-7)}, {Key: "d", Value: genai.Double(1.5)}, {Key: "b", Value: genai.Bool(true)}, {Key: "a", Value: genai.Value{Type: genai.TypeArray, Text: "[1]"}}},
		Events:     []genai.Event{{Name: "ev", Time: base, Attributes: []genai.Attribute{{Key: "k", Value: genai.String(long)}}, Body: genai.String("body")}},
		Links:      []genai.Link{{TraceID: id(9), SpanID: sid(9), TraceState: "l", Attributes: []genai.Attribute{{Key: "k", Value: genai.Int(1)}}}},
		Dropped:    genai.Dropped{Attributes: 1, Events: 2, Links: 3},
		Dialect:    "otel", DialectVersion: "1.41", Warnings: []genai.Warning{{Code: genai.WarnTruncated, Field: "f", Text: "t"}},
		Operation: genai.OpChat, Provider: "openai", Framework: "fw", RequestModel: "rm", ResponseModel: "rsm", ResponseID: "rid",
		Request: genai.Request{MaxTokens: &n, Temperature: &f, TopP: &f, TopK: &f, FrequencyPenalty: &f, PresencePenalty: &f, Seed: &n, ChoiceCount: &n, Stream: &yes, StopSequences: []string{"x", ""}, OutputType: "json", OutputSchema: `{"type":"object"}`, ReasoningLevel: "high", ServerAddress: "h"},
		System:  []genai.Part{{Type: genai.PartText, Content: "be kind"}},
		Input: []genai.Message{
			{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: "what is a quokka?"}}},
			{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartToolCall, ID: "c1", Name: "look", Arguments: `{"q":"quokka"}`}}},
		},
		Output:    []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartText, Content: "a marsupial", Raw: `{"logprobs":[1]}`}}, FinishReason: genai.FinishStop, Index: 1}},
		Tools:     []genai.ToolDefinition{{Type: "function", Name: "look", Description: "d", Parameters: `{"type":"object"}`}},
		Retrieval: genai.Retrieval{DataSource: "ds", Query: "q", TopK: 3, Documents: []genai.Document{{ID: "d1", Score: 0.5, HasScore: true, Content: "doc text", Metadata: `{"a":1}`}, {Content: "other"}}},
		Tool:      genai.ToolExecution{Name: "t", Type: "function", Description: "desc", CallID: "c", Arguments: `{"x":1}`, Result: `"ok"`},
		Embedding: genai.Embedding{Dimensions: 2, Items: []genai.EmbeddingItem{{Text: "emb", Vector: []float32{0.5, -1}}}},
		Usage:     genai.Usage{Input: genai.Count(10), Output: genai.Count(0), CacheRead: genai.Count(3), CacheWrite: genai.Tokens{}, Reasoning: genai.Count(1), Reported: []genai.ReportedCount{{Key: "gen_ai.usage.input_tokens", N: 10}}, Rule: genai.CacheIncluded},
		Cost:      genai.Cost{Amount: "0.001234567890123456", Currency: "EUR", Source: "reported"}, FinishReasons: []genai.FinishReason{genai.FinishStop}, TimeToFirstToken: 300 * time.Millisecond,
		Agent: genai.Agent{ID: "a1", Name: "ag", Description: "d", Version: "v"}, Workflow: "wf", Conversation: "conv", User: "u",
		Prompt: genai.Prompt{Name: "p", Version: "2", Variables: []genai.Variable{{Name: "v", Value: long}}}, Tags: []string{"t1", "t2"},
		Evaluations: []genai.Evaluation{{Name: "ev", Score: 0, HasScore: true, Label: "l", Explanation: "because", ResponseID: "r", ErrorType: "e", Time: base}},
		Error:       genai.Error{Type: "timeout", Message: "it took too long", Stacktrace: long, HTTPStatus: 504},
	}
}

func ignoreEncoded() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Encoded" }, cmp.Ignore())
}

func TestSpanComesBackWhole(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	want := full()
	insert(t, s, "a", want)
	got, err := s.Span(context.Background(), "default", want.TraceID, want.SpanID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got.Span, ignoreEncoded()); diff != "" {
		t.Errorf("span (-sent +read):\n%s", diff)
	}
	if _, err := s.Span(context.Background(), "default", want.TraceID, sid(77)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown span: got %v, want ErrNotFound", err)
	}
	if _, err := s.Trace(context.Background(), "default", id(77)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown trace: got %v, want ErrNotFound", err)
	}
	tr, err := s.Trace(context.Background(), "default", want.TraceID)
	if err != nil {
		t.Fatal(err)
	}
	sum := tr.Summary
	if !sum.RootMissing || sum.RootName != "chat" || sum.Errors != 1 || sum.InputPreview != "what is a quokka?" || sum.OutputPreview != "a marsupial" ||
		!sum.Usage.Output.Known || sum.Usage.CacheWrite.Known || sum.Cost.Currency != "EUR" || sum.Cost.Amount != "0.00123456789" {
		t.Errorf("summary: %+v", sum)
	}
	if len(tr.Spans) != 1 || tr.Spans[0].InputMessages != 2 || tr.Spans[0].OutputMessages != 1 || len(tr.Spans[0].Input) != 0 {
		t.Errorf("outline: %+v", tr.Spans)
	}
}

func TestTraceTree(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	named, unnamed, call := chat(1, 1, base), chat(1, 2, base.Add(time.Second)), chat(1, 3, base.Add(2*time.Second))
	named.Operation, named.Agent = genai.OpInvokeAgent, genai.Agent{ID: "a1", Name: "boss"}
	unnamed.Operation, unnamed.Agent, unnamed.ParentSpanID = genai.OpInvokeAgent, genai.Agent{ID: "a2"}, sid(1)
	call.ParentSpanID = sid(2)
	insert(t, s, "a", call, unnamed, named)
	got, err := s.TraceTree(context.Background(), "default", id(1))
	if err != nil {
		t.Fatal(err)
	}
	var want []genai.Span
	for i, sp := range []*genai.Span{named, unnamed, call} {
		w := genai.Span{Project: "default", TraceID: sp.TraceID, SpanID: sp.SpanID, ParentSpanID: sp.ParentSpanID, Start: sp.Start, End: sp.End, Operation: sp.Operation, Agent: sp.Agent}
		if i == 0 {
			w.Agent.ID = "" // the name is enough
		}
		want = append(want, w)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if _, err := s.TraceTree(context.Background(), "default", id(77)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown trace: %v", err)
	}
}

func field(num protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
}

func attr(key, value string) []byte {
	return append(field(1, []byte(key)), field(2, field(1, []byte(value)))...)
}

func TestRawSpanIsRebuilt(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	sp := chat(1, 1, base)
	var elements []string
	for i := range 60 {
		elements = append(elements, fmt.Sprintf(`{"role":"user","parts":[{"type":"text","content":"message number %d of a long history"}]}`, i))
	}
	raw := field(1, sp.TraceID[:])
	raw = append(raw, field(2, sp.SpanID[:])...)
	raw = append(raw, field(5, []byte(sp.Name))...)
	raw = protowire.AppendVarint(protowire.AppendTag(raw, 6, protowire.VarintType), uint64(sp.Kind))
	raw = protowire.AppendFixed64(protowire.AppendTag(raw, 7, protowire.Fixed64Type), uint64(sp.Start.UnixNano()))
	raw = protowire.AppendFixed64(protowire.AppendTag(raw, 8, protowire.Fixed64Type), uint64(sp.End.UnixNano()))
	raw = append(raw, field(9, attr("gen_ai.input.messages", "["+strings.Join(elements, ", ")+"]"))...)
	raw = append(raw, field(9, attr("note", strings.Repeat("not json at all, 17 times; ", 200)))...)
	sp.Raw, sp.Service.Raw, sp.Scope.Raw = raw, field(1, attr("service.name", "shop")), field(1, []byte("lib"))
	b := s.NewBatch()
	b.AddSpan(sp)
	record := append(field(12, []byte("ev")), field(5, field(1, []byte(strings.Repeat("log body ", 100))))...)
	b.AddFragment(&genai.Span{Evaluations: []genai.Evaluation{{Name: "quality", Score: 1, HasScore: true}}},
		&store.Log{Project: "default", TraceID: sp.TraceID, SpanID: sp.SpanID, Time: base, Seq: 1, EventName: "ev", Raw: record})
	if err := s.Insert(context.Background(), b, "a"); err != nil {
		t.Fatal(err)
	}
	got, err := s.RawSpan(context.Background(), "default", sp.TraceID, sp.SpanID)
	if err != nil {
		t.Fatal(err)
	}
	want := &store.RawSpan{Resource: sp.Service.Raw, Scope: sp.Scope.Raw, Span: raw, Logs: []store.RawLog{{Record: record}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("raw span (-sent +read):\n%s", diff)
	}
	whole, err := s.Span(context.Background(), "default", sp.TraceID, sp.SpanID)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Evaluations) != 1 || whole.Evaluations[0].Name != "quality" {
		t.Errorf("fragment was not merged: %+v", whole.Evaluations)
	}
}

func TestListTracesPagesAreStableAndWhole(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	var spans []*genai.Span
	for i := range 25 { // three an hour, one pair at the same nanosecond, across midnight
		at := base.Add(-time.Duration(i/2) * 25 * time.Minute)
		spans = append(spans, chat(i, 1, at), chat(i, 2, at.Add(90*time.Minute)))
	}
	insert(t, s, "a", spans...)
	q := day(base)
	q.Limit = 4
	seen := map[genai.TraceID]bool{}
	var starts []time.Time
	for {
		page, err := s.ListTraces(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range page.Traces {
			if seen[tr.TraceID] || tr.Spans != 2 {
				t.Errorf("trace %s: seen before: %t, spans %d", tr.TraceID, seen[tr.TraceID], tr.Spans)
			}
			seen[tr.TraceID] = true
			if n := len(starts); n > 0 && tr.Start.After(starts[n-1]) {
				t.Errorf("trace %s is newer than the one before", tr.TraceID)
			}
			starts = append(starts, tr.Start)
		}
		if page.Next.IsZero() {
			break
		}
		q.After = page.Next
		// What arrives at the top while somebody pages moves nothing.
		late := 100 + len(seen)
		insert(t, s, strconv.Itoa(late), chat(late, 1, base.Add(time.Minute)))
	}
	if len(seen) != 25 {
		t.Errorf("saw %d traces, want 25", len(seen))
	}
}

func TestLateRootCorrectsTheSummary(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	child := chat(1, 2, base.Add(time.Second))
	child.ParentSpanID = sid(1)
	insert(t, s, "a", child)
	list, err := s.ListTraces(context.Background(), day(base))
	if err != nil || len(list.Traces) != 1 || !list.Traces[0].RootMissing {
		t.Fatalf("before the root: %+v, %v", list, err)
	}
	root := chat(1, 1, base)
	root.Name, root.Operation, root.Usage = "root", genai.OpInvokeAgent, genai.Usage{Input: genai.Count(1000)}
	insert(t, s, "b", root)
	list, err = s.ListTraces(context.Background(), day(base))
	if err != nil || len(list.Traces) != 1 {
		t.Fatalf("after the root: %+v, %v", list, err)
	}
	got := list.Traces[0]
	if got.RootMissing || got.RootName != "root" || got.Spans != 2 || got.Usage.Input.N != 100 || !got.Start.Equal(base) {
		t.Errorf("summary: %+v", got)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	a, b := full(), chat(2, 1, base)
	b.Usage = genai.Usage{}
	b.Cost = genai.Cost{}
	insert(t, s, "a", a, b)
	for _, c := range []struct {
		exprs []string
		want  string
	}{
		{[]string{"service = s"}, "[1]"},
		{[]string{"service=s", "service=shop"}, "[1 2]"},
		{[]string{"service!=s"}, "[2]"},
		{[]string{"service ~ HO"}, "[2]"},
		{[]string{"environment = e"}, "[1]"},
		{[]string{"service.namespace = ns"}, "[1]"},
		{[]string{"service.version = 1"}, "[1]"},
		{[]string{"name ~ gpt"}, "[2]"},
		{[]string{"scope = sc"}, "[1]"},
		{[]string{"dialect = otel"}, "[1 2]"},
		{[]string{"kind = client"}, "[1 2]"},
		{[]string{"kind != client"}, "[]"},
		{[]string{"status = error"}, "[1]"},
		{[]string{"status != error"}, "[2]"},
		{[]string{"error.type = timeout"}, "[1]"},
		{[]string{"operation = chat"}, "[1 2]"},
		{[]string{"provider = openai"}, "[1 2]"},
		{[]string{"framework = fw"}, "[1]"},
		{[]string{"model = rsm"}, "[1]"},
		{[]string{"request.model = gpt-5"}, "[2]"},
		{[]string{"response.model ~ 2026"}, "[2]"},
		{[]string{"response.id = rid"}, "[1]"},
		{[]string{"finish_reason = stop"}, "[1 2]"},
		{[]string{"finish_reason != stop"}, "[]"},
		{[]string{"finish_reason ~ sto"}, "[1 2]"},
		{[]string{"agent = ag"}, "[1]"},
		{[]string{"workflow = wf"}, "[1]"},
		{[]string{"tool = t"}, "[1]"},
		{[]string{"conversation = conv"}, "[1]"},
		{[]string{"user = u"}, "[1]"},
		{[]string{"prompt.name = p"}, "[1]"},
		{[]string{"prompt.version = 2"}, "[1]"},
		{[]string{"tag = t2"}, "[1]"},
		{[]string{"warning = truncated"}, "[1]"},
		{[]string{"duration > 1s"}, "[2]"},
		{[]string{"duration <= 1000000000"}, "[1]"},
		{[]string{"ttft < 1s"}, "[1]"},
		{[]string{"tokens.input >= 10"}, "[1]"},
		{[]string{"tokens.output = 0"}, "[1]"},
		{[]string{"tokens.output < 5"}, "[1]"},
		{[]string{"tokens.cache_read = 3"}, "[1]"},
		{[]string{"tokens.cache_write >= 0"}, "[]"},
		{[]string{"tokens.reasoning != 2"}, "[1]"},
		{[]string{"cost > 0.001"}, "[1]"},
		{[]string{"cost < 0.001"}, "[]"},
		{[]string{"cost.reported > 0.001"}, "[1]"},
		{[]string{"cost.reported < 0.001"}, "[]"},
		{[]string{"cost.source = reported"}, "[1]"},
		{[]string{"cost.unknown ="}, "[1 2]"},
		{[]string{"usage = own"}, "[1 2]"},
		{[]string{"usage != own"}, "[]"},
		{[]string{"usage.rule = included"}, "[1]"},
		{[]string{"trace_id = " + b.TraceID.String()}, "[2]"},
		{[]string{"span_id = " + a.SpanID.String()}, "[1]"},
		{[]string{"attr.http.route = /buy"}, "[2]"},
		{[]string{"attr.http.route ~ UY"}, "[2]"},
		{[]string{"attr.http.route != /buy"}, "[1]"},
		{[]string{"service = shop", "status = error"}, "[]"},
	} {
		q := day(base)
		q.Filter = mustFilter(t, c.exprs...)
		page, err := s.ListTraces(context.Background(), q)
		if err != nil {
			t.Errorf("%v: %v", c.exprs, err)
			continue
		}
		got := traceNumbers(page.Traces)
		if len(got) == 2 && got[0] > got[1] {
			got[0], got[1] = got[1], got[0]
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%v: got traces %v, want %s", c.exprs, got, c.want)
		}
	}
}

func TestFacetsAndHistogram(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	a, b := full(), chat(2, 1, base.Add(10*time.Minute))
	insert(t, s, "a", a, b, chat(3, 1, base.Add(11*time.Minute)))
	q := day(base)
	q.Filter = mustFilter(t, "service = shop")
	got, err := s.Facets(context.Background(), q, []string{"service", "status", "finish_reason"}, 5)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Facet{
		{Field: "service", Values: []store.FacetValue{{Value: "shop", Traces: 2}, {Value: "s", Traces: 1}}},
		{Field: "status", Values: []store.FacetValue{{Value: "ok", Traces: 2}}},
		{Field: "finish_reason", Values: []store.FacetValue{{Value: "stop", Traces: 2}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	q.Filter = store.Filter{}
	for _, name := range store.FacetFields() {
		if _, err := s.Facets(context.Background(), q, []string{name}, 5); err != nil {
			t.Errorf("facet %s: %v", name, err)
		}
	}
	q.From = base.Truncate(time.Minute)
	hist, err := s.Histogram(context.Background(), q, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	wantHist := []store.HistogramBucket{{Start: q.From, Traces: 1, Errors: 1}, {Start: q.From.Add(10 * time.Minute), Traces: 2}}
	if diff := cmp.Diff(wantHist, hist); diff != "" {
		t.Errorf("histogram (-want +got):\n%s", diff)
	}
}

func TestSearchFindsWordsThroughLists(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	sp := chat(1, 1, base)
	for i := range 300 {
		sp.Input = append(sp.Input, genai.Message{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: fmt.Sprintf("step\nunique%d done", i)}}})
	}
	insert(t, s, "a", sp, chat(2, 1, base.Add(time.Minute)))
	q := store.SearchQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour)}
	for _, c := range []struct {
		words, snippet string
		hits           int
	}{
		{"unique3", "step\nunique3 done", 1},
		{"UNIQUE299 done", "step\nunique299 done", 1},
		{"zebra", "answer zebra", 2},
		{"unique3 zebra", "", 0},
		{"nowhere", "", 0},
		{"!!", "", 0},
	} {
		q.Words = c.words
		page, err := s.SearchContents(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Hits) != c.hits {
			t.Errorf("%q: got %d hits, want %d", c.words, len(page.Hits), c.hits)
			continue
		}
		if c.hits > 0 && (page.Hits[0].Snippet != c.snippet || len(page.Hits[0].Highlights) == 0) {
			t.Errorf("%q: got %+v", c.words, page.Hits[0])
		}
		tq := day(base)
		tq.Words = c.words
		list, err := s.ListTraces(context.Background(), tq)
		if err != nil || len(list.Traces) != c.hits {
			t.Errorf("%q: listed %d traces, %v", c.words, len(list.Traces), err)
		}
	}
	got, err := s.SpansWithContent(context.Background(), "default", sp.TraceID, 10, 1<<20)
	if err != nil || len(got.Spans) != 1 || len(got.Spans[0].Input) != 301 || got.Spans[0].Input[300].Parts[0].Content != "step\nunique299 done" {
		t.Errorf("history of 301 messages: %d spans, %v", len(got.Spans), err)
	}
}

// TestStatusIsOneTruth: a trace is counted as ok or as failed, and what is counted is what is listed, found and followed.
func TestStatusIsOneTruth(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	failed, fine := chat(1, 2, base.Add(time.Second)), chat(2, 1, base)
	failed.StatusCode = genai.StatusError
	insert(t, s, "status", chat(1, 1, base), failed, fine)
	listed := func(exprs ...string) (ids string) {
		f, err := store.ParseFilter(exprs)
		if err != nil {
			t.Fatal(err)
		}
		q := day(base)
		q.Filter = f
		page, err := s.ListTraces(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Traces {
			ids += one.TraceID.String()[31:]
		}
		recent, err := s.RecentTraces(ctx, "default", store.Arrival{}, 10, f)
		if err != nil || len(recent.Traces) != len(page.Traces) {
			t.Errorf("%v: listed %d, followed %d, %v", exprs, len(page.Traces), len(recent.Traces), err)
		}
		found, err := s.SearchContents(ctx, store.SearchQuery{Project: "default", Words: "zebra", From: q.From, To: q.To, Filter: f, Limit: 10})
		if err != nil || len(found.Hits) != len(page.Traces) {
			t.Errorf("%v: listed %d, found %d, %v", exprs, len(page.Traces), len(found.Hits), err)
		}
		return ids
	}
	for expr, want := range map[string]string{
		"status = ok": "2", "status != error": "2", "status = error": "1", "status != ok": "1", "operation = chat": "21",
	} {
		if got := listed(expr); got != want {
			t.Errorf("%s lists %q, want %q", expr, got, want)
		}
	}
	if got := listed("status = ok", "status = error"); got != "21" {
		t.Errorf("both list %q, want all", got)
	}
	got, err := s.Facets(ctx, day(base), []string{"status"}, 5)
	want := []store.Facet{{Field: "status", Values: []store.FacetValue{{Value: "error", Traces: 1}, {Value: "ok", Traces: 1}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("facet (-want +got):\n%s%v", diff, err)
	}
}

// TestSpansWithContentTellsFailures: a call that failed before anything was captured is part of what was said.
func TestSpansWithContentTellsFailures(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	silent, failed, plain := chat(1, 1, base), chat(1, 2, base), chat(1, 3, base)
	for _, one := range []*genai.Span{silent, failed, plain} {
		one.Input, one.Output = nil, nil
	}
	plain.Operation = ""
	for _, one := range []*genai.Span{failed, plain} {
		one.StatusCode, one.StatusMessage, one.Error = genai.StatusError, "no such key", genai.Error{Type: "401", HTTPStatus: 401}
	}
	insert(t, s, "failures", silent, failed, plain)
	got, err := s.SpansWithContent(context.Background(), "default", failed.TraceID, 10, 1<<20)
	if err != nil || len(got.Spans) != 1 || got.Spans[0].SpanID != failed.SpanID || got.Spans[0].StatusMessage != "no such key" ||
		got.Spans[0].Error != failed.Error {
		t.Errorf("got %+v, %v, want the model call that failed", got.Spans, err)
	}
}

// TestRecentTracesPagesWithinOneInsert: one insert holds more traces than a page, and all of them have
// the same time.
func TestRecentTracesPagesWithinOneInsert(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	const traces = 2*store.MaxPage + 7
	var spans []*genai.Span
	for i := range traces {
		spans = append(spans, chat(i, 1, base))
	}
	insert(t, s, "a", spans...)
	seen := map[genai.TraceID]bool{}
	var at store.Arrival
	for pages := 0; ; pages++ {
		page, err := s.RecentTraces(context.Background(), "default", at, store.MaxPage, store.Filter{})
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, tr := range page.Traces {
			if seen[tr.TraceID] {
				t.Errorf("trace %s comes twice", tr.TraceID)
			}
			seen[tr.TraceID] = true
		}
		if at = page.Next; at.IsZero() {
			break
		}
	}
	if len(seen) != traces {
		t.Errorf("saw %d traces of %d", len(seen), traces)
	}
}

func TestRecentTracesAndProjects(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	insert(t, s, "a", chat(1, 1, base))
	first, err := s.RecentTraces(context.Background(), "default", store.Arrival{}, 10, store.Filter{})
	if err != nil || len(first.Traces) != 1 || first.Traces[0].InsertedAt.IsZero() || !first.Next.IsZero() {
		t.Fatalf("got %+v, %v", first, err)
	}
	at := store.Arrival{Time: first.Traces[0].InsertedAt}
	same, err := s.RecentTraces(context.Background(), "default", at, 10, store.Filter{})
	if err != nil || len(same.Traces) != 1 {
		t.Errorf("from its own time on: %+v, %v", same, err)
	}
	at.TraceID = first.Traces[0].TraceID
	none, err := s.RecentTraces(context.Background(), "default", at, 10, store.Filter{})
	if err != nil || len(none.Traces) != 0 {
		t.Errorf("after the last: %+v, %v", none, err)
	}
	list, err := s.Projects(context.Background())
	if err != nil || len(list) != 1 || list[0].Spans != 1 || !list[0].FirstSeen.Equal(base) {
		t.Errorf("projects: %+v, %v", list, err)
	}
	stats, err := s.StorageStats(context.Background())
	if err != nil || len(stats) == 0 {
		t.Errorf("storage: %+v, %v", stats, err)
	}
}
