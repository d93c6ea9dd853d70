package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// TestPrices: what counts, what the sender said and why a cost is unknown stand beside each other, and can be filtered by.
func TestPrices(t *testing.T) {
	t.Parallel()
	const book = "tiltmeter 2026-11-01"
	own := genai.Cost{Amount: "0.0025", Currency: "USD", Source: "reported"}
	parts := []store.PricePart{{Tier: "input", N: 68, Price: 2_500_000_000_000}, {Tier: "cache_read", N: 32, Price: 1_250_000_000_000}, {Tier: "per_second", N: 1500, Price: 3}}
	for n, c := range []struct {
		name    string
		sender  genai.Cost
		price   store.Price
		want    genai.Cost
		pricing store.SpanCost
	}{
		{"nobody was asked", own, store.Price{}, own, store.SpanCost{Reported: own}},
		{
			"the book's counts", own,
			store.Price{Source: book, Currency: "USD", Low: 210_000_000, Parts: parts},
			genai.Cost{Amount: "0.00021", Currency: "USD", Source: book},
			store.SpanCost{Reported: own, Parts: []store.CostPart{{Tier: "input", N: 68, Amount: "0.00017"}, {Tier: "cache_read", N: 32, Amount: "0.00004"}, {Tier: "per_second", N: 1500, Amount: "0.000000000000000004"}}},
		},
		{"the sender's counts", own, store.Price{Source: store.SourceReported, Unknown: "unknown_model"}, own, store.SpanCost{Reported: own, Unknown: "unknown_model"}},
		{"unknown", genai.Cost{}, store.Price{Unknown: "no_usage"}, genai.Cost{}, store.SpanCost{Unknown: "no_usage"}},
		{"free", genai.Cost{}, store.Price{Source: book, Currency: "USD"}, genai.Cost{Amount: "0", Currency: "USD", Source: book}, store.SpanCost{}},
		{
			"large",
			genai.Cost{},
			store.Price{Source: book, Currency: "USD", High: 1 << 40, Low: 7},
			genai.Cost{Amount: "20282409603651670423.947251286023", Currency: "USD", Source: book},
			store.SpanCost{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Store(t)
			sp := chat(n, 1, base)
			sp.Cost = c.sender
			b := s.NewBatch()
			b.AddPriced(sp, &c.price)
			if err := s.Insert(context.Background(), b, "a"); err != nil {
				t.Fatal(err)
			}
			got, err := s.Span(context.Background(), "default", sp.TraceID, sp.SpanID)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := s.Trace(context.Background(), "default", sp.TraceID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Cost); diff != "" {
				t.Errorf("cost (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.pricing, got.Pricing); diff != "" {
				t.Errorf("how it came about (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.pricing, tr.Spans[0].Pricing); diff != "" {
				t.Errorf("of the trace's span (-want +got):\n%s", diff)
			}
			if tr.Summary.Cost.Amount != c.want.Amount {
				t.Errorf("of the trace: %q, want %q", tr.Summary.Cost.Amount, c.want.Amount)
			}
			for _, expr := range []string{"cost.source = " + c.want.Source, "cost.unknown = " + c.price.Unknown} {
				q := day(base)
				q.Filter = mustFilter(t, expr)
				if page, err := s.ListTraces(context.Background(), q); err != nil || len(page.Traces) != 1 {
					t.Errorf("%s: %d traces, %v", expr, len(page.Traces), err)
				}
			}
		})
	}
}

// TestFingerprintsAreFound: by the whole and by each part, as the facets give them.
func TestFingerprintsAreFound(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	a, b := chat(1, 1, base), chat(2, 1, base)
	a.System = []genai.Part{{Type: genai.PartText, Content: "be kind"}}
	b.System = []genai.Part{{Type: genai.PartText, Content: "be brief"}}
	a.Tools = []genai.ToolDefinition{{Name: "look"}}
	insert(t, s, "a", a, b, of(chat(3, 1, base), func(s *genai.Span) { s.Operation = genai.OpExecuteTool }))
	got, err := s.Span(context.Background(), "default", a.TraceID, a.SpanID)
	if err != nil || got.Version != a.Fingerprint() || got.Version.Changed(b.Fingerprint()) != genai.FingerprintSystem|genai.FingerprintTools {
		t.Fatalf("%+v, %v", got, err)
	}
	for field, want := range map[string]string{
		"fingerprint":        a.Fingerprint().String(),
		"fingerprint.model":  fmt.Sprintf("%016x", a.Fingerprint().Model),
		"fingerprint.system": fmt.Sprintf("%016x", a.Fingerprint().System),
		"fingerprint.tools":  fmt.Sprintf("%016x", a.Fingerprint().Tools),
	} {
		facets, err := s.Facets(context.Background(), day(base), []string{field}, 10)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, v := range facets[0].Values {
			found = found || v.Value == want
		}
		if !found {
			t.Errorf("%s: no %s among %+v", field, want, facets)
		}
		for op, n := range map[string]int{" = ": 1, " != ": 2} {
			if field == "fingerprint.model" {
				n = 3 - n
			}
			q := day(base)
			q.Filter = mustFilter(t, field+op+want)
			if page, err := s.ListTraces(context.Background(), q); err != nil || len(page.Traces) != n {
				t.Errorf("%s%s%s: %d traces, %v; want %d", field, op, want, len(page.Traces), err, n)
			}
		}
	}
	q := day(base)
	q.Filter = mustFilter(t, "fingerprint =", "fingerprint.tools =")
	if page, err := s.ListTraces(context.Background(), q); err != nil || fmt.Sprint(traceNumbers(page.Traces)) != "[3]" {
		t.Errorf("without a fingerprint: %v, %v", traceNumbers(page.Traces), err)
	}
	for _, expr := range []string{"fingerprint = 12", "fingerprint.model = xyz", "fingerprint.tools ~ a", "usage = twice"} {
		if _, err := store.ParseFilter([]string{expr}); err == nil {
			t.Errorf("%q is taken", expr)
		}
	}
}
