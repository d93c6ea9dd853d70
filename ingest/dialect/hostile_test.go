package dialect_test

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// leaves are what names of flattened lists end in.
var leaves = []string{
	"message.role", "message.content", "message.name", "message.tool_call_id", "message.contents.0.message_content.type", "message.contents.3.message_content.text",
	"message.tool_calls.1.tool_call.function.name", "message.tool_calls.1.tool_call.function.arguments", "message.tool_calls.9.tool_call.id", "role", "content", "finish_reason",
	"tool_calls.0.name", "tool_calls.0.arguments", "name", "description", "parameters", "prompt.text", "completion.text", "tool.json_schema", "embedding.text",
	"embedding.vector", "document.id", "document.content", "document.score", "document.metadata", "",
}

var indices = []string{"0.", "1.", "3.", "17.", "9999.", "10000.", "99999999999999999999.", "-1.", "x.", ""}

// spanNames are those that tell an operation.
var spanNames = []string{
	"", "call_llm", "execute_tool f", "invocation", "claude_code.llm_request", "claude_code.tool", "claude_code.interaction", "session_task.turn", "handle_responses",
	"haystack.pipeline.run", "function_tool", "agent_turn", "flue.tool f", "tool.f", "OpenAI.chat-1", "Retriever.retrieve-1", "tools/call f", "Embedding.get_text_embedding-1",
}

// jsonValues are what lies where JSON is wanted, whole and broken.
var jsonValues = []string{
	"", "{}", "[]", "null", "0", "-1", "NaN", `"`, `"x"`, `"\"x\""`, "[", "{", `{"a"`, `[{}]`, `[null]`, `[[]]`, `[1,"x",{"role":1}]`, "__REDACTED__", "<REDACTED>",
	`[{"role":"user","content":"q"}]`, `[{"role":"user","content":"q"`, `{"role":"assistant","parts":[{"type":"text"}]}`, `{"messages":[{"role":"user","content":[{"text":"x"}]}],"tools":[{"name":"f"}]}`,
	`{"body":{"messages":5,"tools":"x","temperature":"hot","max_tokens":1e99}}`, `{"contents":[{"parts":5}],"config":{"tools":[5,{"functionDeclarations":{}}],"system_instruction":[]}}`,
	`{"content":{"parts":[{"functionCall":{}}]},"usageMetadata":{"thoughtsTokenCount":-1,"candidatesTokenCount":99999999999999999999}}`,
	`{"replies":[5,"x",{"meta":{"usage":{"prompt_tokens":"x"}}}],"documents":[5,{"score":"x"}],"embedding":["x"]}`, `{"text":5,"toolCalls":{}}`, `{"text":"x","toolCalls":[5]}`,
	`{"message":{"role":5},"usage":{"outputTokens":-1,"thoughtsTokens":5,"totalTokens":5}}`, `{"embeddings":[{"embedding":5}]}`, `{"modelId":5,"modelProvider":{}}`,
	"claude-3", "a/b", "tools/call", "framework", "model", "tool_call", "OpenAIChatGenerator", "\xff\xfe", "\x00", strings.Repeat("[", 400), strings.Repeat(`{"messages":`, 400),
}

func hostileValue() *rapid.Generator[any] {
	text := rapid.Map(rapid.SampledFrom(jsonValues), func(s string) any { return s })
	return rapid.OneOf(
		text, text, text, rapid.Map(rapid.Int64(), func(i int64) any { return i }), rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](int64(7)), rapid.Just[any]([]byte{0, 255}), rapid.Just[any]([]any{}), rapid.Just[any]([]any{"{}", int64(1), nil}),
		rapid.Just[any](map[string]any{"role": "user", "content": []any{nil}}), rapid.Just[any](map[string]any{"messages": map[string]any{}, "": []any{[]any{[]any{}}}}),
	)
}

// hostileSpan is a span as protobuf whose attributes are those of all the sets, one behind the other, so that keys
// may come twice.
func hostileSpan(t *testing.T, scope, name string, sets ...map[string]any) []byte {
	t.Helper()
	var span []byte
	for _, attrs := range sets {
		td := ptrace.NewTraces()
		s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName(name)
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{2})
		if err := s.Attributes().FromRaw(attrs); err != nil {
			t.Fatal(err)
		}
		r := firstSpan(t, td)
		span = append(span, r.Span().Raw...)
	}
	field := func(number byte, body ...byte) []byte {
		return append(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(body))), body...)
	}
	// TracesData.resource_spans, ResourceSpans.scope_spans, ScopeSpans.scope and .spans, InstrumentationScope.name
	return field(1, field(2, append(field(1, field(1, []byte(scope)...)...), field(2, span...)...)...)...)
}

