package dialect_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// FuzzNormalize: every span that the walk accepts comes out with its ids, and nothing panics.
func FuzzNormalize(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*/*.pb")
	if err != nil || len(files) == 0 {
		f.Fatalf("find captures: %v, %d found", err, len(files))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for event, body := range map[string]string{
		"api_request_body": `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"q`, "api_response_body": `{"role":"assistant","content":[{"type":"te`,
	} {
		b, err := (&plog.ProtoMarshaler{}).MarshalLogs(claudeRecord(f, event, attributes{"body": body, "request_id": claudeRequestID, "prompt.id": claudePromptID, "event.sequence": "1"}))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	n := dialect.New(dialect.Options{Limits: dialect.Limits{AttributeValueBytes: 4096}})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s genai.Span
		for r := wire.ReadTraces(b); r.Next(); {
			n.Span(&s, r.Resource(), r.Scope(), r.Span())
			if s.TraceID != r.Span().TraceID || s.SpanID != r.Span().SpanID {
				t.Fatalf("ids changed: got %s %s", s.TraceID, s.SpanID)
			}
		}
		for r := wire.ReadLogs(b); r.Next(); {
			n.Log(&s, r.Resource(), r.Scope(), r.Record())
			s.Merge([]genai.Span{s})
		}
	})
}

// BenchmarkSpan reads each span of a capture; "chat" and "tool" are kinds of one real trace.
func BenchmarkSpan(b *testing.B) {
	raw, err := os.ReadFile("testdata/vercel-ai-v7-genai/tools/001_traces.pb")
	if err != nil {
		b.Fatal(err)
	}
	n := dialect.New(dialect.Options{})
	for _, op := range []genai.Operation{genai.OpChat, genai.OpExecuteTool, "agent_step"} {
		b.Run(string(op), func(b *testing.B) {
			var s genai.Span
			r := wire.ReadTraces(raw)
			for r.Next() {
				if n.Span(&s, r.Resource(), r.Scope(), r.Span()); s.Operation == op {
					break
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				n.Span(&s, r.Resource(), r.Scope(), r.Span())
			}
		})
	}
}
