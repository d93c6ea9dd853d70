package dialect_test

import (
	"testing"

	"github.com/tiltmeter/tiltmeter/genai"
)

// turns is what most frameworks' cases ask for.
func turns(s *genai.Span) any {
	return []any{s.Dialect, s.Operation, flatMessages(ourMessages(s.Input)), flatMessages(ourMessages(s.Output)), len(s.Attributes)}
}

func toolOf(s *genai.Span) any { return []any{s.Dialect, s.Operation, s.Tool, len(s.Attributes)} }

func TestFrameworks(t *testing.T) {
	t.Parallel()
	execution := genai.ToolExecution{Name: "f", CallID: "c", Arguments: `{"a":1}`, Result: "sunny"}
	checkFields(t, map[string]fieldCase{
		"Mastra, a step": {
			scope: "@mastra/otel", in: attributes{
				"mastra.span.type":         "model_step",
				"mastra.model_step.input":  `{"body":{"model":"gpt-4o","messages":[{"role":"system","content":"be terse"},{"role":"user","content":"q"}],"temperature":0.5,"tools":[{"type":"function","name":"f"}]}}`,
				"mastra.model_step.output": `{"text":"a","toolCalls":[{"toolCallId":"c","toolName":"f","args":{"a":1}}]}`,
				"mastra.metadata.threadId": "s", "mastra.metadata.resourceId": "u", "mastra.metadata.modelMetadata": `{"modelId":"gpt-4o","modelProvider":"openai.chat"}`,
			},
			get: func(s *genai.Span) any {
				return []any{turns(s), s.RequestModel, s.Provider, *s.Request.Temperature, s.Tools[0].Name, s.Conversation, s.User}
			},
			want: []any{
				[]any{"mastra", genai.OpChat, []string{"system:be terse", "user:q"}, []string{`assistant:a call c f{"a":1}`}, 3},
				"gpt-4o", "openai", 0.5, "f", "s", "u",
			},
		},
		"Mastra, an agent": {
			in:  attributes{"mastra.span.type": "agent_run", "mastra.agent_run.input": `[{"role":"user","content":"q"}]`, "mastra.agent_run.output": `{"text":"a","files":[]}`},
			get: turns, want: []any{"mastra", genai.OpInvokeAgent, []string{"user:q"}, []string{"assistant:a"}, 1},
		},
		"Mastra, a tool": {
			in:  attributes{"mastra.span.type": "mcp_tool_call", "mastra.mcp_tool_call.input": `{"a":1}`, "mastra.mcp_tool_call.output": `{"text":"t"}`},
			get: func(s *genai.Span) any { return s.Tool }, want: genai.ToolExecution{Arguments: `{"a":1}`, Result: `{"text":"t"}`},
		},
		"LiteLLM": {
			scope: "litellm", in: attributes{
				"llm.request.type": "chat", "gen_ai.cost.total_cost": 0.25, "llm.is_streaming": "False", "metadata.user_api_key_end_user_id": "", "metadata.user_id": "u", "hidden_params": "{}",
				"gen_ai.completion.0.function_call.name": "f", "gen_ai.completion.0.function_call.arguments": `{"a":1}`, "gen_ai.response.finish_reasons": `["tool_calls"]`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Cost.Amount, *s.Request.Stream, s.User, flatMessages(ourMessages(s.Output)), s.FinishReasons}
			},
			want: []any{"litellm", "0.25", false, "u", []string{`assistant: call  f{"a":1}`}, []genai.FinishReason{genai.FinishToolCall}},
		},
		"Genkit, a model": {
			scope: "genkit-tracer", in: attributes{
				"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-flash",
				"genkit:input": `{"messages":[{"role":"system","content":[{"text":"be terse"}]},{"role":"user","content":[{"text":"q"},{"media":{"url":"data:image/png;base64,AAAA","contentType":"image/png"}}]},` +
					`{"role":"model","content":[{"toolRequest":{"name":"f","ref":"c","input":{"a":1}}}]},{"role":"tool","content":[{"toolResponse":{"name":"f","ref":"c","output":"sunny"}}]}],` +
					`"config":{"temperature":0.5,"maxOutputTokens":5,"stopSequences":["x"]},"tools":[{"name":"f","description":"d","inputSchema":{"type":"object"}}]}`,
				"genkit:output": `{"message":{"role":"model","content":[{"text":"a"}]},"finishReason":"stop","usage":{"inputTokens":10,"outputTokens":4,"thoughtsTokens":6,"totalTokens":20}}`,
			},
			get: func(s *genai.Span) any {
				return []any{
					turns(s), s.Provider, s.RequestModel, *s.Request.MaxTokens, s.Request.StopSequences, s.Tools[0].Name, s.Usage.Total(), s.Usage.Reasoning.N, s.FinishReasons,
					s.Input[1].Parts[1].MIMEType,
				}
			},
			want: []any{
				[]any{"genkit", genai.OpChat, []string{"system:be terse", "user:q", `assistant: call c f{"a":1}`, "tool: answer c sunny"}, []string{"assistant:a"}, 3},
				"gcp.gemini", "gemini-2.5-flash", int64(5),
				[]string{"x"},
				"f", int64(20), int64(6),
				[]genai.FinishReason{genai.FinishStop},
				"image/png",
			},
		},
		"Genkit, a flow": {
			in:  attributes{"genkit:metadata:subtype": "flow", "genkit:name": "menu", "genkit:input": `"q"`, "genkit:output": `{"a":1}`},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Workflow, turns(s)} },
			want: []any{
				genai.OpInvokeWorkflow, "menu", []any{"genkit", genai.OpInvokeWorkflow, []string{"user:q"}, []string{`assistant:{"a":1}`}, 0},
			},
		},
		"Genkit, vectors": {
			in:  attributes{"genkit:metadata:subtype": "embedder", "genkit:name": "vertexai/e", "genkit:output": `{"embeddings":[{"embedding":[0.5,1]}]}`},
			get: func(s *genai.Span) any { return s.Embedding.Items }, want: []genai.EmbeddingItem{{Vector: []float32{0.5, 1}}},
		},
		"Haystack, a chat": {
			scope: "haystack", span: "haystack.component.run", in: attributes{
				"haystack.component.type": "OpenAIChatGenerator", "haystack.component.name": "llm",
				"haystack.component.input": `{"messages":[{"role":"user","meta":{},"name":null,"content":[{"text":"q"}]}],"tools":null}`,
				"haystack.component.output": `{"replies":[{"role":"assistant","name":null,"content":[{"text":"a"},{"tool_call":{"id":"c","tool_name":"f","arguments":{"a":1}}}],` +
					`"meta":{"model":"gpt-4o-2024","index":0,"finish_reason":"tool_calls","usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}}]}`,
			},
			get: func(s *genai.Span) any {
				return []any{turns(s), s.ResponseModel, s.Usage.Input.N, s.Usage.CacheRead.N, s.Countable(), s.FinishReasons}
			},
			want: []any{
				[]any{"haystack", genai.OpChat, []string{"user:q"}, []string{`assistant:a call c f{"a":1}`}, 4},
				"gpt-4o-2024", int64(7), int64(2), true,
				[]genai.FinishReason{genai.FinishToolCall},
			},
		},
		"Haystack, a completion": {
			in: attributes{
				"haystack.component.type": "OpenAIGenerator", "haystack.component.input": `{"prompt":"q"}`,
				"haystack.component.output": `{"replies":["a"],"meta":[{"model":"m","finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":3}}]}`,
			},
			get:  func(s *genai.Span) any { return []any{turns(s), s.Usage.Total()} },
			want: []any{[]any{"haystack", genai.OpTextCompletion, []string{"user:q"}, []string{"assistant:a"}, 3}, int64(10)},
		},
		"Haystack, documents": {
			in: attributes{
				"haystack.component.type": "InMemoryBM25Retriever", "haystack.component.input": `{"query":"q","top_k":2}`,
				"haystack.component.output": `{"documents":[{"id":"d","content":"x","score":0.5}]}`,
			},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Retrieval} }, want: []any{genai.OpRetrieval, genai.Retrieval{Query: "q", TopK: 2, Documents: []genai.Document{{ID: "d", Content: "x", Score: 0.5, HasScore: true}}}},
		},
		"Haystack, a vector": {
			in:  attributes{"haystack.component.type": "OpenAITextEmbedder", "haystack.component.input": `{"text":"x"}`, "haystack.component.output": `{"embedding":[0.5]}`},
			get: func(s *genai.Span) any { return s.Embedding.Items }, want: []genai.EmbeddingItem{{Text: "x", Vector: []float32{0.5}}},
		},
		"Haystack, a pipeline": {
			scope: "haystack", span: "haystack.pipeline.run", in: attributes{"haystack.pipeline.input_data": `{"llm":{"prompt":"q"}}`},
			get: turns, want: []any{"haystack", genai.OpInvokeWorkflow, []string{`user:{"llm":{"prompt":"q"}}`}, []string(nil), 0},
		},
		"Koog, a call": {
			scope: "ai.koog", span: "llm.chat", in: attributes{
				"gen_ai.operation.name": "chat", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "q",
				"gen_ai.prompt.1.role": "tool", "gen_ai.prompt.1.content": `[{"function":{"name":"f","arguments":"{\"a\":1}"},"id":"c","type":"function"}]`,
				"gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.content": "sunny", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "a",
			},
			get: turns, want: []any{"koog", genai.OpChat, []string{"user:q", `assistant: call c f{"a":1}`, "tool:sunny"}, []string{"assistant:a"}, 0},
		},
		"Koog, a tool": {
			scope: "ai.koog", span: "tool.f", in: attributes{"gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c", "input.value": `{"a":1}`, "output.value": "sunny"},
			get: toolOf, want: []any{"koog", genai.OpExecuteTool, execution, 0},
		},
		"LiveKit, a turn": {
			scope: "livekit-agents", span: "agent_turn", in: attributes{"lk.user_input": "q", "lk.response.text": "a", "lk.response.function_calls": `[{"call_id":"c","name":"f","arguments":"{\"a\":1}"}]`},
			get: turns, want: []any{"livekit", genai.OpTask, []string{"user:q"}, []string{`assistant:a call c f{"a":1}`}, 0},
		},
		"LiveKit, a context": {
			scope: "livekit-agents", span: "llm_request", in: attributes{
				"gen_ai.operation.name": "chat", "lk.chat_ctx": `{"items":[{"id":"i","type":"message","role":"user","content":["q"]},{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}]}`,
			},
			get: turns, want: []any{"livekit", genai.OpChat, []string{"user:q", `assistant: call c f{"a":1}`}, []string(nil), 0},
		},
		"LiveKit, a tool": {
			span: "function_tool", in: attributes{
				"lk.function_tool.name": "f", "lk.function_tool.id": "c", "lk.function_tool.arguments": `{"a":1}`, "lk.function_tool.output": "sunny", "lk.function_tool.is_error": false,
			},
			get: toolOf, want: []any{"livekit", genai.OpExecuteTool, execution, 0},
		},
		"Pipecat": {
			scope: "pipecat", span: "llm", in: attributes{
				"gen_ai.operation.name": "chat", "input": `[{"role":"user","content":"q"}]`, "output": "a", "system": "be terse", "metrics.ttfb": 0.5, "conversation.id": "s", "stream": true,
			},
			get:  func(s *genai.Span) any { return []any{turns(s), s.TimeToFirstToken.String(), s.Conversation, s.System} },
			want: []any{[]any{"pipecat", genai.OpChat, []string{"user:q"}, []string{"assistant:a"}, 0}, "500ms", "s", []genai.Part{say("be terse")}},
		},
		"Flue, a turn": {
			scope: "@flue/opentelemetry", span: "chat gpt-4o", in: attributes{
				"gen_ai.operation.name": "chat", "flue.reasoning": "high",
				"flue.turn.input": `{"systemPrompt":"be terse","messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"toolCall","id":"c","name":"f","arguments":{"a":1}}]},` +
					`{"role":"toolResult","toolCallId":"c","toolName":"f","content":[{"type":"text","text":"sunny"}]}],"tools":[{"name":"f"}]}`,
				"flue.turn.output": `{"role":"assistant","content":[{"type":"text","text":"a"}]}`,
			},
			get: func(s *genai.Span) any { return []any{turns(s), s.System, s.Tools[0].Name, s.Request.ReasoningLevel} },
			want: []any{
				[]any{"flue", genai.OpChat, []string{"user:q", `assistant: call c f{"a":1}`, "tool: answer c sunny"}, []string{"assistant:a"}, 1}, []genai.Part{say("be terse")}, "f", "high",
			},
		},
		"Flue, a tool": {
			scope: "@flue/opentelemetry", span: "flue.tool f", in: attributes{"flue.tool.name": "f", "flue.tool.call_id": "c", "flue.tool.arguments": `{"a":1}`, "flue.tool.result": "sunny"},
			get: toolOf, want: []any{"flue", genai.OpExecuteTool, execution, 0},
		},
		"CrewAI": {
			scope: "crewai.telemetry", span: "Crew Created", in: attributes{"crew_key": "k", "crew_tasks": "[]"},
			get: turns, want: []any{"crewai", genai.Operation(""), []string(nil), []string(nil), 2},
		},
		"LlamaIndex": {
			scope: "llamaindex.opentelemetry.tracer", span: "OpenAI.chat-1b2c", in: attributes{"class_name": "OpenAI", "id_": "x", "input": "q", "output": "a"},
			get: turns, want: []any{"llamaindex", genai.OpChat, []string{"user:q"}, []string{"assistant:a"}, 2},
		},
		"MCP, a call": {
			span: "tools/call f", in: attributes{"mcp.method.name": "tools/call", "gen_ai.tool.call.arguments": `{"a":1}`, "gen_ai.tool.call.result": "sunny", "mcp.session.id": "x"},
			get: func(s *genai.Span) any { return []any{toolOf(s), s.Conversation} }, want: []any{[]any{"mcp", genai.OpExecuteTool, genai.ToolExecution{Name: "f", Arguments: `{"a":1}`, Result: "sunny"}, 2}, ""},
		},
		"MCP, a list": {
			span: "tools/list", in: attributes{"mcp.method.name": "tools/list"}, get: toolOf, want: []any{"mcp", genai.Operation(""), genai.ToolExecution{}, 1},
		},
		"generic keys of a call": {
			in: attributes{
				"gen_ai.operation.name": "chat", "input": `{"model":"m","messages":[{"role":"user","content":"q"}]}`, "output": `{"choices":[{"message":{"role":"assistant","content":"a"}}]}`,
				"model": "m", "input_tokens": int64(3), "output_tokens": int64(2),
			},
			get:  func(s *genai.Span) any { return []any{turns(s), s.RequestModel, s.Usage.Total()} },
			want: []any{[]any{"otel-genai", genai.OpChat, []string{"user:q"}, []string{"assistant:a"}, 1}, "m", int64(5)},
		},
		"generic keys of a tool": {
			in:  attributes{"gen_ai.operation.name": "execute_tool", "tool.name": "f", "gen_ai.tool.call.id": "c", "input.value": `{"a":1}`, "output": "sunny", "model": "m"},
			get: toolOf, want: []any{"otel-genai", genai.OpExecuteTool, execution, 1},
		},
		"generic keys after better ones": {
			in:  attributes{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "model": "other", "gen_ai.input.messages": `[{"role":"user","content":"q"}]`, "input.value": "z"},
			get: func(s *genai.Span) any { return []any{turns(s), s.RequestModel} }, want: []any{[]any{"otel-genai", genai.OpChat, []string{"user:q"}, []string(nil), 2}, "m"},
		},
		"generic keys of no operation": {
			in:  attributes{"input": "q", "output.value": "a", "model": "T", "input_tokens": int64(1), "agent.name": "x"},
			get: func(s *genai.Span) any { return []any{turns(s), s.RequestModel, s.Usage.Known()} }, want: []any{[]any{"", genai.Operation(""), []string(nil), []string(nil), 5}, "", false},
		},
	})
}
