package dialect_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// BenchmarkNormalize reads one real call of a model in each dialect, with a tool offered and its answer in
// the history; where no capture has one, the same call in the dialect's keys; and a span of no dialect. spans/s is
// what one core reads.
func BenchmarkNormalize(b *testing.B) {
	benched := map[string]bool{}
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
	} {
		benched[c.dialect] = true
		b.Run(c.name, func(b *testing.B) {
			raw, err := os.ReadFile("testdata/" + c.file)
			if err != nil {
				b.Fatal(err)
			}
			benchSpan(b, raw, func(s *genai.Span) bool {
				return s.Dialect == c.dialect && s.Operation.IsInference() && len(s.Input) > 2
			})
		})
	}
	for _, c := range benchCalls {
		benched[c.dialect] = true
		b.Run(c.dialect, func(b *testing.B) {
			benchSpan(b, c.request(b), func(s *genai.Span) bool {
				return s.Dialect == c.dialect && (s.Operation != "" || c.dialect == "crewai") && len(s.Input) >= c.messages
			})
		})
	}
	b.Run("none", func(b *testing.B) {
		benchSpan(b, plainRequest(b), func(s *genai.Span) bool { return s.Dialect == "" })
	})
	for _, d := range dialect.List() {
		if !benched[d.Name] {
			b.Errorf("no span of %s is read here", d.Name)
		}
	}
}

