package dialect_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// A failer is a test, or one draw of a property.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// firstSpan encodes a request and moves to its first span.
func firstSpan(t failer, td ptrace.Traces) *wire.Traces {
	t.Helper()
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.ReadTraces(b)
	if !r.Next() {
		t.Fatal("the span was refused")
	}
	return &r
}

// firstRecord encodes a request and moves to its first log record.
func firstRecord(t failer, ld plog.Logs) *wire.Logs {
	t.Helper()
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.ReadLogs(b)
	if !r.Next() {
		t.Fatal("the record was refused")
	}
	return &r
}

// normalize reads one span that has the attributes and what build adds to it.
func normalize(t *testing.T, attrs map[string]any, build func(ptrace.Span)) genai.Span {
	t.Helper()
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetStartTimestamp(1e9)
	s.SetEndTimestamp(3e9)
	if err := s.Attributes().FromRaw(attrs); err != nil {
		t.Fatal(err)
	}
	if build != nil {
		build(s)
	}
	var got genai.Span
	r := firstSpan(t, td)
	dialect.New(dialect.Options{}).Span(&got, r.Resource(), r.Scope(), r.Span())
	return got
}

func keysOf(attrs []genai.Attribute) map[string]string {
	m := map[string]string{}
	for _, a := range attrs {
		m[a.Key] = a.Value.String()
	}
	return m
}

