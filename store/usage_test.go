package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// costly is a span with tokens and what they cost.
func costly(trace, span, parent int, op genai.Operation, tokens int64, cost string) *genai.Span {
	s := chat(trace, span, base.Add(time.Duration(span)*time.Millisecond))
	s.Operation, s.ResponseID = op, ""
	s.Usage = genai.Usage{}
	if tokens > 0 {
		s.Usage = genai.Usage{Input: genai.Count(tokens), Output: genai.Count(1), Rollup: !op.IsInference()}
	}
	if parent > 0 {
		s.ParentSpanID = sid(parent)
	}
	s.Cost = genai.Cost{}
	if cost != "" {
		s.Cost = genai.Cost{Amount: cost, Currency: "USD", Source: "reported"}
	}
	return s
}

// of makes a change of a span.
func of(s *genai.Span, change func(*genai.Span)) *genai.Span {
	change(s)
	return s
}

// TestUsageOfATrace holds the sums that a trace shows, in its list and opened, and what each span is to them.
func TestUsageOfATrace(t *testing.T) {
	t.Parallel()
	response := func(id string) func(*genai.Span) { return func(s *genai.Span) { s.ResponseID = id } }
	for n, c := range []struct {
		name     string
		spans    []*genai.Span
		input    int64
		cost     string
		unpriced int64
		roles    string
	}{
		{
			"an agent and its calls", []*genai.Span{
				costly(0, 1, 0, genai.OpInvokeAgent, 30, "0.03"), costly(0, 2, 1, genai.OpChat, 10, "0.01"), costly(0, 3, 1, genai.OpChat, 20, "0.02"),
			}, 30, "0.03", 0, "repeats_below:2 counts counts",
		},
		{
			"a wrapper that is a model call, too", []*genai.Span{
				costly(0, 1, 0, genai.OpChat, 10, "0.01"), costly(0, 2, 1, genai.OpChat, 10, "0.011"),
			}, 10, "0.011", 0, "repeats_below:2 counts",
		},
		{
			"a gateway and its client", []*genai.Span{
				of(costly(0, 1, 0, genai.OpChat, 10, ""), response("chatcmpl-0123456789abcdef")),
				of(costly(0, 2, 0, genai.OpChat, 10, "0.01"), response("chatcmpl-0123456789abcdef")),
			}, 10, "", 1, "counts same_response:1",
		},
		{
			"an agent whose calls were not recorded", []*genai.Span{
				costly(0, 1, 0, genai.OpInvokeWorkflow, 0, ""), costly(0, 2, 1, genai.OpInvokeAgent, 30, "0.03"),
			}, 30, "0.03", 0, "unknown counts",
		},
		{
			"a call of unknown cost",
			[]*genai.Span{costly(0, 1, 0, genai.OpChat, 10, "0.01"), costly(0, 2, 0, genai.OpChat, 20, "")},
			30, "0.01", 1, "counts counts",
		},
		{
			"an image without tokens below a tool, and a cost that is repeated above it", []*genai.Span{
				costly(0, 1, 0, genai.OpInvokeAgent, 0, "0.05"), costly(0, 2, 1, genai.OpChat, 10, "0.01"),
				costly(0, 3, 2, genai.OpExecuteTool, 0, ""), costly(0, 4, 3, genai.OpGenerateContent, 0, "0.04"),
			}, 10, "0.05", 0, "unknown counts unknown unknown",
		},
		{
			"a cost that the call's own gateway repeats",
			[]*genai.Span{costly(0, 1, 0, genai.OpChat, 10, "0.01"), costly(0, 2, 1, genai.OpChat, 0, "0.01")},
			10, "0.01", 0, "counts unknown",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Store(t)
			trace := 100 + n
			for _, sp := range c.spans {
				sp.TraceID = id(trace)
			}
			insert(t, s, "a", c.spans...)
			insert(t, s, "b", chat(1, 1, base.Add(-time.Minute)), chat(2, 1, base.Add(time.Hour))) // neighbours on the page
			opened, err := s.Trace(context.Background(), "default", id(trace))
			if err != nil {
				t.Fatal(err)
			}
			roles := ""
			for i := range opened.Spans {
				sp := &opened.Spans[i]
				if i > 0 {
					roles += " "
				}
				roles += sp.Role.String()
				if !sp.Repeats.IsZero() {
					roles += fmt.Sprint(":", sp.Repeats[7])
				}
			}
			if roles != c.roles {
				t.Errorf("roles %q, want %q", roles, c.roles)
			}
			page, err := s.ListTraces(context.Background(), day(base))
			if err != nil || len(page.Traces) != 3 {
				t.Fatalf("%d traces, %v", len(page.Traces), err)
			}
			for where, got := range map[string]store.TraceSummary{"opened": opened.Summary, "listed": page.Traces[1]} {
				if got.TraceID != id(trace) || got.Usage.Input.N != c.input || got.Cost.Amount != c.cost || got.Unpriced != c.unpriced || got.Estimated {
					t.Errorf("%s: %d input tokens, cost %q, %d unpriced, estimated %v; want %d, %q, %d", where, got.Usage.Input.N, got.Cost.Amount, got.Unpriced, got.Estimated, c.input, c.cost, c.unpriced)
				}
			}
		})
	}
}