// benchSpan reads the first span of a request that is as wanted, again and again.
func benchSpan(b *testing.B, request []byte, wanted func(*genai.Span) bool) {
	b.Helper()
	n := dialect.New(dialect.Options{})
	var s genai.Span
	r := wire.ReadTraces(request)
	found := false
	for !found && r.Next() {
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
		found = wanted(&s)
	}
	if !found {
		b.Fatalf("the request has no such span; the last one is of %q, %q, with %d messages", s.Dialect, s.Operation, len(s.Input))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(r.Span().Raw)))
	for b.Loop() {
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

// benchCall is a span of a dialect of which no capture has a call of a model.
type benchCall struct {
	dialect, scope, span string
	messages             int // in its input
	attributes           attributes
	events               []spanEvent
}

// The one call of benchCalls, as its parts are spelt.
const (
	benchMessages = `[{"role":"system","content":"You are a terse assistant."},{"role":"user","content":"Weather in Paris?"},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"call_abc123","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\",\"unit\":\"celsius\"}"}}]},` +
		`{"role":"tool","tool_call_id":"call_abc123","content":"{\"city\":\"Paris\",\"celsius\":21,\"sky\":\"sunny\"}"}]`
	benchSchema  = `{"type":"object","properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city"]}`
	benchTools   = `[{"type":"function","function":{"name":"get_weather","description":"Current weather of a city","parameters":` + benchSchema + `}}]`
	benchRequest = `{"model":"gpt-4o-mini","messages":` + benchMessages + `,"tools":` + benchTools + `,"temperature":0.2,"max_tokens":256}`
	benchText    = "It is 21°C and sunny in Paris ☀️."
	benchUsage   = `{"prompt_tokens":57,"completion_tokens":23,"total_tokens":80,"prompt_tokens_details":{"cached_tokens":0}}`
	benchAnswer  = `{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":` + benchReply +
		`,"finish_reason":"stop"}],"usage":` + benchUsage + `}`
	benchReply  = `{"role":"assistant","content":"` + benchText + `"}`
	benchSystem = `[{"type":"text","content":"You are a terse assistant."}]`
	benchInput  = `[{"role":"user","parts":[{"type":"text","content":"Weather in Paris?"}]},` +
		`{"role":"assistant","parts":[{"type":"tool_call","id":"call_abc123","name":"get_weather","arguments":{"city":"Paris","unit":"celsius"}}]},` +
		`{"role":"tool","parts":[{"type":"tool_call_response","id":"call_abc123","response":{"city":"Paris","celsius":21,"sky":"sunny"}}]}]`
	benchOutput = `[{"role":"assistant","parts":[{"type":"text","content":"` + benchText + `"}],"finish_reason":"stop"}]`
)

// with adds attributes to those that most dialects share with the conventions.
func with(more attributes) attributes {
	out := attributes{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
		"gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": int64(256), "gen_ai.response.id": "chatcmpl-0123456789abcdef",
		"gen_ai.response.finish_reasons": []any{"stop"}, "gen_ai.usage.input_tokens": int64(57), "gen_ai.usage.output_tokens": int64(23),
		"server.address": "api.openai.com", "server.port": int64(443),
	}
	maps.Copy(out, more)
	return out
}

// contents are the messages as the conventions have them.
func contents(more attributes) attributes {
	out := attributes{
		"gen_ai.system_instructions": benchSystem, "gen_ai.input.messages": benchInput, "gen_ai.output.messages": benchOutput, "gen_ai.tool.definitions": benchTools,
	}
	maps.Copy(out, more)
	return with(out)
}

// flattened are the messages as OpenLLMetry has them.
func flattened(more attributes) attributes {
	out := attributes{
		"llm.request.type": "chat", "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "You are a terse assistant.",
		"gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": "Weather in Paris?",
		"gen_ai.prompt.2.role": "assistant", "gen_ai.prompt.2.tool_calls.0.id": "call_abc123", "gen_ai.prompt.2.tool_calls.0.name": "get_weather",
		"gen_ai.prompt.2.tool_calls.0.arguments": `{"city":"Paris","unit":"celsius"}`,
		"gen_ai.prompt.3.role":                   "tool", "gen_ai.prompt.3.content": `{"city":"Paris","celsius":21,"sky":"sunny"}`, "gen_ai.prompt.3.tool_call_id": "call_abc123",
		"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": benchText, "gen_ai.completion.0.finish_reason": "stop",
		"llm.request.functions.0.name": "get_weather", "llm.request.functions.0.parameters": benchSchema,
	}
	maps.Copy(out, more)
	return with(out)
}

// benchEvents are the messages as the events of 1.28 to 1.36 have them.
var benchEvents = []spanEvent{
	{"gen_ai.system.message", attributes{"content": "You are a terse assistant."}},
	{"gen_ai.user.message", attributes{"content": "Weather in Paris?"}},
	{"gen_ai.assistant.message", attributes{"tool_calls": `[{"id":"call_abc123","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]`}},
	{"gen_ai.tool.message", attributes{"id": "call_abc123", "content": `{"city":"Paris","celsius":21,"sky":"sunny"}`}},
	{"gen_ai.choice", attributes{"index": int64(0), "finish_reason": "stop", "message": benchReply}},
}

// benchCalls are shaped as the tests of each dialect have it. Where a dialect has no messages on its spans
// (Claude Code, Codex, CrewAI) or calls no model (MCP), it is the span that it has.
var benchCalls = []benchCall{
	{dialect: "mlflow", messages: 4, attributes: attributes{
		"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.llm.model": `"gpt-4o-mini"`, "mlflow.llm.provider": `"openai"`, "mlflow.spanInputs": benchRequest, "mlflow.spanOutputs": benchAnswer,
		"mlflow.chat.tokenUsage": `{"input_tokens":57,"output_tokens":23,"total_tokens":80}`, "mlflow.chat.tools": benchTools, "mlflow.traceRequestId": `"tr-0123456789abcdef"`,
	}},
	{dialect: "langwatch", scope: "langwatch", messages: 4, attributes: with(attributes{
		"langwatch.span.type": "llm", "langwatch.input": `{"type":"chat_messages","value":` + benchMessages + `}`,
		"langwatch.output":  `{"type":"chat_messages","value":[` + benchReply + `]}`,
		"langwatch.metrics": `{"type":"json","value":{"promptTokens":57,"completionTokens":23,"cost":0.0001}}`, "langwatch.thread.id": "thread-1", "langwatch.user.id": "user-1",
		"langwatch.timestamps": `{"started_at":1000,"first_token_at":1250,"finished_at":3000}`,
	})},
	{dialect: "litellm", scope: "litellm", messages: 4, attributes: flattened(attributes{
		"gen_ai.cost.total_cost": 0.0001, "gen_ai.cost.input_cost": 0.00006, "gen_ai.cost.output_cost": 0.00004, "llm.is_streaming": "False", "hidden_params": `{"model_id":"1"}`,
		"metadata.user_api_key_user_id": "user-1",
	})},
	{dialect: "koog", scope: "ai.koog", span: "llm.chat", messages: 4, attributes: flattened(attributes{"koog.event.id": "0123456789abcdef"})},
	{dialect: "spring-ai", scope: "org.springframework.boot", span: "spring_ai chat_client", messages: 2, attributes: with(attributes{
		"gen_ai.operation.name": "framework", "gen_ai.system": "spring_ai", "spring.ai.kind": "chat_client", "spring.ai.chat.client.stream": "false",
		"spring.ai.chat.client.conversation.id": "c", "spring.ai.chat.client.advisors": `["Call Advisor"]`, "spring.ai.chat.client.tool.names": `["get_weather"]`,
	}), events: []spanEvent{
		{"gen_ai.content.prompt", attributes{"gen_ai.prompt": []any{"You are a terse assistant.", "Weather in Paris?"}}},
		{"gen_ai.content.completion", attributes{"gen_ai.completion": []any{benchText}}},
	}},
	{dialect: "microsoft-ai", scope: "Experimental.Microsoft.Extensions.AI", messages: 4, attributes: with(nil), events: benchEvents},
	{dialect: "claude-code", span: "claude_code.llm_request", attributes: attributes{
		"model": "claude-opus-4-7", "input_tokens": int64(12), "output_tokens": int64(17), "cache_read_tokens": int64(2048), "cache_creation_tokens": int64(128), "ttft_ms": int64(250),
		"stop_reason": "tool_use", "session.id": "019e9bfe-7749-7440-8506-39152afbc9ff", "new_context": "Weather in Paris?", "response.model_output": benchText, "request_id": "req_0123456789",
		"agent_id": "main", "duration_ms": int64(900), "speed": "standard", "attempt": int64(1), "success": "true",
	}},
	{dialect: "codex", scope: "codex_cli_rs", span: "session_task.turn", attributes: attributes{
		"thread.id": "019e9bfe-7749-7440-8506-39152afbc9ff", "turn.id": "019e9bfe-92ad-7591-a7fd-d6250ce88904", "model": "gpt-5.5", "codex.turn.reasoning_effort": "high",
		"codex.turn.token_usage.input_tokens": int64(13297), "codex.turn.token_usage.cached_input_tokens": int64(4480), "codex.turn.token_usage.non_cached_input_tokens": int64(8817),
		"codex.turn.token_usage.output_tokens": int64(23), "codex.turn.token_usage.reasoning_output_tokens": int64(10), "codex.turn.token_usage.total_tokens": int64(13320),
		"code.file.path": "core/src/tasks/mod.rs", "code.line.number": int64(120), "busy_ns": int64(1000), "idle_ns": int64(2000),
	}},
	{dialect: "gemini-cli", scope: "gemini-cli", span: "llm_call", messages: 3, attributes: contents(attributes{
		"gen_ai.operation.name": "llm_call", "gen_ai.prompt.name": "019e9bfe########0", "gen_ai.conversation.id": "019e9bfe",
		"gen_ai.input.messages": `[{"role":"user","parts":[{"text":"Weather in Paris?"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris","unit":"celsius"}}}]},` +
			`{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"city":"Paris","celsius":21}}}]}]`,
		"gen_ai.output.messages": `{"parts":[{"text":"` + benchText + `"}]}`,
	})},
	{dialect: "copilot-cli", scope: "github.copilot", messages: 3, attributes: contents(attributes{"github.copilot.cost": 1.5, "github.copilot.turn_id": "1", "gen_ai.conversation.id": "c"})},
	{dialect: "mastra", scope: "@mastra/otel-exporter", messages: 4, attributes: with(attributes{
		"mastra.span.type": "model_generation", "mastra.model_generation.input": `{"messages":` + benchMessages + `}`, "mastra.model_generation.output": `{"text":"` + benchText + `","files":[]}`,
		"mastra.metadata.threadId": "thread-1", "mastra.metadata.resourceId": "user-1", "mastra.metadata.modelMetadata": `{"modelId":"gpt-4o-mini","modelProvider":"openai"}`,
	})},
	{dialect: "genkit", scope: "genkit-tracer", messages: 4, attributes: attributes{
		"genkit:type": "action", "genkit:metadata:subtype": "model", "genkit:name": "googleai/gemini-2.5-flash", "genkit:path": "/{menu,t:flow}/{gemini,t:action,s:model}", "genkit:state": "success",
		"genkit:input": `{"messages":[{"role":"system","content":[{"text":"You are a terse assistant."}]},{"role":"user","content":[{"text":"Weather in Paris?"}]},` +
			`{"role":"model","content":[{"toolRequest":{"name":"get_weather","ref":"c","input":{"city":"Paris"}}}]},{"role":"tool","content":[{"toolResponse":{"name":"get_weather","ref":"c","output":"sunny"}}]}],` +
			`"config":{"temperature":0.2,"maxOutputTokens":256},"tools":[{"name":"get_weather","description":"Current weather of a city","inputSchema":` + benchSchema + `}]}`,
		"genkit:output": `{"message":{"role":"model","content":[{"text":"` + benchText + `"}]},"finishReason":"stop","usage":{"inputTokens":57,"outputTokens":23,"totalTokens":80}}`,
	}},
	{dialect: "haystack", scope: "haystack", span: "haystack.component.run", messages: 2, attributes: attributes{
		"haystack.component.type": "OpenAIChatGenerator", "haystack.component.name": "llm", "haystack.component.visits": int64(1),
		"haystack.component.input":       `{"messages":[{"role":"system","meta":{},"name":null,"content":[{"text":"You are a terse assistant."}]},{"role":"user","meta":{},"name":null,"content":[{"text":"Weather in Paris?"}]}],"tools":null}`,
		"haystack.component.output":      `{"replies":[{"role":"assistant","name":null,"content":[{"text":"` + benchText + `"}],"meta":{"model":"gpt-4o-mini-2024-07-18","index":0,"finish_reason":"stop","usage":` + benchUsage + `}}]}`,
		"haystack.component.input_types": `{"messages":"list"}`, "haystack.component.output_types": `{"replies":"list"}`,
	}},
	{dialect: "llamaindex", scope: "llamaindex.opentelemetry.tracer", span: "OpenAI.chat-1b2c", messages: 1, attributes: attributes{
		"class_name": "OpenAI", "id_": "0123456789abcdef", "llamaindex.run_id": "run-1", "input": benchMessages, "output": benchText,
	}},
	{dialect: "livekit", scope: "livekit-agents", span: "llm_request", messages: 3, attributes: with(attributes{
		"lk.chat_ctx": `{"items":[{"id":"1","type":"message","role":"system","content":["You are a terse assistant."]},{"id":"2","type":"message","role":"user","content":["Weather in Paris?"]},` +
			`{"type":"function_call","call_id":"call_abc123","name":"get_weather","arguments":"{\"city\":\"Paris\"}"},{"type":"function_call_output","call_id":"call_abc123","name":"get_weather","output":"sunny"}]}`,
		"lk.response.text": benchText, "lk.response.ttft": 0.25, "lk.llm_metrics": `{"type":"llm_metrics","ttft":0.25,"prompt_tokens":57,"completion_tokens":23}`,
	})},
	{dialect: "pipecat", scope: "pipecat", span: "llm", messages: 4, attributes: with(attributes{
		"input": benchMessages, "output": benchText, "system": "You are a terse assistant.", "metrics.ttfb": 0.25, "conversation.id": "c", "stream": true, "tools": benchTools, "tool_choice": "auto",
	})},
	{dialect: "flue", scope: "@flue/opentelemetry", span: "chat gpt-4o-mini", messages: 3, attributes: with(attributes{
		"flue.turn.input": `{"systemPrompt":"You are a terse assistant.","messages":[{"role":"user","content":"Weather in Paris?"},{"role":"assistant","content":[{"type":"toolCall","id":"c","name":"get_weather","arguments":{"city":"Paris"}}]},` +
			`{"role":"toolResult","toolCallId":"c","toolName":"get_weather","content":[{"type":"text","text":"sunny"}]}],"tools":[{"name":"get_weather","parameters":` + benchSchema + `}]}`,
		"flue.turn.output": `{"role":"assistant","content":[{"type":"text","text":"` + benchText + `"}]}`, "flue.reasoning": "high",
	})},
	{dialect: "crewai", scope: "crewai.telemetry", span: "Crew Created", attributes: attributes{
		"crew_key": "0123456789abcdef", "crew_id": "1", "crew_process": "sequential", "crew_memory": false, "crewai_version": "1.6.0", "python_version": "3.13",
		"crew_number_of_tasks": int64(1), "crew_number_of_agents": int64(1), "crew_agents": `[{"key":"a","role":"Weatherman","llm":"gpt-4o-mini","tools_names":["get_weather"]}]`,
		"crew_tasks": `[{"key":"t","agent_role":"Weatherman","async_execution?":false}]`,
	}},
	{dialect: "mcp", span: "tools/call get_weather", attributes: attributes{
		"mcp.method.name": "tools/call", "mcp.session.id": "s", "mcp.protocol.version": "2025-06-18", "jsonrpc.request.id": "1", "gen_ai.tool.name": "get_weather", "gen_ai.operation.name": "execute_tool",
		"gen_ai.tool.call.arguments": `{"city":"Paris","unit":"celsius"}`, "gen_ai.tool.call.result": `{"city":"Paris","celsius":21,"sky":"sunny"}`, "network.transport": "tcp",
	}},
	{dialect: "laminar", scope: "lmnr", messages: 4, attributes: with(attributes{
		"lmnr.span.type": "LLM", "lmnr.span.input": benchMessages, "lmnr.span.output": `[` + benchReply + `]`, "lmnr.span.path": []any{"agent", "openai.chat"},
		"lmnr.association.properties.session_id": "s", "lmnr.association.properties.user_id": "u", "gen_ai.usage.input_cost": 0.00006, "gen_ai.usage.output_cost": 0.00004,
	})},
	{dialect: "pydantic-ai", scope: "pydantic-ai", messages: 3, attributes: contents(attributes{
		"model_request_parameters": `{"function_tools":[{"name":"get_weather","parameters_json_schema":` + benchSchema + `,"description":"Current weather of a city"}],"output_mode":"text","allow_text_output":true}`,
		"operation.cost":           0.0001, "logfire.json_schema": `{"type":"object","properties":{"gen_ai.input.messages":{"type":"array"},"model_request_parameters":{"type":"object"}}}`, "logfire.msg": "chat gpt-4o-mini",
	})},
}

// request is a request of that one span.
func (c *benchCall) request(b *testing.B) []byte {
	b.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(c.scope)
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetName(c.span)
	for _, k := range slices.Sorted(maps.Keys(c.attributes)) { // in one order, whatever the map's
		if err := s.Attributes().PutEmpty(k).FromRaw(c.attributes[k]); err != nil {
			b.Fatal(err)
		}
	}
	for _, e := range c.events {
		ev := s.Events().AppendEmpty()
		ev.SetName(e.name)
		if err := ev.Attributes().FromRaw(e.attrs); err != nil {
			b.Fatal(err)
		}
	}
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		b.Fatal(err)
	}
	return raw
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