// TestFields: each key ends in its field, and only what no field holds stays an attribute.
func TestFields(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	schema := genai.JSON(`{"type":"object"}`)
	tool := []genai.ToolDefinition{{Type: "function", Name: "f", Description: "d", Parameters: schema}}
	for name, tc := range map[string]struct {
		in   m
		get  func(*genai.Span) any
		want any
		left map[string]string
		warn genai.WarningCode
	}{
		"tools, flat":   {m{"gen_ai.tool.definitions": `[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}]`}, tools, tool, nil, ""},
		"tools, nested": {m{"gen_ai.tool.definitions": `[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]`}, tools, tool, nil, ""},
		"tools, AI SDK": {m{"gen_ai.tool.definitions": `[{"name":"f","description":"d","inputSchema":{"type":"object"}}]`}, tools, tool, nil, ""},
		"tools, strings": {
			m{"gen_ai.tool.definitions": []any{`{"name":"f","description":"d","parameters":"{\"type\":\"object\"}"}`}}, tools, tool, nil, "",
		},
		"tools, no JSON": {
			m{"gen_ai.tool.definitions": `[{"name":`},
			tools,
			[]genai.ToolDefinition{},
			map[string]string{"gen_ai.tool.definitions": `[{"name":`},
			genai.WarnMalformedJSON,
		},
		"retrieval": {
			m{
				"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "q", "gen_ai.request.top_k": int64(3), "gen_ai.data_source.id": "ds",
				"gen_ai.retrieval.documents": `[{"id":7,"score":0.5,"content":"c\n","metadata":{"a":1}},{"id":"b","rank":2}]`,
			},
			func(s *genai.Span) any { return s.Retrieval },
			genai.Retrieval{DataSource: "ds", Query: "q", TopK: 3, Documents: []genai.Document{
				{ID: "7", Score: 0.5, HasScore: true, Content: "c\n", Metadata: `{"a":1}`}, {ID: "b", Metadata: `{"id":"b","rank":2}`},
			}},
			nil, "",
		},
		"prompt": {
			m{"gen_ai.prompt.name": "p", "gen_ai.prompt.version": "2", "gen_ai.prompt.variable.city": "Paris"},
			func(s *genai.Span) any { return s.Prompt },
			genai.Prompt{Name: "p", Version: "2", Variables: []genai.Variable{{Name: "city", Value: "Paris"}}},
			nil, "",
		},
		"same system and provider": {
			m{"gen_ai.system": "az.ai.openai", "gen_ai.provider.name": "azure.ai.openai"},
			func(s *genai.Span) any { return s.Provider }, "azure.ai.openai", nil, "",
		},
		"other system and provider": {
			m{"gen_ai.system": "openai", "gen_ai.provider.name": "anthropic"},
			func(s *genai.Span) any { return s.Provider }, "anthropic",
			map[string]string{"gen_ai.system": "openai"},
			"",
		},
		"framework as provider": {
			m{"gen_ai.system": "openai", "gen_ai.provider.name": "strands-agents"},
			func(s *genai.Span) any { return s.Framework + " " + s.Provider }, "strands-agents openai", nil, "",
		},
		"zero beats an alias": {
			m{"gen_ai.usage.input_tokens": int64(5), "gen_ai.usage.cache_read.input_tokens": int64(0), "gen_ai.usage.cache_read_input_tokens": int64(4)},
			func(s *genai.Span) any { return s.Usage.CacheRead }, genai.Count(0), nil, genai.WarnTokensDisagree,
		},
		"input without what was cached": {
			m{"gen_ai.usage.input_tokens": int64(12), "gen_ai.usage.cache_read.input_tokens": int64(2048), "gen_ai.usage.cache_creation.input_tokens": int64(128)},
			func(s *genai.Span) any { return s.Usage.Input }, genai.Count(2188), nil, genai.WarnTokensDisagree,
		},
		"tokens unknown": {
			m{"gen_ai.usage.input_tokens": int64(-1), "gen_ai.usage.output_tokens": "7"},
			func(s *genai.Span) any { return [2]genai.Tokens{s.Usage.Input, s.Usage.Output} },
			[2]genai.Tokens{{}, genai.Count(7)},
			map[string]string{"gen_ai.usage.input_tokens": "-1"},
			genai.WarnCountImplausible,
		},
		"tokens that are no number": {
			m{"gen_ai.usage.input_tokens": math.NaN(), "gen_ai.usage.output_tokens": 1.5},
			func(s *genai.Span) any { return s.Usage.Known() }, false,
			map[string]string{"gen_ai.usage.input_tokens": "NaN", "gen_ai.usage.output_tokens": "1.5"},
			genai.WarnCountImplausible,
		},
		"tokens not said": {
			m{"gen_ai.usage.input_tokens": "", "gen_ai.usage.output_tokens": int64(1)},
			func(s *genai.Span) any { return s.Usage.Input.Known }, false,
			map[string]string{"gen_ai.usage.input_tokens": ""},
			"",
		},
		"content elsewhere": {
			m{"gen_ai.input.messages_ref": "s3://b/k"},
			func(s *genai.Span) any { return len(s.Input) }, 0,
			map[string]string{"gen_ai.input.messages_ref": "s3://b/k"},
			genai.WarnExternalContent,
		},
		"tool keys on a chat": {
			m{"gen_ai.operation.name": "chat", "gen_ai.tool.name": "f"},
			func(s *genai.Span) any { return s.Tool.Name }, "",
			map[string]string{"gen_ai.tool.name": "f"},
			"",
		},
		"first token in seconds": {
			m{"gen_ai.server.time_to_first_token": 0.5}, func(s *genai.Span) any { return s.TimeToFirstToken.String() }, "500ms", nil, "",
		},
		"first token in milliseconds": {
			m{"gen_ai.server.time_to_first_token": int64(500)}, func(s *genai.Span) any { return s.TimeToFirstToken.String() }, "500ms", nil, "",
		},
		"session on any span": {
			m{"session.id": "s", "http.response.status_code": int64(200)},
			func(s *genai.Span) any { return s.Dialect + s.Conversation }, "s",
			map[string]string{"http.response.status_code": "200"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := normalize(t, tc.in, nil)
			if d := cmp.Diff(tc.want, tc.get(&s)); d != "" {
				t.Errorf("field (-want +got):\n%s", d)
			}
			if tc.left == nil {
				tc.left = map[string]string{}
			}
			if d := cmp.Diff(tc.left, keysOf(s.Attributes)); d != "" {
				t.Errorf("attributes that stay (-want +got):\n%s", d)
			}
			var code genai.WarningCode
			if len(s.Warnings) > 0 {
				code = s.Warnings[0].Code
			}
			if code != tc.warn {
				t.Errorf("warnings %v, want %q", s.Warnings, tc.warn)
			}
		})
	}
}

func tools(s *genai.Span) any { return append([]genai.ToolDefinition{}, s.Tools...) }

