package dialect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

const (
	claudeRequestID = "req_011CSHoEeqs5C35K2UUqR7Fy"
	claudePromptID  = "0199c3a1-2f5e-4d0a-9b1c-6f3f0b7f9a51"
)

// claudeRecord is a record as Claude Code sends it.
func claudeRecord(t testing.TB, event string, attrs attributes) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	sl.Scope().SetName("com.anthropic.claude_code.events")
	l := sl.LogRecords().AppendEmpty()
	l.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1_790_000_000, 0)))
	l.Body().SetStr("claude_code." + event)
	if err := l.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	l.Attributes().PutStr("event.name", event)
	l.Attributes().PutStr("session.id", "s")
	return ld
}

// TestClaudeRecords: what each record of Claude Code says, and by what it is joined with its span.
func TestClaudeRecords(t *testing.T) {
	t.Parallel()
	type said struct {
		input, output []string
		span          genai.Span
	}
	codes := func(list ...genai.WarningCode) (out []genai.Warning) {
		for _, c := range list {
			out = append(out, genai.Warning{Code: c})
		}
		return out
	}
	turn := func(id string, n int64) genai.Turn { return genai.Turn{ID: id, Sequence: n} }
	for name, tc := range map[string]struct {
		event string
		in    attributes
		want  said
		other bool // no part of a span
	}{
		"typed": {
			event: "user_prompt", in: attributes{"prompt": "where is the marmalade", "prompt_length": "22", "prompt.id": claudePromptID, "event.sequence": int64(3)},
			want: said{input: []string{"user:where is the marmalade"}, span: genai.Span{Operation: genai.OpChat, Turn: turn(claudePromptID, 3)}},
		},
		"typed and withheld": {
			event: "user_prompt", in: attributes{"prompt": "<REDACTED>", "prompt.id": claudePromptID, "event.sequence": "3"},
			want: said{span: genai.Span{Operation: genai.OpChat, Turn: turn(claudePromptID, 3), Warnings: codes(genai.WarnContentMissing)}},
		},
		"asked": {
			event: "api_request", in: attributes{
				"model": "claude-opus-4-7", "cost_usd": 0.0123, "input_tokens": "12", "output_tokens": int64(17), "cache_read_tokens": int64(8),
				"cache_creation_tokens": int64(2), "request_id": claudeRequestID, "prompt.id": claudePromptID, "event.sequence": int64(5), "query_source": "repl_main_thread:outputStyle:custom", "effort": "high",
			},
			want: said{span: genai.Span{
				Operation: genai.OpChat, RequestModel: "claude-opus-4-7", ResponseID: claudeRequestID, Turn: turn(claudePromptID, 5),
				Usage: genai.Usage{Input: genai.Count(22), Output: genai.Count(17), CacheRead: genai.Count(8), CacheWrite: genai.Count(2), Rule: genai.CacheByDialect},
				Cost:  genai.Cost{Amount: "0.0123", Currency: "USD", Source: "reported"},
			}},
		},
		"a title for the session": {
			event: "assistant_response", in: attributes{"response": "Marmalade", "model": "m", "request_id": claudeRequestID, "prompt.id": claudePromptID, "event.sequence": int64(6), "query_source": "generate_session_title"},
			want: said{output: []string{"assistant:Marmalade"}, span: genai.Span{
				Operation: genai.OpChat, RequestModel: "m", ResponseID: claudeRequestID, Turn: turn(claudePromptID+" generate_session_title", 6),
			}},
		},
		"the body of a request": {
			event: "api_request_body", in: attributes{
				"body":  `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"be terse"}],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"Bash","input":{"command":"ls"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"a.txt"}]}],"tools":[{"name":"Bash","input_schema":{"type":"object"}}]}`,
				"model": "m", "prompt.id": claudePromptID, "event.sequence": int64(4),
			},
			want: said{input: []string{"user:q", `assistant: call c Bash{"command":"ls"}`, `user: answer c a.txt`}, span: genai.Span{
				Operation: genai.OpChat, RequestModel: "m", Turn: turn(claudePromptID, 4),
				System: []genai.Part{say("be terse")}, Tools: []genai.ToolDefinition{{Name: "Bash", Parameters: `{"type":"object"}`}},
			}},
		},
		"the body of a request, cut": {
			event: "api_request_body", in: attributes{
				"body": `{"model":"m","messages":[{"role":"user","content":"q"},{"role":"user","content":[{"type":"text","text":"and th`, "body_truncated": "true",
				"prompt.id": claudePromptID, "event.sequence": int64(4),
			},
			want: said{input: []string{"user:q", "user:and th"}, span: genai.Span{
				Operation: genai.OpChat, RequestModel: "m", Turn: turn(claudePromptID, 4), Warnings: codes(genai.WarnMalformedJSON, genai.WarnTruncated),
			}},
		},
		"the body of an answer": {
			event: "api_response_body", in: attributes{
				"body":       `{"id":"msg_1","type":"message","role":"assistant","model":"m-2","content":[{"type":"text","text":"let me look"},{"type":"tool_use","id":"c","name":"Bash","input":{"command":"ls"}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}}`,
				"request_id": claudeRequestID, "prompt.id": claudePromptID, "event.sequence": int64(5),
			},
			want: said{output: []string{`assistant:let me look call c Bash{"command":"ls"}`}, span: genai.Span{
				Operation: genai.OpChat, ResponseModel: "m-2", ResponseID: claudeRequestID, Turn: turn(claudePromptID, 5), FinishReasons: []genai.FinishReason{genai.FinishToolCall},
				Usage: genai.Usage{Input: genai.Count(3), Output: genai.Count(3), CacheRead: genai.Count(2), Rule: genai.CacheByDialect},
			}},
		},
		"the body of an answer, cut": {
			event: "api_response_body", in: attributes{
				"body":       `{"id":"msg_1","type":"message","role":"assistant","model":"m-2","content":[{"type":"text","text":"let me lo`,
				"request_id": claudeRequestID, "body_truncated": "true",
			},
			want: said{output: []string{"assistant:let me lo"}, span: genai.Span{
				Operation: genai.OpChat, ResponseModel: "m-2", ResponseID: claudeRequestID, Warnings: codes(genai.WarnMalformedJSON, genai.WarnTruncated),
			}},
		},
		"refused": {
			event: "api_error", in: attributes{"model": "m", "error": "overloaded", "status_code": int64(529), "request_id": claudeRequestID, "prompt.id": claudePromptID, "event.sequence": int64(5)},
			want: said{span: genai.Span{
				Operation: genai.OpChat, RequestModel: "m", ResponseID: claudeRequestID, Turn: turn(claudePromptID, 5), Error: genai.Error{Type: "failed", Message: "overloaded", HTTPStatus: 529},
			}},
		},
		"a tool": {
			event: "tool_result", in: attributes{
				"tool_name": "Bash", "tool_use_id": "toolu_01A09q90qw90lq917835lq9", "success": "false", "error_type": "ShellError",
				"tool_parameters": `{"bash_command":"ls","full_command":"ls -l"}`, "prompt.id": claudePromptID, "event.sequence": int64(7),
			},
			want: said{span: genai.Span{
				Operation: genai.OpExecuteTool, Turn: turn(claudePromptID, 7), Error: genai.Error{Type: "failed"},
				Tool: genai.ToolExecution{Name: "Bash", CallID: "toolu_01A09q90qw90lq917835lq9", Arguments: `{"bash_command":"ls","full_command":"ls -l"}`},
			}},
		},
		"another event":               {event: "auth", in: attributes{"action": "login", "prompt.id": claudePromptID}, other: true},
		"refused before it had an id": {event: "api_error", in: attributes{"model": "m", "error": "no route to host", "prompt.id": claudePromptID, "event.sequence": int64(5)}, other: true},
		"from before there were ids":  {event: "api_request", in: attributes{"model": "m", "cost_usd": 0.1}, other: true},
		"a file instead of the body ": {event: "api_request_body", in: attributes{"body_ref": "/tmp/a.request.json", "prompt.id": claudePromptID, "event.sequence": int64(4)}, want: said{span: genai.Span{Operation: genai.OpChat, Turn: turn(claudePromptID, 4)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ld := claudeRecord(t, tc.event, tc.in)
			l := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
			l.SetTraceID(pcommon.TraceID{1}) // of whoever started it
			l.SetSpanID(pcommon.SpanID{2})
			var s genai.Span
			r := firstRecord(t, ld)
			ok := dialect.New(dialect.Options{}).Log(&s, r.Resource(), r.Scope(), r.Record())
			if ok == tc.other {
				t.Fatalf("a part of a span: %v", ok)
			}
			if tc.other {
				return
			}
			if s.SpanID != (genai.SpanID{}) || s.Conversation != "s" || s.Dialect != "claude-code" {
				t.Errorf("span %s, conversation %q, dialect %q", s.SpanID, s.Conversation, s.Dialect)
			}
			got := said{flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output)), genai.Span{
				Operation: s.Operation, RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, ResponseID: s.ResponseID, Turn: s.Turn, Usage: s.Usage, Cost: s.Cost,
				Error: s.Error, Tool: s.Tool, FinishReasons: s.FinishReasons, System: s.System, Tools: s.Tools,
			}}
			got.span.Usage.Reported = nil
			for _, w := range s.Warnings {
				got.span.Warnings = append(got.span.Warnings, genai.Warning{Code: w.Code})
			}
			for i := range got.span.Tools {
				got.span.Tools[i].Type = ""
			}
			for _, list := range []*genai.Span{&got.span, &tc.want.span} {
				if len(list.FinishReasons) == 0 {
					list.FinishReasons = nil
				}
				if len(list.System) == 0 {
					list.System = nil
				}
				if len(list.Tools) == 0 {
					list.Tools = nil
				}
			}
			if d := cmp.Diff(tc.want, got, cmp.AllowUnexported(said{})); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
