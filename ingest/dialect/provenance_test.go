package dialect_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// record is a log record of a test.
type record struct {
	event string
	attrs attributes
	body  any
	scope string
}

// explain reads a chat span and its records, and gives the span and a line for each source.
func explain(t *testing.T, attrs attributes, records ...record) (*genai.Span, *dialect.Account, []string) {
	t.Helper()
	n := dialect.New(dialect.Options{})
	b := hostileSpan(t, "", "chat m", attrs)
	r := wire.ReadTraces(b)
	r.Next()
	var s genai.Span
	account := n.Account(&s, r.Resource(), r.Scope(), r.Span())
	var fragments []dialect.Fragment
	for i, rec := range records {
		ld := plog.NewLogs()
		sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		sl.Scope().SetName(rec.scope)
		l := sl.LogRecords().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{1})
		l.SetSpanID(pcommon.SpanID{2})
		l.SetTimestamp(pcommon.Timestamp(i + 1))
		l.SetEventName(rec.event)
		if err := l.Attributes().FromRaw(rec.attrs); err != nil {
			t.Fatal(err)
		}
		if err := l.Body().FromRaw(rec.body); err != nil {
			t.Fatal(err)
		}
		f := dialect.Fragment{Number: i + 1}
		it := firstRecord(t, ld)
		var ok bool
		if f.Account, ok = n.AccountLog(&f.Span, it.Resource(), it.Scope(), it.Record()); ok {
			fragments = append(fragments, f)
		}
	}
	account.Merge(&s, fragments)
	var lines []string
	for _, src := range account.Sources {
		where := strings.Trim(src.Event+"/"+src.Key, "/")
		if src.Record > 0 {
			where = fmt.Sprintf("%d:%s", src.Record, where)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", where, src.Outcome, strings.Join(src.Fields, ","))))
	}
	return &s, &account, lines
}

