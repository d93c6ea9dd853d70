package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

func TestCodingAgents(t *testing.T) {
	t.Parallel()
	checkFields(t, map[string]fieldCase{
		"Claude Code, a call": {
			span: "claude_code.llm_request", in: attributes{
				"model": "claude-opus-4-7", "input_tokens": int64(12), "output_tokens": int64(17), "cache_read_tokens": int64(8), "cache_creation_tokens": int64(2),
				"ttft_ms": int64(250), "stop_reason": "tool_use", "session.id": "s", "new_context": "q", "response.model_output": "a", "request_id": "req_1",
			},
			get: func(s *genai.Span) any {
				return []any{
					s.Dialect, s.Operation, s.Provider, s.RequestModel, s.Usage.Input.N, s.Usage.Rule, s.Countable(), s.TimeToFirstToken.String(), s.FinishReasons,
					s.Conversation, flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output)), s.ResponseID, len(s.Attributes),
				}
			},
			want: []any{
				"claude-code", genai.OpChat, "anthropic", "claude-opus-4-7", int64(22), genai.CacheByDialect, true, "250ms",
				[]genai.FinishReason{genai.FinishToolCall},
				"s",
				[]string{"user:q"},
				[]string{"assistant:a"},
				"req_1", 0,
			},
		},
		"Claude Code, a tool": {
			span: "claude_code.tool", in: attributes{"tool_name": "Bash", "tool_use_id": "c", "tool_input": `{"command":"ls"}`, "full_command": "ls", "success": "false", "error": "denied"},
			events: []spanEvent{{"tool.output", attributes{"output": "a.txt"}}},
			get:    func(s *genai.Span) any { return []any{s.Operation, s.Tool, s.Error, len(s.Events)} },
			want:   []any{genai.OpExecuteTool, genai.ToolExecution{Name: "Bash", CallID: "c", Arguments: `{"command":"ls"}`, Result: "a.txt"}, genai.Error{Type: "failed", Message: "denied"}, 0},
		},
		"Claude Code, a tool without details": {
			span: "claude_code.tool", in: attributes{"tool_name": "Read", "file_path": "/a"},
			events: []spanEvent{{"tool.output", attributes{"content": "x", "lines": int64(1)}}},
			get:    func(s *genai.Span) any { return []any{s.Tool, len(s.Events)} }, want: []any{genai.ToolExecution{Name: "Read", Arguments: "/a", Result: "x"}, 1},
		},
		"Claude Code, a turn": {
			span: "claude_code.interaction", in: attributes{"user_prompt": "<REDACTED>"},
			get: func(s *genai.Span) any { return []any{s.Operation, len(s.Input), s.Warnings[0].Code} }, want: []any{genai.OpInvokeAgent, 0, genai.WarnContentMissing},
		},
		"Claude Code, waiting": {
			span: "claude_code.tool.blocked_on_user", in: attributes{"tool_name": "Bash"},
			get: func(s *genai.Span) any { return []any{s.Dialect, s.Operation, len(s.Attributes)} }, want: []any{"claude-code", genai.Operation(""), 1},
		},
		"bare keys elsewhere": {
			span: "claude", in: attributes{"model": "T", "input_tokens": int64(1), "success": "false"},
			get: func(s *genai.Span) any { return []any{s.Dialect, s.RequestModel, s.Usage.Known(), len(s.Attributes)} }, want: []any{"", "", false, 3},
		},
		"Codex, a turn": {
			scope: "codex_cli_rs", span: "session_task.turn", in: attributes{
				"thread.id": "019e9bfe-7749-7440-8506-39152afbc9ff", "turn.id": "019e9bfe-92ad-7591-a7fd-d6250ce88904", "model": "gpt-5.5",
				"codex.turn.reasoning_effort": "high", "codex.turn.token_usage.input_tokens": int64(13297), "codex.turn.token_usage.cached_input_tokens": int64(4480),
				"codex.turn.token_usage.output_tokens": int64(23), "codex.turn.token_usage.reasoning_output_tokens": int64(10), "codex.turn.token_usage.total_tokens": int64(13320),
			},
			get: func(s *genai.Span) any {
				return []any{
					s.Dialect, s.Operation, s.RequestModel, s.Request.ReasoningLevel, s.Conversation, s.Usage.Total(), s.Usage.CacheRead.N, s.Usage.Rule,
					s.Usage.Reasoning.N, s.Usage.Rollup, len(s.Warnings), len(s.Attributes),
				}
			},
			want: []any{
				"codex", genai.OpInvokeAgent, "gpt-5.5", "high", "019e9bfe-7749-7440-8506-39152afbc9ff", int64(13320), int64(4480), genai.CacheIncluded,
				int64(10), true, 0, 1,
			},
		},
		"Codex, a thread of the system": {
			scope: "codex_exec", span: "session_task.turn", in: attributes{"thread.id": "worker-10", "turn.id": "t"},
			get: func(s *genai.Span) any { return []any{s.Conversation, len(s.Attributes)} }, want: []any{"t", 1},
		},
		"Codex, a response": {
			scope: "codex_exec", span: "handle_responses", in: attributes{"gen_ai.usage.input_tokens": int64(5), "gen_ai.usage.output_tokens": int64(2), "codex.usage.reasoning_output_tokens": int64(1)},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Provider, s.Usage.Reasoning.N, s.Countable()} }, want: []any{genai.OpChat, "openai", int64(1), true},
		},
		"Gemini CLI": {
			scope: "gemini-cli", span: "llm_call", in: attributes{
				"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-3-flash", "gen_ai.prompt.name": "s########0", "gen_ai.system_instructions": `"\nbe terse"`,
				"gen_ai.input.messages": `[{"role":"user","parts":[{"text":"q"}]}]`, "gen_ai.output.messages": `{"parts":[{"text":"why","thought":true},{"text":"a"}]}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Operation, s.Provider, s.Prompt.Name, s.System, s.Input, s.Output, s.Attributes[0].Key, len(s.Warnings)}
			},
			want: []any{
				"gemini-cli", genai.OpGenerateContent, "gcp.gemini", "",
				[]genai.Part{say("\nbe terse")},
				[]genai.Message{message("user", say("q"))},
				[]genai.Message{message("assistant", genai.Part{Type: genai.PartReasoning, Content: "why"}, say("a"))},
				"gen_ai.prompt.name", 0,
			},
		},
		"Copilot CLI": {
			scope: "github.copilot", in: attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": int64(1), "github.copilot.cost": 1.5},
			get: func(s *genai.Span) any { return []any{s.Dialect, s.Cost.Amount, s.Countable(), len(s.Attributes)} }, want: []any{"copilot-cli", "", true, 1},
		},
	})
}

// TestPromptRecords: what a coding agent logs is a part of a span when the record names its trace, at least.
func TestPromptRecords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		event string
		attrs attributes
		trace bool
		want  []string // of input and output
	}{
		"typed":       {"codex.user_prompt", attributes{"prompt": "q", "prompt_length": int64(1)}, true, []string{"user:q"}},
		"no trace":    {"codex.user_prompt", attributes{"prompt": "q"}, false, nil},
		"answered":    {"gemini_cli.api_response", attributes{"response_text": "a"}, true, []string{"assistant:a"}},
		"Claude Code": {"user_prompt", attributes{"prompt": "q", "prompt.id": "p"}, true, nil}, // not by its scope
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ld := plog.NewLogs()
			l := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			if tc.trace {
				l.SetTraceID(pcommon.TraceID{1})
			}
			if err := l.Attributes().FromRaw(tc.attrs); err != nil {
				t.Fatal(err)
			}
			l.Attributes().PutStr("event.name", tc.event)
			var s genai.Span
			r := firstRecord(t, ld)
			ok := dialect.New(dialect.Options{}).Log(&s, r.Resource(), r.Scope(), r.Record())
			if got := append(flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output))...); ok != (tc.want != nil) || !cmp.Equal(tc.want, got) {
				t.Errorf("got %v %q, want %q", ok, got, tc.want)
			}
		})
	}
}