// TestHostileSpans: attributes of the wrong type, lists with holes and wild indices, keys that come twice, JSON that is
// broken or of another shape, in every dialect: the span comes out, and each attribute is in a field, or says what
// a field holds, or is kept.
func TestHostileSpans(t *testing.T) {
	t.Parallel()
	flat, scopes, spans := dialect.Prefixes()
	keys := dialect.Keys()
	n := dialect.New(dialect.Options{})
	key := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
			return rapid.SampledFrom(keys).Draw(t, "key")
		}
		return rapid.SampledFrom(flat).Draw(t, "list") + rapid.SampledFrom(indices).Draw(t, "index") + rapid.SampledFrom(leaves).Draw(t, "leaf")
	})
	set := rapid.MapOfN(key, hostileValue(), 0, 24)
	rapid.Check(t, func(rt *rapid.T) {
		scope := strings.TrimSpace(rapid.SampledFrom(append(scopes, "")).Draw(rt, "scope"))
		name := rapid.SampledFrom(append(spans, spanNames...)).Draw(rt, "name")
		first, second := set.Draw(rt, "attributes"), set.Draw(rt, "more attributes")
		for k := range first { // so that some come twice
			if rapid.IntRange(0, 4).Draw(rt, "twice") == 0 {
				second[k] = hostileValue().Draw(rt, "second value")
			}
		}
		r := wire.ReadTraces(hostileSpan(t, scope, name, first, second))
		if !r.Next() {
			rt.Fatal("the span was refused")
		}
		var s, explained genai.Span
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
		sources := n.Explain(&explained, r.Resource(), r.Scope(), r.Span())
		if s.SpanID != r.Span().SpanID || s.Name != name {
			rt.Fatalf("got span %s %q", s.SpanID, s.Name)
		}
		if d := cmp.Diff(s, explained, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			rt.Fatalf("Explain reads the span differently (-Span +Explain):\n%s", d)
		}
		held := map[string]int{}
		for _, src := range sources {
			if src.Outcome == dialect.Filled || src.Outcome == dialect.Repeated {
				held[src.Key]++
			}
		}
		for _, a := range s.Attributes {
			held[a.Key]++
		}
		for _, c := range s.Usage.Reported { // of counts that differ
			held[c.Key]++
		}
		for _, attrs := range []map[string]any{first, second} {
			for k, v := range attrs {
				if held[k]--; held[k] < 0 {
					rt.Errorf("%s = %v is neither in a field nor kept", k, v)
				}
			}
		}
	})
}

