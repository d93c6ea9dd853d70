package dialect_test

import (
	"os"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// BenchmarkNormalize reads one real call of a model in each dialect, with a tool offered and its answer in
// the history, and a span of no dialect. spans/s is what one core reads.
func BenchmarkNormalize(b *testing.B) {
	for _, c := range []struct{ name, file, dialect string }{
		{"otel-genai", "anthropic-sdk-native/anthropic_tools_content/001_traces.pb", "otel-genai"},
		{"openinference", "openinference-openai/tools/001_traces.pb", "openinference"},
		{"openllmetry-0.14", "openllmetry-js-0.14/tools/001_traces.pb", "openllmetry"},
		{"openllmetry-0.27", "openllmetry-js-0.27/tools/001_traces.pb", "openllmetry"},
		{"ai-sdk-4", "vercel-ai-v4/tools/001_traces.pb", "ai-sdk"},
		{"ai-sdk-6", "vercel-ai-v6/tools/001_traces.pb", "ai-sdk"},
		{"ai-sdk-7", "vercel-ai-v7-genai/tools/001_traces.pb", "ai-sdk"},
		{"langfuse", "langfuse-v5/tools/001_traces.pb", "langfuse"},
		{"langsmith", "langsmith-js/tools/002_traces.pb", "langsmith"},
		{"openlit", "openlit-js/tools/001_traces.pb", "openlit"},
		{"strands", "strands-js/stable_openai/001_traces.pb", "strands"},
		{"google-adk", "google-adk-js/tools/001_traces.pb", "google-adk"},
		{"none", "", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			raw := plainRequest(b)
			if c.file != "" {
				var err error
				if raw, err = os.ReadFile("testdata/" + c.file); err != nil {
					b.Fatal(err)
				}
			}
			n := dialect.New(dialect.Options{})
			var s genai.Span
			r := wire.ReadTraces(raw)
			found := false
			for !found && r.Next() {
				n.Span(&s, r.Resource(), r.Scope(), r.Span())
				found = s.Dialect == c.dialect && (c.dialect == "" || s.Operation.IsInference() && len(s.Input) > 2)
			}
			if !found {
				b.Fatalf("%s has no such span", c.file)
			}
			b.ReportAllocs()
			for b.Loop() {
				n.Span(&s, r.Resource(), r.Scope(), r.Span())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// plainRequest is a request of one span of a web server.
func plainRequest(b *testing.B) []byte {
	b.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName("@opentelemetry/instrumentation-http")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetName("GET /books/{id}")
	if err := s.Attributes().FromRaw(map[string]any{
		"http.request.method": "GET", "url.path": "/books/7", "url.scheme": "https", "http.route": "/books/{id}", "http.response.status_code": int64(200),
		"server.address": "books.example", "server.port": int64(443), "network.protocol.version": "1.1", "user_agent.original": "curl/8.5.0",
	}); err != nil {
		b.Fatal(err)
	}
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		b.Fatal(err)
	}
	return raw
}
