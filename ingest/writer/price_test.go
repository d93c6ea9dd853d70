package writer

import (
	"fmt"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/store"
)

func pricedCall() genai.Span {
	return genai.Span{
		Operation: genai.OpChat, Provider: "openai", ResponseModel: "gpt-4o-mini-2024-07-18", Start: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		Usage: genai.Usage{Input: genai.Count(57), Output: genai.Count(26), CacheRead: genai.Count(32)},
		Cost:  genai.Cost{Amount: "0.00002415", Currency: "USD", Source: "reported"},
	}
}

func TestPrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		prefer pricing.Prefer
		change func(*genai.Span)
		want   string
	}{
		{"by the book", pricing.PreferBook, func(*genai.Span) {}, "book 0 21750000 USD  [{input 25 150000000000} {cache_read 32 75000000000} {output 26 600000000000}]"},
		{"as reported", pricing.PreferReported, func(*genai.Span) {}, "reported 0 0   []"},
		{"a model that the book has not", pricing.PreferBook, func(s *genai.Span) { s.ResponseModel = "ours" }, "reported 0 0  unknown_model []"},
		{"nobody knows", pricing.PreferBook, func(s *genai.Span) { s.Usage, s.Cost = genai.Usage{}, genai.Cost{} }, " 0 0  no_usage []"},
		{"a tool", pricing.PreferBook, func(s *genai.Span) { s.Operation, s.Usage = genai.OpExecuteTool, genai.Usage{} }, " 0 0   []"},
		{"an agent with tokens", pricing.PreferBook, func(s *genai.Span) { s.Operation = genai.OpInvokeAgent }, "book 0 21750000 USD  [{input 25 150000000000} {cache_read 32 75000000000} {output 26 600000000000}]"},
	} {
		p := pricing.New(pricing.Default(), pricing.Options{Prefer: c.prefer})
		s := pricedCall()
		c.change(&s)
		got := store.Price{Unknown: "of the span before", Parts: []store.PricePart{{Tier: "of the span before"}}}
		Price(&got, p, &s)
		if got.Source == p.Book().Name() {
			got.Source = "book"
		}
		if text := fmt.Sprint(got.Source, " ", got.High, " ", got.Low, " ", got.Currency, " ", got.Unknown, " ", got.Parts); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
	var none store.Price
	s := pricedCall()
	if Price(&none, nil, &s); none.Source != "" || none.Unknown != "" {
		t.Errorf("without prices: %+v", none)
	}
}

func TestPriceAllocatesNothing(t *testing.T) {
	p := pricing.New(pricing.Default(), pricing.Options{})
	s := pricedCall()
	var to store.Price
	if n := testing.AllocsPerRun(100, func() { Price(&to, p, &s) }); n > 0 {
		t.Errorf("%v allocations a span", n)
	}
}
