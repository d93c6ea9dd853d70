package dialect_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// spanOf reads one span of a scope, and gives the account of where its fields came from.
func spanOf(t *testing.T, o dialect.Options, scope, version string, attrs map[string]any) (genai.Span, []dialect.Source) {
	t.Helper()
	return namedSpanOf(t, o, scope, version, "", attrs)
}

type spanEvent struct {
	name  string
	attrs attributes
}

// namedSpanOf is spanOf for a span of this name and with these events.
func namedSpanOf(t *testing.T, o dialect.Options, scope, version, name string, attrs map[string]any, events ...spanEvent) (genai.Span, []dialect.Source) {
	t.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	ss.Scope().SetVersion(version)
	s := ss.Spans().AppendEmpty()
	s.SetName(name)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetStartTimestamp(1e9)
	s.SetEndTimestamp(3e9)
	if err := s.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		out := s.Events().AppendEmpty()
		out.SetName(e.name)
		out.SetTimestamp(2e9)
		if err := out.Attributes().FromRaw(e.attrs); err != nil {
			t.Fatal(err)
		}
	}
	r := firstSpan(t, td)
	var got, explained genai.Span
	n := dialect.New(o)
	n.Span(&got, r.Resource(), r.Scope(), r.Span())
	sources := n.Explain(&explained, r.Resource(), r.Scope(), r.Span())
	if d := cmp.Diff(got, explained, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("Explain reads the span differently (-Span +Explain):\n%s", d)
	}
	return got, sources
}

func message(role genai.Role, parts ...genai.Part) genai.Message {
	return genai.Message{Role: role, Parts: parts}
}

func say(s string) genai.Part { return genai.Part{Type: genai.PartText, Content: s} }

type attributes = map[string]any

