package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// fieldCase is one trap: what a span of a scope has, and what must come out of it.
type fieldCase struct {
	scope, span string
	in          attributes
	events      []spanEvent
	get         func(*genai.Span) any
	want        any
}

func checkFields(t *testing.T, cases map[string]fieldCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := namedSpanOf(t, dialect.Options{}, tc.scope, "", tc.span, tc.in, tc.events...)
			if d := cmp.Diff(tc.want, tc.get(&s), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(genai.Message{}, "Encoded")); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// recordOf reads a log record with this body, of text or a map.
func recordOf(t *testing.T, scope, name string, attrs attributes, body any) (s genai.Span, ok bool) {
	t.Helper()
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scope)
	l := sl.LogRecords().AppendEmpty()
	l.SetEventName(name)
	if err := l.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	if err := l.Body().FromRaw(body); err != nil {
		t.Fatal(err)
	}
	r := firstRecord(t, ld)
	ok = dialect.New(dialect.Options{}).Log(&s, r.Resource(), r.Scope(), r.Record())
	return s, ok
}

func TestStrands(t *testing.T) {
	t.Parallel()
	usage := func(s *genai.Span) any { return []any{s.Dialect, s.Usage.Input.N, s.Usage.Rule} }
	checkFields(t, map[string]fieldCase{
		"the first token in milliseconds": {
			scope: "strands.telemetry.tracer", in: attributes{"gen_ai.operation.name": "chat", "gen_ai.server.time_to_first_token": int64(1)},
			get: func(s *genai.Span) any { return s.TimeToFirstToken.String() }, want: "1ms",
		},
		"Claude without its cache": {
			scope: "my-service", in: attributes{
				"gen_ai.event.start_time": "x", "gen_ai.request.model": "us.anthropic.claude-sonnet-4", "gen_ai.operation.name": "chat",
				"gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.prompt_tokens": int64(100), "gen_ai.usage.cache_read_input_tokens": int64(5),
				"gen_ai.usage.cache_write_input_tokens": int64(7),
			}, get: usage, want: []any{"strands", int64(112), genai.CacheByDialect},
		},
		"Claude behind a gateway": {
			scope: "strands-agents", in: attributes{
				"gen_ai.request.model": "anthropic/claude-sonnet-4", "gen_ai.operation.name": "chat",
				"gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.cache_read_input_tokens": int64(5),
			}, get: usage, want: []any{"strands", int64(100), genai.CacheIncluded},
		},
		"the agent's instructions": {
			scope: "strands-agents", in: attributes{"gen_ai.operation.name": "invoke_agent", "system_prompt": `"be terse"`},
			get: func(s *genai.Span) any { return s.System }, want: []genai.Part{say("be terse")},
		},
		"a tool that failed": {
			scope: "strands-agents", in: attributes{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.status": "error"},
			get: func(s *genai.Span) any { return []any{s.Error.Type, s.Failed()} }, want: []any{"tool_error", true},
		},
	})
}

// TestAgentCoreRecord: what AWS' distribution makes of the events of a Strands span.
func TestAgentCoreRecord(t *testing.T) {
	t.Parallel()
	list := func(ms ...any) map[string]any { return map[string]any{"messages": ms} }
	s, ok := recordOf(t, "strands.telemetry.tracer", "strands.telemetry.tracer", nil, map[string]any{
		"input": list(
			map[string]any{"role": "user", "content": map[string]any{"content": `[{"text":"q"}]`}},
			map[string]any{"role": "tool", "content": `[{"toolResult":{"toolUseId":"c","status":"success","content":[{"json":{"a":1}}]}}]`},
			map[string]any{"role": "user", "content": "[1,2] is a list"},
		),
		"output": list(map[string]any{"role": "assistant", "content": map[string]any{"message": `[{"text":"a"}]`, "finish_reason": "end_turn"}}),
	})
	if !ok || s.Dialect != "strands" || s.Partial {
		t.Fatalf("got %v, dialect %q, partial %v", ok, s.Dialect, s.Partial)
	}
	got := append(flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output))...)
	want := []string{"user:q", `tool: answer c [{"json":{"a":1}}]`, "user:[1,2] is a list", "assistant:a"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]genai.FinishReason{genai.FinishStop}, s.FinishReasons); d != "" {
		t.Errorf("finish reasons, -want +got:\n%s", d)
	}
}

func TestADK(t *testing.T) {
	t.Parallel()
	checkFields(t, map[string]fieldCase{
		"Python": {
			scope: "gcp.vertex.agent", span: "call_llm", in: attributes{
				"gen_ai.system": "gcp.vertex.agent", "gcp.vertex.agent.llm_request": `{"model":"gemini-2.5-pro","contents":[{"parts":[{"text":"q"}],"role":"user"}],` +
					`"config":{"system_instruction":{"parts":[{"text":"be terse"}]},"temperature":0.5,"http_options":null}}`,
				"gcp.vertex.agent.llm_response": `{"content":{"parts":[{"text":"why","thought":true},{"text":"a"}],"role":"model"},"finish_reason":"MAX_TOKENS",` +
					`"usage_metadata":{"prompt_token_count":10,"candidates_token_count":4,"thoughts_token_count":6,"total_token_count":20}}`,
			},
			get: func(s *genai.Span) any {
				return []any{
					s.Operation, s.Provider, s.Framework, s.RequestModel, *s.Request.Temperature, s.System, s.Output, s.FinishReasons, s.Usage.Total(), s.Usage.Reasoning.N,
					len(s.Attributes), len(s.Warnings),
				}
			},
			want: []any{
				genai.OpGenerateContent, "gcp.gemini", "gcp.vertex.agent", "gemini-2.5-pro", 0.5,
				[]genai.Part{say("be terse")},
				[]genai.Message{message("assistant", genai.Part{Type: genai.PartReasoning, Content: "why"}, say("a"))},
				[]genai.FinishReason{genai.FinishLength},
				int64(20), int64(6), 0, 0,
			},
		},
		"thoughts that the output has already": {
			scope: "gcp.vertex.agent", span: "call_llm", in: attributes{
				"gen_ai.request.model": "gemini-2.5-pro", "gen_ai.usage.output_tokens": int64(10),
				"gcp.vertex.agent.llm_response": `{"usage_metadata":{"candidates_token_count":4,"thoughts_token_count":6}}`,
			},
			get: func(s *genai.Span) any { return []any{s.Usage.Output.N, s.Usage.Reasoning.N, len(s.Warnings)} }, want: []any{int64(10), int64(6), 0},
		},
		"content not captured": {
			scope: "gcp.vertex.agent", span: "call_llm", in: attributes{"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"},
			get: func(s *genai.Span) any { return []any{len(s.Input), s.Warnings[0].Code, len(s.Attributes)} }, want: []any{0, genai.WarnContentMissing, 2},
		},
		"a tool's result not captured": {
			scope: "gcp.vertex.agent", span: "execute_tool f", in: attributes{
				"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.tool_call_args": "{}", "gcp.vertex.agent.tool_response": "{}", "gen_ai.tool.call.id": "<not specified>",
			},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Tool, len(s.Warnings)} }, want: []any{genai.OpExecuteTool, genai.ToolExecution{}, 1},
		},
		"a model of another provider": {
			scope: "gcp.vertex.agent", span: "call_llm", in: attributes{"gen_ai.request.model": "openai/gpt-4o"},
			get: func(s *genai.Span) any { return s.Provider }, want: "openai",
		},
	})
}
