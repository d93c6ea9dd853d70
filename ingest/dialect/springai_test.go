package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
)

func TestSpringAI(t *testing.T) {
	t.Parallel()
	checkFields(t, map[string]fieldCase{
		"a chat client": {
			scope: "org.springframework.boot", in: attributes{
				"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai", "spring.ai.kind": "chat_client",
				"spring.ai.chat.client.stream": "true", "spring.ai.chat.client.conversation.id": "c",
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Operation, s.Framework, s.Provider, *s.Request.Stream, s.Conversation, len(s.Attributes), len(s.Warnings)}
			},
			want: []any{"spring-ai", genai.OpInvokeWorkflow, "spring_ai", "", true, "c", 0, 0},
		},
		"a tool": {
			in: attributes{
				"gen_ai.operation.name": "framework", "spring.ai.kind": "tool_call", "spring.ai.tool.definition.name": "f",
				"spring.ai.tool.call.arguments": `{"a":1}`, "spring.ai.tool.call.result": "sunny",
			},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Tool} }, want: []any{genai.OpExecuteTool, genai.ToolExecution{Name: "f", Arguments: `{"a":1}`, Result: "sunny"}},
		},
		"a vector store asked and filled": {
			in:  attributes{"spring.ai.kind": "vector_store", "db.vector.query.content": "q", "db.vector.query.top_k": int64(4)},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Retrieval} }, want: []any{genai.OpRetrieval, genai.Retrieval{Query: "q", TopK: 4}},
		},
		"a vector store filled": {
			in: attributes{"spring.ai.kind": "vector_store"}, get: func(s *genai.Span) any { return []any{s.Operation, len(s.Attributes)} }, want: []any{genai.Operation(""), 1},
		},
		"a call whose contents are events": {
			scope: "org.springframework.boot", in: attributes{"gen_ai.operation.name": "chat", "gen_ai.system": "openai"},
			events: []spanEvent{
				{"gen_ai.content.prompt", attributes{"gen_ai.prompt": []any{"be terse", "q"}}}, {"gen_ai.content.completion", attributes{"gen_ai.completion": []any{"a"}}},
			},
			get:  func(s *genai.Span) any { return [][]genai.Message{s.Input, s.Output} },
			want: [][]genai.Message{{message("user", say("be terse")), message("user", say("q"))}, {message("assistant", say("a"))}},
		},
	})
	const scope = "org.springframework.ai.chat.observation."
	for name, tc := range map[string]struct {
		scope, body   string
		ok            bool
		input, output []string
	}{
		"two texts":           {scope + "ChatModelPromptContentObservationHandler", "Chat Model Prompt Content:\n[\"be terse\", \"q\"]\n", true, []string{"user:be terse", "user:q"}, nil},
		"an unescaped quote":  {scope + "ChatModelPromptContentObservationHandler", "Chat Model Prompt Content:\n[\"say \"hi\"\n now\"]", true, []string{"user:say \"hi\"\n now"}, nil},
		"an answer":           {scope + "ChatModelCompletionObservationHandler", "Chat Model Completion:\n[\"a\"]", true, nil, []string{"assistant:a"}},
		"no brackets":         {scope + "ChatModelCompletionObservationHandler", "Chat Model Completion:\nParis.", true, nil, []string{"assistant:Paris."}},
		"nothing":             {scope + "ChatModelCompletionObservationHandler", "Chat Model Completion:\n[]", true, nil, nil},
		"another record":      {scope + "ChatModelCompletionObservationHandler", "started", false, nil, nil},
		"another program's":   {"com.example", "Chat Model Completion:\nParis.", false, nil, nil},
		"the record's object": {scope + "ChatModelCompletionObservationHandler", "", false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ok := recordOf(t, tc.scope, "", nil, tc.body)
			if ok != tc.ok || s.Partial {
				t.Fatalf("got %v, want %v", ok, tc.ok)
			}
			if d := cmp.Diff([][]string{tc.input, tc.output}, [][]string{flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output))}); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestMicrosoftAI(t *testing.T) {
	t.Parallel()
	turn := func(s *genai.Span) any {
		return []any{s.Dialect, s.Operation, flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output)), s.FinishReasons, len(s.Events)}
	}
	want := []any{"microsoft-ai", genai.OpChat, []string{"system:be terse", "user:q"}, []string{"assistant:a"}, []genai.FinishReason{genai.FinishStop}, 0}
	checkFields(t, map[string]fieldCase{
		"Semantic Kernel 1.55": {
			scope: "Microsoft.SemanticKernel", span: "chat_completion", in: attributes{"gen_ai.response.model": "gpt-4"},
			events: []spanEvent{
				{"gen_ai.system.message", attributes{"content": "be terse"}},
				{"gen_ai.user.message", attributes{"content": "q"}},
				{"gen_ai.choice", attributes{"index": int64(0), "finish_reason": "stop", "message": `{"role":"assistant","content":"a"}`}},
			}, get: turn, want: want,
		},
		"bodies as JSON": {
			scope: "Experimental.Microsoft.Extensions.AI", in: attributes{"gen_ai.operation.name": "chat.completions"},
			events: []spanEvent{
				{"gen_ai.system.message", attributes{"gen_ai.event.content": `{"content":"be terse"}`}},
				{"gen_ai.user.message", attributes{"gen_ai.event.content": `{"role":"user","content":"q"}`}},
				{"gen_ai.choice", attributes{"gen_ai.event.content": `{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"a"}}`}},
			}, get: turn, want: want,
		},
		"an agent that nobody named": {
			scope: "agent_framework", in: attributes{"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "microsoft.agent_framework", "gen_ai.agent.id": "7", "gen_ai.agent.name": "7"},
			get: func(s *genai.Span) any { return []any{s.Agent, s.Framework} }, want: []any{genai.Agent{ID: "7"}, "microsoft.agent_framework"},
		},
	})
}

// TestElastic: Elastic's instrumentation of OpenAI writes what is not there as null.
func TestElastic(t *testing.T) {
	t.Parallel()
	const scope = "@elastic/opentelemetry-instrumentation-openai"
	s, ok := recordOf(t, scope, "", attributes{"event.name": "gen_ai.choice", "gen_ai.system": "openai"}, map[string]any{
		"index": int64(0), "finish_reason": "tool_calls", "message": map[string]any{
			"content": nil, "role": nil, "tool_calls": []any{map[string]any{"id": "c", "type": "function", "function": map[string]any{"name": "f", "arguments": `{"a":1}`}}},
		},
	})
	want := []string{`assistant: call c f{"a":1}`}
	if d := cmp.Diff(want, flatMessages(ourMessages(s.Output))); !ok || s.Dialect != "otel-genai" || d != "" {
		t.Errorf("got %v, dialect %q, -want +got:\n%s", ok, s.Dialect, d)
	}
}