// TestDialectMessages: what senders make of messages, trap by trap.
func TestDialectMessages(t *testing.T) {
	t.Parallel()
	call := genai.Part{Type: genai.PartToolCall, ID: "c", Name: "f", Arguments: `{"a":1}`}
	for name, tc := range map[string]struct {
		in       attributes
		input    []genai.Message
		output   []genai.Message
		left     []string
		warnings []genai.WarningCode
	}{
		"a call that there is none of": {
			in: attributes{
				"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi",
				"llm.input_messages.0.message.tool_calls.0.tool_call.id":                      nil,
				"llm.input_messages.0.message.tool_calls.0.tool_call.function.name":           nil,
				"llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments":      nil,
				"llm.output_messages.0.message.tool_calls.0.tool_call.id":                     "c",
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.name":          "f",
				"llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments":     `"{\"a\":1}"`,
				"llm.output_messages.0.message.contents.0.message_content.type":               "tool_use",
				"llm.output_messages.0.message.contents.0.tool_call.id":                       "c",
				"llm.output_messages.0.message.contents.0.tool_call.function.name":            "f",
				"llm.output_messages.0.message.contents.0.tool_call.function.arguments":       `{"a":1}`,
				"llm.output_messages.0.message.contents.1.message_content.type":               "text",
				"llm.output_messages.0.message.contents.1.message_content.text":               "then",
				"llm.output_messages.0.message.contents.1.message_content.signature":          "sig",
				"llm.output_messages.0.message.contents.2.message_content.image":              "data:image/png;base64,AAAA",
				"llm.output_messages.0.message.contents.2.message_content.type":               "image",
				"llm.output_messages.0.message.contents.3.message_content.audio.audio.url":    "https://h/a.mp3",
				"llm.output_messages.0.message.contents.3.message_content.type":               "audio",
				"llm.output_messages.0.message.contents.9999.message_content.unheard_of.leaf": "x",
			},
			input: []genai.Message{message("user", say("hi"))},
			output: []genai.Message{message(
				"assistant", call, say("then"), genai.Part{Type: genai.PartBlob, Modality: "image", MIMEType: "image/png", Content: "AAAA"},
				genai.Part{Type: genai.PartURI, Modality: "audio", URI: "https://h/a.mp3"},
			)},
			left: []string{
				"llm.output_messages.0.message.contents.1.message_content.signature",
				"llm.output_messages.0.message.contents.9999.message_content.unheard_of.leaf",
			},
		},
		"text that looks like JSON": {
			in: attributes{
				"llm.input_messages.0.message.content": "42", "llm.input_messages.1.message.content": `{"a":1}`,
				"llm.input_messages.2.message.content": `[{"type":"text","text":"x"}]`,
			},
			input: []genai.Message{
				message("user", say("42")), message("user", say(`{"a":1}`)), message("user", say(`[{"type":"text","text":"x"}]`)),
			},
		},
		"holes and wild indices": {
			in: attributes{
				"llm.input_messages.7.message.content": "b", "llm.input_messages.3.message.content": "a",
				"llm.input_messages.10000.message.content": "c", "llm.input_messages.99999999999999999999.message.content": "d",
				"llm.input_messages.-1.message.content": "e", "llm.input_messages.x.message.content": "f", "llm.input_messages.0": "g",
			},
			input: []genai.Message{message("user", say("a")), message("user", say("b"))},
			left: []string{
				"llm.input_messages.-1.message.content", "llm.input_messages.0", "llm.input_messages.10000.message.content",
				"llm.input_messages.99999999999999999999.message.content", "llm.input_messages.x.message.content",
			},
			warnings: []genai.WarningCode{genai.WarnIndexOutOfRange},
		},
		"the first API of OpenInference": {
			in:     attributes{"llm.prompts.0.prompt.text": "once", "llm.choices.0.completion.text": "upon"},
			input:  []genai.Message{message("user", say("once"))},
			output: []genai.Message{message("assistant", say("upon"))},
		},
		"flattened by OpenLLMetry": {
			in: attributes{
				"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": `[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://h/i.png"}}]`,
				"gen_ai.prompt.1.role": "assistant", "gen_ai.prompt.1.content": "null",
				"gen_ai.prompt.1.tool_calls.0.id": "c", "gen_ai.prompt.1.tool_calls.0.name": "f", "gen_ai.prompt.1.tool_calls.0.arguments": `{"a":1}`,
				"gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.tool_call_id": "c", "gen_ai.prompt.2.content": "sunny",
				"gen_ai.prompt.3.role": "user", "gen_ai.prompt.3.content": `["a","b"]`,
				"gen_ai.prompt.4.role": "user", "gen_ai.prompt.4.content": "null",
				"gen_ai.completion.0.function_call.name": "f", "gen_ai.completion.0.function_call.arguments": `{"a":1}`,
				"gen_ai.completion.0.refusal": "no", "gen_ai.completion.0.content": "",
			},
			input: []genai.Message{
				message("user", say("x"), genai.Part{Type: genai.PartURI, Modality: "image", URI: "https://h/i.png"}), message("assistant", call),
				message("tool", genai.Part{Type: genai.PartToolCallResponse, ID: "c", Response: `"sunny"`}),
				message("user", say(`["a","b"]`)), message("user", say("null")),
			},
			output: []genai.Message{message(
				"assistant", genai.Part{Type: genai.PartToolCall, Name: "f", Arguments: `{"a":1}`},
				genai.Part{Type: genai.PartRefusal, Content: "no"},
			)},
		},
		"gen_ai.prompt is an attribute, too": {
			in:    attributes{"gen_ai.prompt": `[{"role":"user","content":"x"}]`, "gen_ai.prompt.name": "p"},
			input: []genai.Message{message("user", say("x"))},
		},
		"LangChain's state": {
			in: attributes{
				"openinference.span.kind": "CHAIN",
				"input.value": `{"messages":[[{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi","id":"x","additional_kwargs":{}}},` +
					`{"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessage"],"kwargs":{"content":"","tool_calls":[{"name":"f","args":{"a":1},"id":"c","type":"tool_call"}]}},` +
					`{"lc":1,"type":"constructor","id":["langchain_core","messages","ToolMessage"],"kwargs":{"tool_call_id":"c","content":"21","status":"success"}}]]}`,
				"output.value": `{"lc":1,"type":"constructor","id":["langchain_core","messages","AIMessageChunk"],"kwargs":{"content":"ho"}}`,
			},
			input:  []genai.Message{message("user", say("hi")), message("assistant", say(""), call), message("tool", genai.Part{Type: genai.PartToolCallResponse, ID: "c", Response: `"21"`})},
			output: []genai.Message{message("assistant", say("ho"))},
		},
		"a program's own arguments": {
			in:    attributes{"openinference.span.kind": "CHAIN", "input.value": `{"type":"constructor","kwargs":{"content":"hi"}}`},
			input: []genai.Message{message("user", say(`{"type":"constructor","kwargs":{"content":"hi"}}`))},
		},
		"an answer of Gemini": {
			in:     attributes{"langfuse.observation.type": "generation", "langfuse.observation.output": `{"content":{"parts":[{"function_call":{"args":{"a":1},"name":"f"}}],"role":"model"},"finish_reason":"STOP"}`},
			output: []genai.Message{{Role: "assistant", Parts: []genai.Part{{Type: genai.PartToolCall, Name: "f", Arguments: `{"a":1}`}}, FinishReason: "stop"}},
			left:   []string{"langfuse.observation.output"},
		},
		"a response of OpenAI": {
			in:     attributes{"langfuse.observation.type": "generation", "langfuse.observation.output": `{"id":"r","output":[{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{\"a\":1}"}]}`},
			output: []genai.Message{message("assistant", genai.Part{Type: genai.PartToolCall, ID: "c", Name: "f", Arguments: `{"a":1}`, Raw: `{"id":"fc"}`})},
			left:   []string{"langfuse.observation.output"},
		},
		"AI SDK 3": {
			in: attributes{
				"ai.operationId": "ai.generateText", "ai.prompt": `{"prompt":"q"}`, "ai.result.text": "a",
				"ai.result.toolCalls": `[{"toolCallType":"function","toolCallId":"c","toolName":"f","args":"{\"a\":1}"}]`, "ai.finishReason": "tool-calls",
			},
			input:  []genai.Message{message("user", say("q"))},
			output: []genai.Message{message("assistant", say("a"), genai.Part{Type: genai.PartToolCall, ID: "c", Name: "f", Arguments: `{"a":1}`, Raw: `{"toolCallType":"function"}`})},
			left:   []string{"ai.operationId"}, // which wrapper it is, no field says
		},
		"AI SDK 5": {
			in: attributes{
				"ai.operationId": "ai.generateText.doGenerate", "ai.response.text": "a", "ai.response.reasoning": "why",
				"ai.response.toolCalls": `[{"toolCallId":"c","toolName":"f","input":{"a":1}}]`,
				"ai.prompt.messages":    `[{"role":"user","content":[{"type":"file","mediaType":"image/png","data":{"0":137,"1":80}}]}]`,
			},
			input: []genai.Message{message("user", genai.Part{
				Type: "file", Raw: `{"type":"file","mediaType":"image/png","data":{"0":137,"1":80}}`,
			})},
			output: []genai.Message{message("assistant", genai.Part{Type: genai.PartReasoning, Content: "why"}, say("a"), call)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := spanOf(t, dialect.Options{}, "", "", tc.in)
			opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(genai.Message{}, "Encoded")}
			if d := cmp.Diff(tc.input, s.Input, opts); d != "" {
				t.Errorf("input (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tc.output, s.Output, opts); d != "" {
				t.Errorf("output (-want +got):\n%s", d)
			}
			checkLeft(t, &s, tc.left, tc.warnings)
		})
	}
}

