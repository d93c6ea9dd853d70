package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

var base = time.Date(2026, 3, 4, 10, 30, 0, 123456789, time.UTC)

func id(n int) genai.TraceID { return genai.TraceID{0: 1, 14: byte(n >> 8), 15: byte(n)} }
func sid(n int) genai.SpanID { return genai.SpanID{0: 1, 6: byte(n >> 8), 7: byte(n)} }

// chat is a model call of a trace.
func chat(trace, span int, at time.Time) *genai.Span {
	return &genai.Span{
		Project: "default", TraceID: id(trace), SpanID: sid(span), Name: "chat gpt-5", Kind: genai.KindClient,
		Start: at, End: at.Add(1500 * time.Millisecond), Service: genai.Service{Name: "shop", Environment: "prod"},
		Dialect: "otel", Operation: genai.OpChat, Provider: "openai", RequestModel: "gpt-5", ResponseModel: "gpt-5-2026",
		Input:  []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: fmt.Sprintf("question %d of\nthe day", span)}}}},
		Output: []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartText, Content: "answer zebra"}}, FinishReason: genai.FinishStop}},
		Usage:  genai.Usage{Input: genai.Count(100), Output: genai.Count(20)}, FinishReasons: []genai.FinishReason{genai.FinishStop},
		Cost:       genai.Cost{Amount: "0.0025", Currency: "USD", Source: "reported"},
		Attributes: []genai.Attribute{{Key: "http.route", Value: genai.String("/buy")}, {Key: "n", Value: genai.Int(7)}},
	}
}

func TestInsertRepeatedUnderOneTokenChangesNothing(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	b := s.NewBatch()
	for i := range 10 {
		b.AddSpan(chat(i/3, i, base.Add(time.Duration(i)*20*time.Hour)))
	}
	for range 2 {
		if err := s.Insert(ctx, b, "a"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Counts(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	if got.Spans != 10 || got.Traces != 4 {
		t.Errorf("got %+v, want 10 spans of 4 traces", got)
	}
}