// TestAccountOfRecords: what log records fill has a line each, and says what became of it in the span.
func TestAccountOfRecords(t *testing.T) {
	t.Parallel()
	chat := attributes{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
	own := []string{"gen_ai.operation.name filled Operation", "gen_ai.request.model filled RequestModel"}
	user := record{"gen_ai.user.message", attributes{"gen_ai.system": "openai"}, map[string]any{"content": "q"}, ""}
	for name, c := range map[string]struct {
		attrs   attributes
		records []record
		want    []string
	}{
		"messages": {chat, []record{user, {"gen_ai.choice", attributes{"gen_ai.system": "openai", "x": "y"}, map[string]any{"index": int64(0), "finish_reason": "stop", "message": map[string]any{"content": "a"}}, ""}}, []string{
			"1:gen_ai.user.message/gen_ai.system filled Provider", "1:gen_ai.user.message filled Input",
			"2:gen_ai.choice/gen_ai.system repeated Provider", "2:gen_ai.choice/x ignored", "2:gen_ai.choice filled Output", "2: derived FinishReasons",
		}},
		"the span has them": {attributes{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"q"}]}]`}, []record{user}, []string{
			"gen_ai.input.messages filled Input", "1:gen_ai.user.message/gen_ai.system filled Provider", "1:gen_ai.user.message repeated Input",
		}},
		"the span has others": {attributes{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system": "anthropic", "gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"other"}]}]`}, []record{user}, []string{
			"gen_ai.system filled Provider", "gen_ai.input.messages filled Input", "1:gen_ai.user.message/gen_ai.system conflict Provider", "1:gen_ai.user.message conflict Input",
		}},
		"details": {chat, []record{{
			"gen_ai.client.inference.operation.details", attributes{
				"gen_ai.response.id": "r", "gen_ai.request.model": "m2", "gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"q"}]}]`, "mine": "x",
			}, nil, "",
		}}, []string{
			"1:gen_ai.client.inference.operation.details/gen_ai.response.id filled ResponseID",
			"1:gen_ai.client.inference.operation.details/gen_ai.request.model conflict RequestModel",
			"1:gen_ai.client.inference.operation.details/gen_ai.input.messages filled Input",
			"1:gen_ai.client.inference.operation.details/mine ignored",
		}},
		"a whole body": {chat, []record{{"", nil, "Chat Model Completion:\n[\"a\"]", "org.springframework.ai.chat"}}, []string{"1: filled Output"}},
		"no part":      {chat, []record{{"app.started", attributes{"a": "b"}, nil, ""}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, got := explain(t, c.attrs, c.records...)
			got = slices.DeleteFunc(got, func(l string) bool { return slices.Contains(own, l) })
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestAccountCompares: an attribute that came too late is in conflict with the fields that hold something else alone. Of those
// that hold the same it is a repetition, and of empty ones nothing is said.
func TestAccountCompares(t *testing.T) {
	t.Parallel()
	usage := `{"input_tokens":10,"output_tokens":2,"total_tokens":12}`
	for name, c := range map[string]struct {
		attrs attributes
		want  []string // the lines of these keys
		keys  []string
	}{
		"a whole request": {attributes{
			"openinference.span.kind": "LLM", "llm.request.model_name": "claude-sonnet-4-5", "llm.invocation_parameters": `{"max_tokens":50}`,
			"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi",
			"input.value": `{"model":"claude-sonnet-4-5","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}`,
		}, []string{"input.value repeated RequestModel,Request.MaxTokens,Input"}, []string{"input.value"}},
		"a request that differs in part": {attributes{
			"openinference.span.kind": "LLM", "llm.request.model_name": "claude-sonnet-4-5", "llm.invocation_parameters": `{"max_tokens":50}`,
			"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi",
			"input.value": `{"model":"claude-sonnet-4-5","max_tokens":60,"system":"Be brief.","messages":[{"role":"user","content":"Ho"}]}`,
		}, []string{"input.value repeated RequestModel", "input.value conflict Request.MaxTokens,Input"}, []string{"input.value"}},
		"usage twice": {attributes{
			"langsmith.span.kind": "llm", "langsmith.usage_metadata": usage, "langsmith.metadata.usage_metadata": usage,
		}, []string{"langsmith.metadata.usage_metadata repeated Usage.Input,Usage.Output"}, []string{"langsmith.metadata.usage_metadata"}},
		"usage twice, otherwise": {attributes{
			"langsmith.span.kind": "llm", "langsmith.usage_metadata": usage, "langsmith.metadata.usage_metadata": `{"input_tokens":10,"output_tokens":3}`,
		}, []string{
			"langsmith.metadata.usage_metadata repeated Usage.Input", "langsmith.metadata.usage_metadata conflict Usage.Output",
		}, []string{"langsmith.metadata.usage_metadata"}},
		"a wrapped operation": {attributes{
			"ai.operationId": "ai.generateText", "operation.name": "ai.generateText fn-text",
		}, []string{"operation.name repeated Operation"}, []string{"operation.name"}},
		"what was embedded": {attributes{
			"openinference.span.kind": "EMBEDDING", "embedding.embeddings.0.embedding.text": "a", "input.value": "a",
		}, []string{"input.value repeated Embedding.Items"}, []string{"input.value"}},
		"a model": {attributes{
			"openinference.span.kind": "LLM", "llm.request.model_name": "m", "gen_ai.operation.name": "chat", "gen_ai.request.model": "other",
		}, []string{"gen_ai.request.model conflict RequestModel"}, []string{"gen_ai.request.model"}},
		"a total that is none": {attributes{
			"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(10), "gen_ai.usage.output_tokens": int64(5), "gen_ai.usage.total_tokens": int64(99),
		}, []string{"gen_ai.usage.total_tokens conflict Usage.Input,Usage.Output"}, []string{"gen_ai.usage.total_tokens"}},
		"a total": {attributes{
			"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(10), "gen_ai.usage.output_tokens": int64(5), "gen_ai.usage.total_tokens": int64(15),
		}, []string{"gen_ai.usage.total_tokens repeated"}, []string{"gen_ai.usage.total_tokens"}},
		"a total beside one count": {attributes{
			"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(10), "gen_ai.usage.total_tokens": int64(15),
		}, []string{"gen_ai.usage.total_tokens repeated"}, []string{"gen_ai.usage.total_tokens"}},
		"a second count": {attributes{
			"openinference.span.kind": "LLM", "llm.token_count.completion": int64(1), "gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": int64(2),
		}, []string{"gen_ai.usage.output_tokens conflict Usage.Output"}, []string{"gen_ai.usage.output_tokens"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, lines := explain(t, c.attrs)
			got := slices.DeleteFunc(lines, func(l string) bool {
				return !slices.ContainsFunc(c.keys, func(k string) bool { return strings.HasPrefix(l, k+" ") })
			})
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestAccountNamesWhoRefused: a value that a dialect read and could not use is told from one that nobody read.
func TestAccountNamesWhoRefused(t *testing.T) {
	t.Parallel()
	s, account, _ := explain(t, attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": "many", "mine": "x"})
	got := map[string]string{}
	for _, src := range account.Sources {
		if src.Outcome == dialect.Ignored {
			got[src.Key] = src.Dialect
		}
	}
	if d := cmp.Diff(map[string]string{"gen_ai.usage.input_tokens": "otel-genai", "mine": ""}, got); d != "" || len(s.Warnings) != 1 {
		t.Errorf("%v, -want +got:\n%s", s.Warnings, d)
	}
}

// TestConflictsDiffer: a field that an attribute is said to contradict is there, and the attribute alone gives another.
func TestConflictsDiffer(t *testing.T) {
	t.Parallel()
	keys, values := dialect.Keys(), []any{
		"m", "n", "chat", "ai.generateText f", int64(1), int64(2), "1", `["a"]`, `[{"role":"user","content":"q"}]`, true,
		`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"q"}]}`, `{"input_tokens":1,"output_tokens":2}`,
	}
	partly := []string{ // what is not wholly taken, and what fills the same
		"input.value", "llm.request.model_name", "llm.invocation_parameters", "langsmith.usage_metadata", "langsmith.metadata.usage_metadata", "operation.name", "ai.operationId",
	}
	wholes := []any{"m", "ai.generateText f", values[len(values)-2], values[len(values)-1]}
	scopes := []string{"openinference.instrumentation.openai", "ai", "langsmith", "langfuse-sdk"}
	n := dialect.New(dialect.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		scope := rapid.SampledFrom(scopes).Draw(rt, "scope")
		attrs := attributes{"gen_ai.operation.name": "chat"}
		for range rapid.IntRange(0, 30).Draw(rt, "attributes") {
			attrs[rapid.SampledFrom(keys).Draw(rt, "key")] = rapid.SampledFrom(values).Draw(rt, "value")
		}
		for _, key := range partly {
			attrs[key] = rapid.SampledFrom(wholes).Draw(rt, key)
		}
		read := func(attrs attributes) (s genai.Span, sources []dialect.Source) {
			r := wire.ReadTraces(hostileSpan(t, scope, "n", attrs))
			r.Next()
			sources = n.Explain(&s, r.Resource(), r.Scope(), r.Span())
			return s, sources
		}
		s, sources := read(attrs)
		for _, src := range sources {
			if src.Outcome != dialect.Conflict && src.Outcome != dialect.Repeated {
				continue
			}
			has := dialect.Differences(&s, &genai.Span{})
			for _, f := range src.Fields {
				if !slices.Contains(has, f) {
					rt.Errorf("%s is said to %s %s, which the span does not have", src.Key, src.Outcome, f)
				}
			}
			alone, filled := read(attributes{src.Key: attrs[src.Key]})
			for _, f := range src.Fields {
				fills := slices.ContainsFunc(filled, func(o dialect.Source) bool {
					return o.Key == src.Key && o.Outcome == dialect.Filled && slices.Contains(o.Fields, f)
				})
				if src.Outcome == dialect.Conflict && fills && !slices.Contains(dialect.Differences(&alone, &s), f) {
					rt.Errorf("%s = %v contradicts %s, which holds the same", src.Key, attrs[src.Key], f)
				}
			}
		}
	})
}

// TestAccountNamesDialects: all that speak, in their order, and the version of each that shows one.
func TestAccountNamesDialects(t *testing.T) {
	t.Parallel()
	_, account, _ := explain(t, attributes{"openinference.span.kind": "LLM", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"})
	var names []string
	last := 0
	for _, d := range account.Dialects {
		names = append(names, d.Name)
		if d.Place <= last {
			t.Errorf("%s stands at %d, behind %d", d.Name, d.Place, last)
		}
		last = d.Place
	}
	if d := cmp.Diff([]string{"openinference", "otel-genai"}, names); d != "" || account.Dialects[1].Version == "" {
		t.Errorf("%+v, -want +got:\n%s", account.Dialects, d)
	}
}

// TestAccountPreviews: the beginning of a value is told, whatever type it has.
func TestAccountPreviews(t *testing.T) {
	t.Parallel()
	_, account, _ := explain(t, attributes{
		"long": strings.Repeat("é", dialect.PreviewBytes), "broken": "a\xffb", "list": []any{int64(1), "x"}, "number": 1.5, "none": nil,
	})
	got := map[string]string{}
	for _, s := range account.Sources {
		if got[s.Key] = s.Value; s.Cut != (s.Key == "long") {
			t.Errorf("%s: cut %v", s.Key, s.Cut)
		}
	}
	want := map[string]string{
		"long": strings.Repeat("é", dialect.PreviewBytes/2), "broken": "a\uFFFDb", "list": `[1,"x"]`, "number": "1.5", "none": "",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestAccountOfHostileRecords: whatever a log record holds, AccountLog reads it as Log does, and merging with an account
// gives the span that merging without one gives.
func TestAccountOfHostileRecords(t *testing.T) {
	t.Parallel()
	n := dialect.New(dialect.Options{})
	keys := append(dialect.Keys(), "content", "message", "role", "id", "tool_calls", "index", "finish_reason", "prompt", "response_text", "gen_ai.event.content")
	events := []string{"gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result", "codex.user_prompt", "strands.telemetry.tracer", ""}
	set := rapid.MapOfN(rapid.SampledFrom(keys), hostileValue(), 0, 12)
	rapid.Check(t, func(rt *rapid.T) {
		r := wire.ReadTraces(hostileSpan(t, "", "chat", set.Draw(rt, "attributes of the span")))
		r.Next()
		var s, plain genai.Span
		account := n.Account(&s, r.Resource(), r.Scope(), r.Span())
		n.Span(&plain, r.Resource(), r.Scope(), r.Span())
		var fragments []dialect.Fragment
		var spans []genai.Span
		for i := range rapid.IntRange(1, 4).Draw(rt, "records") {
			ld := plog.NewLogs()
			sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
			sl.Scope().SetName(rapid.SampledFrom([]string{"", "org.springframework.ai.x", "strands.telemetry.tracer"}).Draw(rt, "scope"))
			l := sl.LogRecords().AppendEmpty()
			l.SetTraceID(pcommon.TraceID{1})
			l.SetSpanID(pcommon.SpanID{2})
			l.SetTimestamp(pcommon.Timestamp(rapid.IntRange(0, 2).Draw(rt, "time")))
			l.SetEventName(rapid.SampledFrom(events).Draw(rt, "event"))
			body := any(set.Draw(rt, "body"))
			if rapid.Bool().Draw(rt, "one value") {
				body = hostileValue().Draw(rt, "body")
			}
			if err := errors.Join(l.Attributes().FromRaw(set.Draw(rt, "attributes")), l.Body().FromRaw(body)); err != nil {
				rt.Fatal(err)
			}
			it := firstRecord(t, ld)
			f, logged := dialect.Fragment{Number: i + 1}, genai.Span{}
			var ok bool
			f.Account, ok = n.AccountLog(&f.Span, it.Resource(), it.Scope(), it.Record())
			if again := n.Log(&logged, it.Resource(), it.Scope(), it.Record()); ok != again {
				rt.Fatalf("AccountLog says %v, Log %v", ok, again)
			}
			if d := cmp.Diff(logged, f.Span, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
				rt.Fatalf("AccountLog reads the record differently (-Log +AccountLog):\n%s", d)
			}
			if ok {
				if len(f.Sources) == 0 {
					rt.Errorf("record %d %q is a part of the span, and nothing is said of it", f.Number, f.Span.Name)
				}
				fragments, spans = append(fragments, f), append(spans, logged)
			}
		}
		account.Merge(&s, fragments)
		plain.Merge(spans)
		if d := cmp.Diff(plain, s, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			rt.Fatalf("merged differently:\n%s", d)
		}
	})
}

// TestAccountIsBounded: thousands of events and attributes over long contents cost what they are and not their product.
func TestAccountIsBounded(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.Attributes().PutStr("gen_ai.operation.name", "chat")
	s.Attributes().PutStr("gen_ai.input.messages", `[`+strings.Repeat(`{"role":"user","parts":[{"type":"text","content":"`+strings.Repeat("x", 1000)+`"}]},`, 1000)+`{}]`)
	for i := range 900 {
		s.Attributes().PutStr(fmt.Sprintf("gen_ai.prompt.variable.%d", i), "v")
	}
	const events = 4000
	for range events {
		e := s.Events().AppendEmpty()
		e.SetName("gen_ai.choice")
		e.Attributes().PutStr("message", `{"content":"a"}`)
	}
	r := firstSpan(t, td)
	var before, after runtime.MemStats
	var got genai.Span
	runtime.ReadMemStats(&before)
	sources := dialect.New(dialect.Options{}).Explain(&got, r.Resource(), r.Scope(), r.Span())
	runtime.ReadMemStats(&after)
	if len(got.Output) != events || len(sources) < events+900 {
		t.Errorf("%d messages of %d events, %d sources", len(got.Output), events, len(sources))
	}
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 256 { // comparing the contents themselves takes some 20 GB
		t.Errorf("%d MiB allocated for a span of 1 MiB with %d events", mb, events)
	}
}

// ownFields are those that stand in the span itself, and which dialect it was.
var ownFields = []string{"TraceState", "Name", "Kind", "StatusCode", "StatusMessage", "Dialect", "DialectVersion"}

// TestEveryFieldHasASource: of every captured span and its log records, each field that is not empty was filled by
// something, and nothing is said to fill a field that is empty. The account reads as the writer does.
func TestEveryFieldHasASource(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(dirs))
	}
	n := dialect.New(dialect.Options{})
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.pb"))
		if err != nil {
			t.Fatal(err)
		}
		type told struct {
			span, plain genai.Span
			dialect.Account
		}
		var spans []*told
		records := map[genai.SpanID][]dialect.Fragment{}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(file, "_traces") {
				for r := wire.ReadTraces(b); r.Next(); {
					s := new(told)
					s.Account = n.Account(&s.span, r.Resource(), r.Scope(), r.Span())
					n.Span(&s.plain, r.Resource(), r.Scope(), r.Span())
					spans = append(spans, s)
				}
				continue
			}
			for r := wire.ReadLogs(b); r.Next(); {
				f, plain := dialect.Fragment{}, genai.Span{}
				var ok bool
				f.Account, ok = n.AccountLog(&f.Span, r.Resource(), r.Scope(), r.Record())
				if again := n.Log(&plain, r.Resource(), r.Scope(), r.Record()); ok != again || !cmp.Equal(f.Span, plain, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()) {
					t.Errorf("%s: a record is read differently (-Log +AccountLog):\n%s", file, cmp.Diff(plain, f.Span))
				}
				if ok {
					f.Number = len(records[f.Span.SpanID]) + 1
					records[f.Span.SpanID] = append(records[f.Span.SpanID], f)
				}
			}
		}
		for _, s := range spans {
			var fragments []genai.Span
			for _, f := range records[s.span.SpanID] {
				fragments = append(fragments, f.Span)
			}
			s.plain.Merge(fragments)
			s.Merge(&s.span, records[s.span.SpanID])
			if d := cmp.Diff(s.plain, s.span, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
				t.Errorf("%s: span %s is merged differently:\n%s", dir, s.span.SpanID, d)
			}
			filled := map[string]bool{}
			has := dialect.Differences(&s.span, &genai.Span{})
			for _, src := range s.Sources {
				if src.Outcome == dialect.Repeated || src.Outcome == dialect.Conflict {
					for _, f := range src.Fields {
						if !slices.Contains(has, f) {
							t.Errorf("%s: span %s %q: %s is said to %s %s, which the span does not have", dir, s.span.SpanID, s.span.Name, src.Key, src.Outcome, f)
						}
					}
				}
				if src.Outcome == dialect.Filled || src.Outcome == dialect.Derived {
					for _, f := range src.Fields {
						filled[f] = f != "Usage.Reported"
					}
				}
			}
			for _, f := range has {
				if !filled[f] && !slices.Contains(ownFields, f) {
					t.Errorf("%s: span %s %q: nothing filled %s", dir, s.span.SpanID, s.span.Name, f)
				}
				delete(filled, f)
			}
			for f, is := range filled {
				if is {
					t.Errorf("%s: span %s %q: %s is filled and empty", dir, s.span.SpanID, s.span.Name, f)
				}
			}
		}
	}
}
