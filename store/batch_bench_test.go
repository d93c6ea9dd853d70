package store_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// agentSpans are the model calls of agents that resend their history: what most of ingest is.
func agentSpans(traces, steps int) []*genai.Span {
	var list []*genai.Span
	for trace := range traces {
		var history []genai.Message
		for step := range steps {
			m := fmt.Sprintf(`{"role":"user","parts":[{"type":"text","content":%q}]}`, words(fmt.Sprint(trace, step), 400))
			history = append(history, genai.Message{
				Role: genai.RoleUser, Encoded: genai.JSON(m),
				Parts: []genai.Part{{Type: genai.PartText, Content: m}},
			})
			s := chat(trace, trace*steps+step, base.Add(time.Duration(trace*steps+step)*time.Second))
			s.Input = history
			s.Raw = field(9, attr("gen_ai.request.model", "gpt-5"))
			list = append(list, s)
		}
	}
	return list
}

// BenchmarkAddSpan is what a span costs on its way into the columns.
func BenchmarkAddSpan(b *testing.B) {
	spans := agentSpans(50, 20)
	batch := storetest.Store(b).NewBatch()
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for _, s := range spans {
			batch.AddSpan(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}

// BenchmarkInsert is one insert of 10,000 spans with everything that belongs to them.
func BenchmarkInsert(b *testing.B) {
	s := storetest.Store(b)
	batch := s.NewBatch()
	for _, sp := range agentSpans(500, 20) {
		batch.AddSpan(sp)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.Insert(context.Background(), batch, strconv.Itoa(i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Rows()), "ns/span")
}