// TestLargeValues: whatever lies in a value of 4 MiB, and whichever key it has, reading it allocates a small multiple of
// what was sent, and what the limits of lists allow. What is allocated was touched, and every reader goes through
// a text a fixed number of times, so this bounds the time as well.
func TestLargeValues(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	fill := func(open, element, shut string, size int) string {
		return open + strings.Repeat(element, (size-len(open)-len(shut))/len(element)) + shut
	}
	shapes := map[string]func(size int) string{
		"arrays in arrays":   func(n int) string { return strings.Repeat("[", n/2) + strings.Repeat("]", n/2) },
		"objects in objects": func(n int) string { return fill("", `{"messages":`, "", n) },
		"shallow arrays":     func(n int) string { return fill("[", "[[[[[[[[]]]]]]]],", "0]", n) },
		"messages":           func(n int) string { return fill("[", `{"role":"user","content":"x"},`, "0]", n) },
		"messages in one":    func(n int) string { return fill(`{"messages":[`, `{"role":"user","parts":[{"a":1}]},`, "0]}", n) },
		"parts":              func(n int) string { return fill(`{"role":"user","parts":[`, `{"type":"text"},`, "0]}", n) },
		"replies":            func(n int) string { return fill(`{"replies":[`, `{"meta":{"usage":{}}},`, "0]}", n) },
		"tools":              func(n int) string { return fill(`{"tools":[`, `{"name":"f"},`, "0]}", n) },
		"members":            func(n int) string { return fill("{", `"a":{"b":[]},`, `"a":0}`, n) },
		"one member":         func(n int) string { return fill("{", `"messages":{},`, `"a":0}`, n) },
		"objects":            func(n int) string { return fill("[", `{"a":1},`, "0]", n) },
		"numbers":            func(n int) string { return fill("[", "1,", "1]", n) },
		"escapes":            func(n int) string { return fill(`[{"role":"user","content":"`, `\u0041`, `"}]`, n) },
		"a text cut off":     func(n int) string { return fill(`[{"role":"user","content":"`, "x", "", n) },
		"codes in codes":     func(n int) string { return fill(`"`, `\\\"`, `"`, n) },
	}
	n := dialect.New(dialect.Options{})
	read := func(scope, name string, attrs map[string]any) (allocated uint64) {
		b := hostileSpan(t, scope, name, attrs)
		r := wire.ReadTraces(b)
		r.Next()
		var before, after runtime.MemStats
		var s genai.Span
		runtime.ReadMemStats(&before)
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
		runtime.ReadMemStats(&after)
		if s.SpanID.IsZero() {
			t.Fatalf("%s: the span is gone", name)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	const perByte, lists = 8, 24 << 20   // a list of 10,000 messages or parts, with what growing it cost
	for _, key := range dialect.Keys() { // more elements than any list may have
		for _, small := range []string{shapes["numbers"](64 << 10), shapes["objects"](256 << 10)} {
			if got := read("", "", map[string]any{key: small, "gen_ai.operation.name": "chat"}); got > perByte*uint64(len(small))+lists {
				t.Errorf("%s, %.10q…: %d bytes allocated for %d", key, small, got, len(small))
			}
		}
	}
	for name, shape := range shapes {
		large := shape(4 << 20)
		for key, attrs := range map[string]map[string]any{
			"gen_ai.input.messages": {}, "input.value": {"openinference.span.kind": "CHAIN"}, "ai.prompt": {"ai.operationId": "ai.generateText"},
			"gcp.vertex.agent.llm_request": {"gcp.vertex.agent.event_id": "x"}, "haystack.component.output": {"haystack.component.type": "ChatGenerator"},
			"langfuse.observation.input": {"langfuse.observation.type": "generation"}, "langfuse.observation.output": {"langfuse.observation.type": "generation"},
		} {
			attrs[key] = large
			if got := read("", "call_llm", attrs); got > perByte*uint64(len(large))+lists {
				t.Errorf("%s in %s: %d bytes allocated for %d", name, key, got, len(large))
			}
		}
	}
}

// TestLargeLists: a list of two million texts costs no more than other values of its size, whichever field it ends in.
func TestLargeLists(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	large := "[" + strings.Repeat("1,", 2<<20) + "1]"
	for _, f := range dialect.RuleFields() {
		if f.Kind != "texts" && f.Kind != "messages" && f.Kind != "JSON" {
			continue
		}
		n := dialect.New(dialect.Options{Rules: oneRule(t, f.Name+": k")})
		r := wire.ReadTraces(hostileSpan(t, "acme", "n", attributes{"k": large}))
		r.Next()
		var before, after runtime.MemStats
		var s genai.Span
		runtime.ReadMemStats(&before)
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 8*uint64(len(large))+24<<20 {
			t.Errorf("%s: %d bytes allocated for %d", f.Name, got, len(large))
		}
	}
}

// TestKeysThatComeTwice: the first of two counts, and the other stays.
func TestKeysThatComeTwice(t *testing.T) {
	t.Parallel()
	b := hostileSpan(
		t, "", "", map[string]any{"llm.input_messages.0.message.content": "a", "gen_ai.request.model": "m"},
		map[string]any{"llm.input_messages.0.message.content": "b", "gen_ai.request.model": "n"},
	)
	r := wire.ReadTraces(b)
	r.Next()
	var s genai.Span
	dialect.New(dialect.Options{}).Span(&s, r.Resource(), r.Scope(), r.Span())
	want := map[string]string{"llm.input_messages.0.message.content": "b", "gen_ai.request.model": "n"}
	if d := cmp.Diff(want, keysOf(s.Attributes)); d != "" || s.RequestModel != "m" || len(s.Input) != 1 || s.Input[0].Parts[0].Content != "a" {
		t.Errorf("got model %q, input %+v, -want +got:\n%s", s.RequestModel, s.Input, d)
	}
}