func checkLeft(t *testing.T, s *genai.Span, left []string, warnings []genai.WarningCode) {
	t.Helper()
	var keys []string
	for _, a := range s.Attributes {
		keys = append(keys, a.Key)
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if d := cmp.Diff(left, keys, sorted, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("attributes that stay (-want +got):\n%s", d)
	}
	var codes []genai.WarningCode
	for _, w := range s.Warnings {
		codes = append(codes, w.Code)
	}
	if d := cmp.Diff(warnings, codes, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
}

// TestDialectFields: the other traps of the dialects, field by field.
func TestDialectFields(t *testing.T) {
	t.Parallel()
	usage := func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Rule, s.Countable()} }
	for name, tc := range map[string]struct {
		scope, version string
		in             attributes
		get            func(*genai.Span) any
		want           any
	}{
		"the kind of OpenInference beats the operation": {
			in: attributes{"openinference.span.kind": "RETRIEVER", "gen_ai.operation.name": "embeddings", "input.value": "q"},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Operation, s.Retrieval.Query, s.Attributes[0].Key}
			}, want: []any{"openinference", genai.OpRetrieval, "q", "gen_ai.operation.name"},
		},
		"tags as JSON":             {in: attributes{"openinference.span.kind": "LLM", "tag.tags": `["a","b"]`}, get: func(s *genai.Span) any { return s.Tags }, want: []string{"a", "b"}},
		"session in the metadata":  {in: attributes{"openinference.span.kind": "LLM", "metadata": `{"session":"s","userId":"u"}`}, get: func(s *genai.Span) any { return s.Conversation + s.User }, want: "su"},
		"session beside metadata":  {in: attributes{"openinference.span.kind": "LLM", "metadata": `{"thread_id":"m"}`, "session.id": "s"}, get: func(s *genai.Span) any { return s.Conversation }, want: "s"},
		"arguments for the schema": {in: attributes{"openinference.span.kind": "TOOL", "tool.parameters": `"{\"a\":1}"`}, get: func(s *genai.Span) any { return s.Tool.Arguments }, want: genai.JSON(`{"a":1}`)},
		"the schema":               {in: attributes{"openinference.span.kind": "TOOL", "tool.parameters": `{"type":"object","properties":{}}`}, get: func(s *genai.Span) any { return s.Tool.Arguments }, want: genai.JSON("")},
		"Google by its system":     {in: attributes{"openinference.span.kind": "LLM", "llm.provider": "google", "llm.system": "vertexai"}, get: func(s *genai.Span) any { return s.Provider }, want: "gcp.vertex_ai"},
		"a redacted vector": {
			in: attributes{"openinference.span.kind": "EMBEDDING", "embedding.embeddings.0.embedding.text": "x", "embedding.embeddings.0.embedding.vector": "__REDACTED__"},
			get: func(s *genai.Span) any {
				return []any{s.Embedding.Items, s.Warnings[0].Code, s.Attributes[0].Key}
			}, want: []any{[]genai.EmbeddingItem{{Text: "x"}}, genai.WarnContentMissing, "embedding.embeddings.0.embedding.vector"},
		},
		"documents": {
			in:  attributes{"openinference.span.kind": "RERANKER", "reranker.query": "q", "reranker.output_documents.0.document.id": int64(7), "reranker.output_documents.0.document.score": 0.5},
			get: func(s *genai.Span) any { return s.Retrieval }, want: genai.Retrieval{Query: "q", Documents: []genai.Document{{ID: "7", Score: 0.5, HasScore: true}}},
		},
		"parameters": {
			in: attributes{"llm.invocation_parameters": `{"model":"m","max_completion_tokens":5,"temperature":0.5,"stop":["x"],"stream":true,"n":2}`},
			get: func(s *genai.Span) any {
				q := s.Request
				return []any{s.RequestModel, *q.MaxTokens, *q.Temperature, q.StopSequences, *q.Stream, *q.ChoiceCount}
			}, want: []any{"m", int64(5), 0.5, []string{"x"}, true, int64(2)},
		},
		"a schema for the answer": {
			in:  attributes{"openinference.span.kind": "LLM", "llm.invocation_parameters": `{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`},
			get: func(s *genai.Span) any { return []any{s.Request.OutputType, s.Request.OutputSchema} }, want: []any{"json", genai.JSON(`{"type":"object"}`)},
		},
		"a schema for the answer, OpenAI's responses": {
			in:  attributes{"openinference.span.kind": "LLM", "llm.invocation_parameters": `{"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"array"}}}}`},
			get: func(s *genai.Span) any { return []any{s.Request.OutputType, s.Request.OutputSchema} }, want: []any{"json", genai.JSON(`{"type":"array"}`)},
		},
		"JSON of any form": {
			in:  attributes{"openinference.span.kind": "LLM", "llm.invocation_parameters": `{"response_format":{"type":"json_object"}}`},
			get: func(s *genai.Span) any { return []any{s.Request.OutputType, s.Request.OutputSchema} }, want: []any{"json", genai.JSON("")},
		},
		"a schema for the answer, AI SDK": {
			scope: "ai", in: attributes{"ai.operationId": "ai.generateObject", "ai.schema": `{"type":"object"}`},
			get: func(s *genai.Span) any { return []any{s.Request.OutputType, s.Request.OutputSchema} }, want: []any{"json", genai.JSON(`{"type":"object"}`)},
		},
		"a schema for the answer, OpenLLMetry": {
			in:  attributes{"traceloop.span.kind": "workflow", "gen_ai.operation.name": "chat", "gen_ai.request.structured_output_schema": `{"type":"object"}`},
			get: func(s *genai.Span) any { return []any{s.Request.OutputType, s.Request.OutputSchema} }, want: []any{"json", genai.JSON(`{"type":"object"}`)},
		},
		"a call that Traceloop renamed": {
			scope: "ai", in: attributes{"ai.operationId": "ai.streamText.doStream", "gen_ai.usage.input_tokens": int64(5), "traceloop.entity.name": "x"},
			get: func(s *genai.Span) any { return s.Countable() }, want: true,
		},
		"a wrapper that Traceloop renamed": {
			scope: "ai", in: attributes{"ai.operationId": "ai.streamText", "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(5)},
			get: func(s *genai.Span) any { return []any{s.Countable(), s.Usage.Rollup, s.Usage.Input.N} }, want: []any{false, true, int64(5)},
		},
		"the AI SDK under another scope": {
			scope: "opencode", in: attributes{"ai.operationId": "ai.toolCall", "ai.toolCall.name": "f"},
			get: func(s *genai.Span) any { return s.Dialect + s.Tool.Name }, want: "ai-sdkf",
		},
		"a stream as Python says it": {in: attributes{"llm.request.type": "chat", "llm.is_streaming": "False"}, get: func(s *genai.Span) any { return *s.Request.Stream }, want: false},
		"Anthropic, JavaScript, 0.27": {
			scope: "@traceloop/instrumentation-anthropic", version: "0.27.0",
			in:  attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.cache_read.input_tokens": int64(5)},
			get: usage, want: []any{int64(105), genai.CacheByDialect, true},
		},
		"Anthropic, JavaScript, 0.28": {
			scope: "@traceloop/instrumentation-anthropic", version: "0.28.0",
			in:  attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.cache_read.input_tokens": int64(5)},
			get: usage, want: []any{int64(100), genai.CacheIncluded, true},
		},
		"Anthropic, AI SDK 5": {
			in: attributes{
				"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages", "ai.usage.inputTokens": int64(100),
				"ai.response.providerMetadata": `{"anthropic":{"usage":{"cache_read_input_tokens":5}}}`,
			},
			get: usage, want: []any{int64(105), genai.CacheByDialect, true},
		},
		"Anthropic, AI SDK 6": {
			in: attributes{
				"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages", "ai.usage.inputTokens": int64(100),
				"ai.usage.inputTokenDetails.noCacheTokens": int64(95), "ai.usage.inputTokenDetails.cacheReadTokens": int64(5),
			},
			get: usage, want: []any{int64(100), genai.CacheIncluded, true},
		},
		"a chain repeats its calls": {
			in:  attributes{"openinference.span.kind": "CHAIN", "llm.token_count.prompt": int64(5)},
			get: func(s *genai.Span) any { return []any{s.Usage.Rollup, s.Countable()} }, want: []any{true, false},
		},
		"Langfuse, by hand": {
			in: attributes{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"input":100,"output":20,"cache_read_input_tokens":5,"cache_creation_input_tokens":1,"output_reasoning_tokens":2}`},
			get: func(s *genai.Span) any {
				u := s.Usage
				return []any{u.Input.N, u.Output.N, u.CacheRead.N, u.CacheWrite.N, u.Reasoning.N, u.Rule}
			}, want: []any{int64(106), int64(22), int64(5), int64(1), int64(2), genai.CacheByDialect},
		},
		"Langfuse, by hand, with overlapping counts": {
			in:  attributes{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"input":100,"output":20,"total":120,"input_cached_tokens":5}`},
			get: usage, want: []any{int64(100), genai.CacheIncluded, true},
		},
		"Langfuse, a failure": {
			in: attributes{"langfuse.observation.type": "tool", "langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "no"},
			get: func(s *genai.Span) any {
				return []any{s.Failed(), s.Error.Message, len(s.Attributes)}
			}, want: []any{true, "no", 0},
		},
		"Langfuse on a span of another": {
			in: attributes{"ai.operationId": "ai.toolCall", "langfuse.trace.tags": []any{"a"}, "langfuse.session.id": "s", "langfuse.user.id": "u"},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Tags, s.Conversation, s.User}
			}, want: []any{"ai-sdk", []string{"a"}, "s", "u"},
		},
		"Langfuse, a cost in parts": {
			in:  attributes{"langfuse.observation.type": "generation", "langfuse.observation.cost_details": `{"input":0.1,"output":0.2}`},
			get: func(s *genai.Span) any { return s.Cost.Amount }, want: "0.3",
		},
		"LangSmith, an answer of Anthropic": {
			in: attributes{
				"langsmith.span.kind": "llm", "gen_ai.operation.name": "chat",
				"gen_ai.prompt":            `{"model":"m","system":"be brief","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{}}],"max_tokens":5}`,
				"gen_ai.completion":        `{"id":"i","type":"message","role":"assistant","content":[{"type":"text","text":"ho"}],"stop_reason":"end_turn"}`,
				"langsmith.usage_metadata": `{"input_tokens":10,"output_tokens":2,"total_tokens":12,"input_token_details":{"cache_read":4},"total_cost":0.5}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.RequestModel, s.System[0].Content, s.Input[0].Parts[0].Content, s.Tools[0].Name, *s.Request.MaxTokens, s.Output[0].Parts[0].Content, s.FinishReasons[0], s.Usage.Input.N, s.Usage.CacheRead.N, s.Cost.Amount}
			}, want: []any{"m", "be brief", "hi", "f", int64(5), "ho", genai.FinishStop, int64(10), int64(4), "0.5"},
		},
		"LangSmith, a call that failed": {
			in:  attributes{"langsmith.span.kind": "llm", "gen_ai.prompt": `{"args":[{"model":"m","messages":[{"role":"user","content":"hi"}]}]}`},
			get: func(s *genai.Span) any { return []any{s.RequestModel, s.Input[0].Parts[0].Content, len(s.Attributes)} }, want: []any{"m", "hi", 0},
		},
		"LangSmith 0.3, counts in parts of their own": {
			in: attributes{
				"langsmith.span.kind": "llm", "langsmith.metadata.usage_metadata": "[object Object]", "gen_ai.usage.input_tokens": int64(18), "gen_ai.usage.output_tokens": int64(6),
				"gen_ai.usage.input_token_details": `{"cache_read":4}`, "gen_ai.usage.output_token_details": map[string]any{"reasoning": int64(2)},
			},
			get: func(s *genai.Span) any {
				return []any{s.Usage.Input.N, s.Usage.CacheRead, s.Usage.Output.N, s.Usage.Reasoning, len(s.Attributes)}
			}, want: []any{int64(18), genai.Count(4), int64(6), genai.Count(2), 1},
		},
		"OpenInference, Anthropic in JavaScript 0.1": {
			in: attributes{
				"openinference.span.kind": "LLM", "llm.provider": "anthropic", "llm.token_count.prompt": int64(11), "llm.token_count.completion": int64(7),
				"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi",
				"input.value":  `{"model":"m","system":"be kind","messages":[{"role":"user","content":"hi"}]}`,
				"output.value": `{"type":"message","role":"assistant","content":[{"type":"text","text":"ho"}],"usage":{"input_tokens":11,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":7}}`,
			},
			get: func(s *genai.Span) any {
				return []any{len(s.Input), s.Usage.Input.N, s.Usage.CacheRead.N, s.Usage.CacheWrite.N, s.Usage.Rule}
			}, want: []any{1, int64(18), int64(5), int64(2), genai.CacheByDialect},
		},
		"OpenInference, Anthropic with counts that include the cache": {
			in: attributes{
				"openinference.span.kind": "LLM", "llm.provider": "anthropic", "llm.token_count.prompt": int64(18), "llm.token_count.completion": int64(7),
				"output.value": `{"type":"message","role":"assistant","content":[],"usage":{"input_tokens":11,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":7}}`,
			},
			get: func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Output.N} }, want: []any{int64(18), int64(7)},
		},
		"OpenLIT 1.7, a chat": {
			in: attributes{
				"gen_ai.operation.name": "chat", "gen_ai.endpoint": "openai.resources.chat.completions", "gen_ai.content.prompt": "system: Be kind.\nuser: Hi\nthere",
				"gen_ai.completion": "ho", "gen_ai.response.finish_reason": "tool_calls",
			},
			get: func(s *genai.Span) any {
				return []any{s.Input[0].Role, s.Input[1].Parts[0].Content, s.Output[0].Parts[0].Content, s.FinishReasons, len(s.Attributes)}
			}, want: []any{genai.RoleSystem, "Hi\nthere", "ho", []genai.FinishReason{genai.FinishToolCall}, 1},
		},
		"OpenLIT 1.7, embeddings": {
			in:  attributes{"gen_ai.operation.name": "embedding", "gen_ai.endpoint": "openai.resources.embeddings", "gen_ai.usage.input_tokens": int64(4)},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Usage.Rollup, len(s.Warnings)} }, want: []any{genai.OpEmbeddings, false, 0},
		},
		"OpenInference's bridge from the AI SDK": {
			in:  attributes{"openinference.span.kind": "AGENT", "ai.operationId": "ai.generateText", "ai.prompt": `{"prompt":"hi"}`, "input.value": `{"prompt":"hi"}`},
			get: func(s *genai.Span) any { return []any{s.Operation, s.Input[0].Parts[0].Content} }, want: []any{genai.OpInvokeAgent, "hi"},
		},
		"OpenLIT, a chat that asked for a tool": {
			in: attributes{"gen_ai.operation.name": "chat", "gen_ai.request.is_stream": false, "gen_ai.tool.args": "{}", "gen_ai.request.max_tokens": int64(-1), "gen_ai.session.id": "s"},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Tool.Arguments, s.Request.MaxTokens == nil, s.Conversation}
			}, want: []any{"openlit", genai.JSON(""), true, "s"},
		},
		"OpenLIT, a tool": {
			in: attributes{"gen_ai.operation.name": "execute_tool", "gen_ai.endpoint": "x", "gen_ai.tool.args": `{"a":1}`, "gen_ai.tool.output": "sunny"},
			get: func(s *genai.Span) any {
				return []any{s.Tool.Arguments, s.Tool.Result}
			}, want: []any{genai.JSON(`{"a":1}`), genai.JSON("sunny")},
		},
		"Pydantic AI 1, a call": {
			scope: "pydantic-ai", in: attributes{
				"gen_ai.operation.name": "chat", "events": `[{"event.name":"gen_ai.user.message","content":"hi","role":"user","gen_ai.message.index":0},` +
					`{"event.name":"gen_ai.tool.message","content":"21","role":"tool","id":"c","name":"f"},` +
					`{"event.name":"gen_ai.choice","index":0,"message":{"role":"assistant","content":"ho"}}]`,
				"model_request_parameters": `{"function_tools":[{"name":"f","description":"d","parameters_json_schema":{"type":"object"}}],"output_tools":null}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.DialectVersion, s.Input[0].Parts[0].Content, s.Input[1].Parts[0].ID, s.Output[0].Parts[0].Content, s.Tools}
			}, want: []any{"pydantic-ai", "1", "hi", "c", "ho", []genai.ToolDefinition{{Type: "function", Name: "f", Description: "d", Parameters: `{"type":"object"}`}}},
		},
		"Pydantic AI 1, a run": {
			scope: "pydantic-ai", in: attributes{
				"agent_name": "a", "model_name": "m", "final_result": "ho", "gen_ai.usage.input_tokens": int64(5),
				"all_messages_events": `[{"content":"hi","role":"user"},{"role":"assistant","content":"ho"}]`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.Agent.Name, s.RequestModel, len(s.Input), s.Output[0].Parts[0].Content, s.Usage.Rollup}
			}, want: []any{genai.OpInvokeAgent, "a", "m", 1, "ho", true},
		},
		"Pydantic AI 5, a run": {
			in: attributes{
				"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": int64(5),
				"pydantic_ai.all_messages": `[{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]`,
			},
			get: func(s *genai.Span) any {
				return []any{s.DialectVersion, len(s.Input), s.Output[0].Parts[0].Content, s.Usage.Known()}
			}, want: []any{">=2", 1, "ho", false},
		},
		"Pydantic AI 2, a tool": {
			in: attributes{"gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c", "tool_arguments": `{"a":1}`, "tool_response": "won"},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.Tool, s.DialectVersion}
			}, want: []any{genai.OpExecuteTool, genai.ToolExecution{Name: "f", CallID: "c", Arguments: `{"a":1}`, Result: "won"}, "<=2"},
		},
		"Logfire's instrumentation of OpenAI": {
			in: attributes{
				"request_data":  `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.5}`,
				"response_data": `{"message":{"role":"assistant","content":"ho"},"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.RequestModel, s.Input[0].Parts[0].Content, *s.Request.Temperature, s.Output[0].Parts[0].Content, s.Usage.Total(), s.Usage.CacheRead.N}
			}, want: []any{genai.OpChat, "m", "hi", 0.5, "ho", int64(7), int64(1)},
		},
		"MLflow, a call": {
			in: attributes{
				"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.llm.model": `"m"`, "mlflow.llm.provider": `"bedrock"`, "mlflow.chat.tokenUsage": `{"input_tokens":5,"output_tokens":2,"total_tokens":7}`,
				"mlflow.spanInputs":  `{"model":"m","messages":[{"role":"user","content":"hi"}]}`,
				"mlflow.spanOutputs": `{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ho"}}]}`,
				"mlflow.chat.tools":  `[{"type":"function","function":{"name":"f"}}]`, "mlflow.llm.cost": `{"input_cost":0.1,"output_cost":0.2,"total_cost":0.3}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Operation, s.RequestModel, s.Provider, s.Input[0].Parts[0].Content, s.Output[0].Parts[0].Content, s.FinishReasons[0], s.Tools[0].Name, s.Usage.Total(), s.Cost.Amount}
			}, want: []any{"mlflow", genai.OpChat, "m", "aws.bedrock", "hi", "ho", genai.FinishStop, "f", int64(7), "0.3"},
		},
		"MLflow, a text in quotes": {
			in: attributes{"mlflow.spanType": "UNKNOWN", "mlflow.spanInputs": `"x"`, "mlflow.spanOutputs": `"hello!"`},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.Input[0].Parts[0].Content, s.Output[0].Parts[0].Content}
			}, want: []any{genai.OpTask, "x", "hello!"},
		},
		"MLflow, a tool": {
			in:  attributes{"mlflow.spanType": `"TOOL"`, "mlflow.spanInputs": `{"x":1}`, "mlflow.spanOutputs": "2"},
			get: func(s *genai.Span) any { return s.Tool }, want: genai.ToolExecution{Arguments: `{"x":1}`, Result: "2"},
		},
		"LangWatch, a call": {
			in: attributes{
				"langwatch.span.type": "llm", "langwatch.input": `{"type":"chat_messages","value":[{"role":"user","content":"hi"}]}`,
				"langwatch.output": `{"type":"text","value":"ho"}`, "langwatch.thread.id": "t", "langwatch.user.id": "u", "langwatch.labels": `["a"]`,
				"langwatch.metrics":    `{"type":"json","value":{"promptTokens":5,"completionTokens":2,"cacheReadInputTokens":3,"cost":0.5}}`,
				"langwatch.timestamps": `{"started_at":1000,"first_token_at":1250,"finished_at":3000}`, "langwatch.prompt.handle": "p", "langwatch.prompt.version.number": int64(6),
			},
			get: func(s *genai.Span) any {
				return []any{s.Dialect, s.Input[0].Parts[0].Content, s.Output[0].Parts[0].Content, s.Conversation, s.User, s.Tags, s.Usage.Input.N, s.Usage.Rule, s.Cost.Amount, s.TimeToFirstToken, s.Prompt.Name + s.Prompt.Version}
			}, want: []any{"langwatch", "hi", "ho", "t", "u", []string{"a"}, int64(8), genai.CacheByDialect, "0.5", 250 * time.Millisecond, "p6"},
		},
		"LangWatch, a retrieval in Python": {
			in: attributes{
				"langwatch.span.type": "rag", "langwatch.input": `{"type":"text","value":"q"}`, "langwatch.rag.contexts": `[{"document_id":"d","chunk_id":"c","content":"x"}]`,
				"langwatch.metrics": `{"prompt_tokens":5}`,
			},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.Retrieval, s.Countable()}
			}, want: []any{genai.OpRetrieval, genai.Retrieval{Query: "q", Documents: []genai.Document{{ID: "d", Content: "x", Metadata: `{"document_id":"d","chunk_id":"c","content":"x"}`}}}, false},
		},
		"Laminar, a call": {
			in: attributes{
				"lmnr.span.type": "LLM", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi", "lmnr.span.input": `[{"role":"user","content":"again"}]`,
				"lmnr.span.output": `"ho"`, "lmnr.association.properties.session_id": "s", "gen_ai.usage.input_cost": 0.1, "gen_ai.usage.output_cost": 0.2,
			},
			get: func(s *genai.Span) any {
				return []any{s.Operation, s.Input[0].Parts[0].Content, s.Output[0].Parts[0].Content, s.Conversation, s.Cost.Amount}
			}, want: []any{genai.OpChat, "hi", "ho", "s", "0.3"},
		},
		"Laminar, a call from its cache": {
			in:  attributes{"lmnr.span.type": "CACHED", "gen_ai.usage.input_tokens": int64(5)},
			get: func(s *genai.Span) any { return s.Countable() }, want: false,
		},
		"a text that begins with a quote": {
			in:  attributes{"langfuse.observation.type": "generation", "langfuse.observation.input": `"Yes" he said`},
			get: func(s *genai.Span) any { return s.Input[0].Parts[0].Content }, want: `"Yes" he said`,
		},
		"annotations": {
			in: attributes{
				"openinference.span.kind": "CHAIN", "annotations.0.annotation.name": "n", "annotations.0.annotation.score": int64(0), "annotations.0.annotation.label": "l",
				"annotations.0.annotation.explanation": "e", "annotations.0.annotation.annotator_kind": "LLM", "annotations.1.annotation.label": "of nothing", "evaluations.0.evaluation.name": "m",
			},
			get: func(s *genai.Span) any {
				var keys []string
				for _, a := range s.Attributes {
					keys = append(keys, a.Key)
				}
				slices.Sort(keys)
				return []any{s.Evaluations, keys}
			}, want: []any{[]genai.Evaluation{
				{Name: "n", HasScore: true, Label: "l", Explanation: "e", Time: time.Unix(3, 0).UTC()},
				{Name: "m", Time: time.Unix(3, 0).UTC()},
			}, []string{"annotations.0.annotation.annotator_kind", "annotations.1.annotation.label"}},
		},
		"the AI SDK reranks": {
			in: attributes{
				"ai.operationId": "ai.rerank.doRerank", "ai.documents": []any{`"a"`, `{"b":1}`, `"c"`},
				"ai.ranking": []any{`{"index":1,"relevanceScore":0.9}`, `{"index":0,"relevanceScore":0.1}`},
			},
			get: func(s *genai.Span) any { return s.Retrieval.Documents }, want: []genai.Document{
				{ID: "1", Score: 0.9, HasScore: true, Content: `{"b":1}`}, {ID: "0", Score: 0.1, HasScore: true, Content: "a"},
			},
		},
		"AI SDK, the operation in another key": {
			scope: "ai", in: attributes{"operation.name": "ai.embed.doEmbed f"},
			get: func(s *genai.Span) any { return s.Operation }, want: genai.OpEmbeddings,
		},
		"AI SDK, the total of a call": {
			scope: "ai", in: attributes{
				"gen_ai.usage.input_tokens": int64(50), "gen_ai.usage.output_tokens": int64(2), "ai.usage.tokens": "57",
				"ai.response.providerMetadata": `{"bedrock":{"usage":{"cacheReadInputTokens":5}}}`,
			},
			get: func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Rule} }, want: []any{int64(55), genai.CacheBySum},
		},
		"Anthropic by its metadata, AI SDK 5": {
			scope: "ai", in: attributes{
				"gen_ai.usage.input_tokens": int64(50), "ai.response.providerMetadata": `{"anthropic":{"usage":{"input_tokens":50,"cache_read_input_tokens":5}}}`,
			},
			get: func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Rule} }, want: []any{int64(55), genai.CacheByDialect},
		},
		"Anthropic by its metadata, AI SDK 6": {
			scope: "ai", in: attributes{
				"gen_ai.usage.input_tokens": int64(55), "ai.response.providerMetadata": `{"anthropic":{"usage":{"input_tokens":50,"cache_read_input_tokens":5}}}`,
			},
			get: func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Rule} }, want: []any{int64(55), genai.CacheIncluded},
		},
		"lists under two keys": {
			in: attributes{
				"ai.operationId": "ai.generateText.doGenerate", "ai.settings.stopSequences": []any{"a", "b"}, "gen_ai.request.stop_sequences": []any{"a", "b"},
				"ai.response.finishReason": "stop", "gen_ai.response.finish_reasons": []any{"stop"},
				"ai.response.toolCalls": `[{"toolCallId":"c","toolName":"f","args":{}}]`, "ai.result.toolCalls": `[{"toolCallId":"c","toolName":"f","args":{}}]`,
			},
			get: func(s *genai.Span) any { return []any{len(s.Attributes), s.Request.StopSequences} }, want: []any{0, []string{"a", "b"}},
		},
		"lists that differ": {
			in: attributes{
				"ai.operationId": "ai.generateText.doGenerate", "ai.settings.stopSequences": []any{"a", "b"}, "gen_ai.request.stop_sequences": []any{"a"},
			},
			get: func(s *genai.Span) any { return []any{len(s.Attributes), s.Request.StopSequences} }, want: []any{1, []string{"a", "b"}},
		},
		"the noise of a price": {
			in:  attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.cost": 0.000022349999999999998},
			get: func(s *genai.Span) any { return s.Cost.Amount }, want: "0.00002235",
		},
		"a large price": {
			in:  attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.cost": 123456789012.25},
			get: func(s *genai.Span) any { return s.Cost.Amount }, want: "123456789012.25",
		},
		"counts too large to be any": {
			in:  attributes{"openinference.span.kind": "LLM", "llm.token_count.prompt": int64(1) << 60, "llm.token_count.completion": "-1"},
			get: func(s *genai.Span) any { return []any{s.Usage.Known(), len(s.Warnings), s.Warnings[0].Code} }, want: []any{false, 2, genai.WarnCountImplausible},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := spanOf(t, dialect.Options{}, tc.scope, tc.version, tc.in)
			if d := cmp.Diff(tc.want, tc.get(&s)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestLostValues: what JavaScript makes of an object is no JSON that broke off, whichever key it has; it stays as it was sent.
func TestLostValues(t *testing.T) {
	t.Parallel()
	for _, marks := range []attributes{{"gen_ai.operation.name": "chat"}, {"openinference.span.kind": "LLM"}} {
		for _, key := range dialect.Keys() {
			if _, ok := marks[key]; ok {
				continue
			}
			in := maps.Clone(marks)
			in[key] = "[object Object]"
			s, _ := spanOf(t, dialect.Options{}, "", "", in)
			told := 0
			for _, w := range s.Warnings {
				if w.Code != genai.WarnMalformedJSON {
					continue
				}
				if told++; told > 1 || w.Field != key || !strings.Contains(w.Text, "lost the value") {
					t.Errorf("%v %s: %+v", marks, key, s.Warnings)
				}
			}
			for _, m := range slices.Concat(s.Input, s.Output) {
				if told > 0 && len(m.Parts) > 0 {
					t.Errorf("%v %s: it was read as a message, too: %+v", marks, key, m)
				}
			}
		}
	}
	for key, mark := range map[string]string{
		"gen_ai.input.messages": "gen_ai.operation.name", "gen_ai.prompt": "langsmith.span.kind", "gen_ai.completion": "langsmith.span.kind",
		"langsmith.metadata.usage_metadata": "langsmith.span.kind", "gen_ai.usage.input_token_details": "langsmith.span.kind",
		"llm.invocation_parameters": "openinference.span.kind", "ai.prompt.messages": "ai.operationId", "langfuse.observation.input": "langfuse.observation.type",
	} {
		for _, text := range []string{"[object Object]", "[object Object],[object Object]"} {
			s, _ := spanOf(t, dialect.Options{}, "", "", attributes{mark: "llm", key: text})
			if !slices.ContainsFunc(s.Warnings, func(w genai.Warning) bool { return w.Code == genai.WarnMalformedJSON && w.Field == key }) {
				t.Errorf("%s: %q is not warned of: %+v", key, text, s.Warnings)
			}
			if !slices.ContainsFunc(s.Attributes, func(a genai.Attribute) bool { return a.Key == key }) {
				t.Errorf("%s: the attribute is gone", key)
			}
		}
	}
}

// TestLimitsOfContents: what a limit of ours leaves out is told with the limit, and once.
func TestLimitsOfContents(t *testing.T) {
	t.Parallel()
	const message = `{"role":"user","content":"a"}`
	for name, tc := range map[string]struct {
		text, says string
		limits     dialect.Limits
	}{
		"messages": {"[" + strings.Repeat(message+",", genai.MaxMessages) + message + "]", "first 10000 messages", dialect.Limits{}},
		"levels":   {`[{"role":"user","parts":[{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}]}]`, "256 levels", dialect.Limits{}},
		"bytes":    {"[" + message + "," + message + "]", "longer than 40 bytes", dialect.Limits{AttributeValueBytes: 40}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := spanOf(t, dialect.Options{Limits: tc.limits}, "", "", attributes{"gen_ai.operation.name": "chat", "gen_ai.input.messages": tc.text})
			if len(s.Warnings) != 1 || s.Warnings[0].Code != genai.WarnTruncated || !strings.Contains(s.Warnings[0].Text, tc.says) {
				t.Errorf("got %.300q, want one of %q that says %q", s.Warnings, genai.WarnTruncated, tc.says)
			}
		})
	}
}

// TestExplain: each attribute has its line, and the lines say which won.
func TestExplain(t *testing.T) {
	t.Parallel()
	_, sources := spanOf(t, dialect.Options{}, "", "", attributes{
		"openinference.span.kind": "LLM", "llm.model_name": "m", "gen_ai.request.model": "other", "gen_ai.operation.name": "chat",
		"llm.input_messages.0.message.content": "hi", "gen_ai.input.messages": `[{"role":"user","content":"ho"}]`, "x": "y",
		"gen_ai.usage.output_tokens": int64(1), "llm.token_count.completion": int64(1),
	})
	got := map[string]string{}
	for _, s := range sources {
		line := s.Dialect + " " + string(s.Outcome)
		for _, f := range s.Fields {
			line += " " + f
		}
		got[s.Key] = line
	}
	want := map[string]string{
		"openinference.span.kind":              "openinference filled Operation",
		"llm.model_name":                       "openinference filled RequestModel",
		"gen_ai.request.model":                 "otel-genai conflict RequestModel",
		"gen_ai.operation.name":                "otel-genai repeated Operation",
		"llm.input_messages.0.message.content": "openinference filled Input",
		"gen_ai.input.messages":                "otel-genai conflict Input",
		"x":                                    " ignored",
		"llm.token_count.completion":           "openinference filled Usage.Output",
		"gen_ai.usage.output_tokens":           "otel-genai repeated Usage.Output",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestTranscript: the input that OpenLIT for Python sends as one text.
func TestTranscript(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]genai.Message{
		"user: What?":                        {message("user", say("What?"))},
		"system: Be\nkind.\nuser: x: y\n\nz": {message("system", say("Be\nkind.")), message("user", say("x: y\n\nz"))},
		"What: is it?":                       {message("user", say("What: is it?"))},
	} {
		s := spanWithEvent(t, "openlit.otel.tracing", "gen_ai.content.prompt", attributes{"gen_ai.prompt": in})
		if d := cmp.Diff(want, s.Input); d != "" {
			t.Errorf("%q (-want +got):\n%s", in, d)
		}
	}
}

// spanWithEvent reads a chat span with one event.
func spanWithEvent(t *testing.T, scope, event string, attrs map[string]any) genai.Span {
	t.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.Attributes().PutStr("gen_ai.operation.name", "chat")
	e := s.Events().AppendEmpty()
	e.SetName(event)
	if err := e.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	r := firstSpan(t, td)
	var got genai.Span
	dialect.New(dialect.Options{}).Span(&got, r.Resource(), r.Scope(), r.Span())
	return got
}

// TestEventsOfOthers: what other dialects put into the events of a span.
func TestEventsOfOthers(t *testing.T) {
	t.Parallel()
	kernel := spanWithEvent(t, "Microsoft.SemanticKernel", "gen_ai.choice", attributes{"index": int64(0), "finish_reason": "stop", "message": `{"role":"assistant","content":"Paris."}`})
	want := []genai.Message{{Role: "assistant", Parts: []genai.Part{say("Paris.")}, FinishReason: "stop"}}
	if d := cmp.Diff(want, kernel.Output); d != "" {
		t.Errorf("Semantic Kernel (-want +got):\n%s", d)
	}
	found := spanWithEvent(t, "@traceloop/instrumentation-chromadb", "db.query.result", attributes{
		"db.query.result.id": "d", "db.query.result.distance": 0.5, "db.query.result.document": "x", "db.query.result.metadata": `{"a":1}`,
	})
	docs := []genai.Document{{ID: "d", Score: 0.5, HasScore: true, Content: "x", Metadata: `{"a":1}`}}
	if d := cmp.Diff(docs, found.Retrieval.Documents); d != "" || len(found.Events) != 0 {
		t.Errorf("a vector store: %d events are left (-want +got):\n%s", len(found.Events), d)
	}
	vector := spanWithEvent(t, "@traceloop/instrumentation-chromadb", "db.query.result", attributes{"db.query.result.id": "d", "db.query.result.vector": "[1]"})
	if len(vector.Events) != 1 || len(vector.Retrieval.Documents) != 0 {
		t.Errorf("a result with a vector: got %d events and %d documents, want 1 and 0", len(vector.Events), len(vector.Retrieval.Documents))
	}
}