// TestEvents: an event that ended in fields is gone, one that says more stays with that.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := normalize(t, map[string]any{"gen_ai.operation.name": "chat", "gen_ai.response.id": "r1"}, func(s ptrace.Span) {
		add := func(name string, attrs map[string]any) {
			e := s.Events().AppendEmpty()
			e.SetName(name)
			_ = e.Attributes().FromRaw(attrs)
		}
		add("gen_ai.user.message", map[string]any{"gen_ai.system": "openai", "gen_ai.event.content": `{"content":"hi"}`})
		add("gen_ai.client.inference.operation.details", map[string]any{"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]`, "own": "x"})
		add("gen_ai.evaluation.result", map[string]any{
			"gen_ai.evaluation.name": "e", "gen_ai.evaluation.score.value": 0.5, "gen_ai.response.id": "r2", "error.type": "timeout",
		})
		add("exception", map[string]any{"exception.type": "E", "exception.message": "m"})
		add("mark", map[string]any{"a": "b"})
	})
	var names []string
	for _, e := range s.Events {
		names = append(names, e.Name)
	}
	if d := cmp.Diff([]string{"gen_ai.client.inference.operation.details", "mark"}, names); d != "" {
		t.Errorf("events that stay (-want +got):\n%s", d)
	}
	if len(s.Input) != 1 || len(s.Output) != 1 || len(s.Attributes) != 0 {
		t.Errorf("got %d input, %d output, attributes %v", len(s.Input), len(s.Output), s.Attributes)
	}
	if s.Error.Type != "E" || s.Error.Message != "m" || s.ResponseID != "r1" {
		t.Errorf("got error %+v, response id %q", s.Error, s.ResponseID)
	}
	if e := s.Evaluations; len(e) != 1 || e[0].ResponseID != "r2" || e[0].ErrorType != "timeout" || e[0].Score != 0.5 {
		t.Errorf("got evaluations %+v", e)
	}
}

// TestLogBodies: choices keep their index, AWS' records give whole lists, others are no fragments.
func TestLogBodies(t *testing.T) {
	t.Parallel()
	read := func(name string, body map[string]any) (s genai.Span, ok bool) {
		ld := plog.NewLogs()
		l := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		l.SetEventName(name)
		_ = l.Body().SetEmptyMap().FromRaw(body)
		r := firstRecord(t, ld)
		ok = dialect.New(dialect.Options{}).Log(&s, r.Resource(), r.Scope(), r.Record())
		return s, ok
	}
	s, ok := read("gen_ai.choice", map[string]any{"index": int64(1), "finish_reason": "length", "message": map[string]any{"content": "x"}})
	if !ok || !s.Partial || len(s.Output) != 1 || s.Output[0].Index != 1 || len(s.FinishReasons) != 1 || s.FinishReasons[0] != genai.FinishLength {
		t.Errorf("choice: got %v %+v", ok, s)
	}
	say := func(role, text string) map[string]any {
		return map[string]any{"messages": []any{map[string]any{"role": role, "content": text}}}
	}
	s, ok = read("strands.telemetry.tracer", map[string]any{"input": say("user", "q"), "output": say("assistant", "a")})
	if !ok || s.Partial || len(s.Input) != 1 || len(s.Output) != 1 {
		t.Errorf("AWS record: got %v %+v", ok, s)
	}
	if _, ok = read("log", map[string]any{"input": "x", "level": "info"}); ok {
		t.Error("an ordinary record was read as a fragment")
	}
}

// TestResourceIsReadOnce: spans under one resource do not have it read, or compared, again; a request may
// have 50,000 of them under 8 MiB.
func TestResourceIsReadOnce(t *testing.T) {
	t.Parallel()
	named := func(name string) []byte {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", name)
		rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID(pcommon.TraceID{1})
		rs.ScopeSpans().At(0).Spans().At(0).SetSpanID(pcommon.SpanID{1})
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	n := dialect.New(dialect.Options{})
	read := func(b []byte, id uint64) (name string, readerID uint64) {
		var s genai.Span
		r := wire.ReadTraces(b)
		if !r.Next() {
			t.Fatal("the span was refused")
		}
		res := *r.Resource()
		readerID = res.ID
		if id != 0 {
			res.ID = id
		}
		n.Span(&s, &res, r.Scope(), r.Span())
		return s.Service.Name, readerID
	}
	var name, again string
	var id uint64
	for range 20 { // the pool of readings may forget one now and then
		name, id = read(named("a"), 0)
		if again, _ = read(named("b"), id); again == "a" {
			break
		}
	}
	if name != "a" || again != "a" {
		t.Errorf("got %q and %q: the second was read although its id is known", name, again)
	}
	if other, second := read(named("b"), 0); other != "b" || second == id {
		t.Errorf("got %q under id %d, want b under another than %d", other, second, id)
	}
}
