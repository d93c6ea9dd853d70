package wire_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// agentTraffic returns an encoded request of n spans shaped like an agent's: six spans a trace,
// GenAI attributes, unique text.
func agentTraffic(tb testing.TB, n int) []byte {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "support-agent")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai")
	for i := range n {
		s := ss.Spans().AppendEmpty()
		var tid [16]byte
		binary.BigEndian.PutUint64(tid[:], uint64(i/6+1))
		s.SetTraceID(tid)
		var sid [8]byte
		binary.BigEndian.PutUint64(sid[:], uint64(i+1))
		s.SetSpanID(sid)
		s.SetName("chat gpt-4o-mini")
		s.SetKind(ptrace.SpanKindClient)
		s.SetStartTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + i))
		s.SetEndTimestamp(pcommon.Timestamp(1_700_000_001_000_000_000 + i))
		a := s.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o-mini")
		a.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
		a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%d", i))
		a.PutStr("gen_ai.conversation.id", fmt.Sprintf("conv-%d", i/6))
		a.PutInt("gen_ai.usage.input_tokens", int64(rng.IntN(4000)))
		a.PutInt("gen_ai.usage.output_tokens", int64(rng.IntN(900)))
		a.PutDouble("gen_ai.request.temperature", 0.7)
		a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
		a.PutStr("gen_ai.input.messages", text(rng, 600))
		a.PutStr("gen_ai.output.messages", text(rng, 300))
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func text(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "etaoin shrdlu cmfwyp"[rng.IntN(20)]
	}
	return string(b)
}

const benchSpans = 200

func BenchmarkValidateTraces(b *testing.B) {
	req := agentTraffic(b, benchSpans)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	for b.Loop() {
		rep, err := wire.ValidateTraces(req, wire.Limits{})
		if err != nil || rep.Accepted() != benchSpans {
			b.Fatal(rep, err)
		}
	}
	spansPerSecond(b)
}

// BenchmarkReadTraces visits every field of every span, as the writer does.
func BenchmarkReadTraces(b *testing.B) {
	req := agentTraffic(b, benchSpans)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	sum := 0
	for b.Loop() {
		t := wire.ReadTraces(req)
		for t.Next() {
			for it := t.Span().Attributes(); it.Next(); {
				sum += len(it.Key()) + int(it.Value().Kind())
			}
		}
	}
	if sum == 0 {
		b.Fatal("nothing read")
	}
	spansPerSecond(b)
}

func BenchmarkPdataUnmarshal(b *testing.B) {
	req := agentTraffic(b, benchSpans)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	for b.Loop() {
		r := ptraceotlp.NewExportRequest()
		if err := r.UnmarshalProto(req); err != nil {
			b.Fatal(err)
		}
	}
	spansPerSecond(b)
}

func spansPerSecond(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.N)*benchSpans/b.Elapsed().Seconds(), "spans/s")
}