// TestListedIsOpened: a list and an opened trace say the same, whatever its tree is like.
func TestListedIsOpened(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	trace := 0
	rapid.Check(t, func(t *rapid.T) {
		if trace++; trace > 60 { // each costs an insert
			return
		}
		b := s.NewBatch()
		n := rapid.IntRange(1, 12).Draw(t, "spans")
		for i := 1; i <= n; i++ {
			op := rapid.SampledFrom([]genai.Operation{genai.OpChat, genai.OpInvokeAgent, genai.OpExecuteTool, genai.OpEmbeddings, ""}).Draw(t, "operation")
			sp := costly(trace, i, rapid.IntRange(0, n).Draw(t, "parent"), op, rapid.Int64Range(0, 3).Draw(t, "tokens"), rapid.SampledFrom([]string{"", "0.01", "0.5"}).Draw(t, "cost"))
			sp.ResponseID = rapid.SampledFrom([]string{"", "r1", "r-0123456789abcdef012345"}).Draw(t, "response")
			sp.Start = base.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, 7 * time.Minute, 3 * time.Hour}).Draw(t, "start"))
			sp.End = sp.Start.Add(time.Second)
			b.AddSpan(sp)
		}
		if err := s.Insert(context.Background(), b, fmt.Sprint(trace)); err != nil {
			t.Fatal(err)
		}
		opened, err := s.Trace(context.Background(), "default", id(trace))
		if err != nil {
			t.Fatal(err)
		}
		q := day(base)
		q.Filter = store.Filter{}
		q.Limit = store.MaxPage
		page, err := s.ListTraces(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range page.Traces {
			want := opened.Summary
			if got.TraceID != want.TraceID {
				continue
			}
			if want.GenAISpans == 0 {
				return // nothing to be looked at
			}
			if fmt.Sprint(got.Usage, got.Cost, got.Unpriced) != fmt.Sprint(want.Usage, want.Cost, want.Unpriced) {
				t.Fatalf("listed %+v %+v %d, opened %+v %+v %d", got.Usage, got.Cost, got.Unpriced, want.Usage, want.Cost, want.Unpriced)
			}
			return
		}
		t.Fatal("the trace is not listed")
	})
}

// TestUsageIsBounded: of a page with more spans than may be looked at, the larger traces say that theirs is estimated.
func TestUsageIsBounded(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	store.LimitUsage(s, 5)
	small := []*genai.Span{costly(1, 1, 0, genai.OpChat, 10, ""), costly(1, 2, 1, genai.OpChat, 10, "")}
	large := []*genai.Span{costly(2, 1, 0, genai.OpChat, 10, ""), costly(2, 2, 1, genai.OpChat, 10, ""), costly(2, 3, 1, genai.OpExecuteTool, 0, ""), costly(2, 4, 1, genai.OpInvokeAgent, 10, "")}
	insert(t, s, "a", append(small, large...)...)
	page, err := s.ListTraces(context.Background(), day(base))
	if err != nil || len(page.Traces) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	got := map[genai.TraceID]string{}
	for _, tr := range page.Traces {
		got[tr.TraceID] = fmt.Sprint(tr.Usage.Input.N, tr.Estimated)
	}
	if got[id(1)] != "10 false" || got[id(2)] != "20 true" {
		t.Errorf("%v, want 10 of the small trace, and 20 of the large one, estimated", got)
	}
	recent, err := s.RecentTraces(context.Background(), "default", store.Arrival{}, 10, store.Filter{})
	if err != nil || len(recent.Traces) != 2 || recent.Traces[0].Estimated == recent.Traces[1].Estimated {
		t.Errorf("the tail: %+v, %v", recent, err)
	}
}
