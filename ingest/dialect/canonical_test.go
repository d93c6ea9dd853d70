package dialect_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
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

// canonical is what of a span the conventions have attributes for.
func canonical(s *genai.Span) genai.Span {
	c := genai.Span{
		Operation: s.Operation, Provider: s.Provider, RequestModel: s.RequestModel, ResponseModel: s.ResponseModel, ResponseID: s.ResponseID,
		Request: s.Request, System: s.System, Input: s.Input, Output: s.Output, Tools: s.Tools, Tool: s.Tool, Retrieval: s.Retrieval,
		FinishReasons: s.FinishReasons, Agent: s.Agent, Workflow: s.Workflow, Conversation: s.Conversation,
		Prompt: genai.Prompt{Name: s.Prompt.Name, Version: s.Prompt.Version}, Error: genai.Error{Type: s.Error.Type},
	}
	u := s.Usage
	c.Usage = genai.Usage{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite, Reasoning: u.Reasoning}
	c.Request.ServerAddress = ""
	if s.Operation == genai.OpExecuteTool && (s.Tool.Arguments != "" || s.Tool.Result != "") {
		c.Input, c.Output = nil, nil // a tool's span has no messages
	}
	if s.Operation == genai.OpEmbeddings {
		c.Input = nil // what is embedded is no message
	}
	return c
}

// asAttributes says a span in the conventions' own attributes, as a sender of today would.
func asAttributes(t failer, s *genai.Span) map[string]any {
	attrs := map[string]any{}
	text := func(key, v string) {
		if v != "" {
			attrs[key] = v
		}
	}
	list := func(key string, v any, n int) {
		if n == 0 {
			return
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		attrs[key] = string(b)
	}
	tokens := func(key string, v genai.Tokens) {
		if v.Known {
			attrs[key] = v.N
		}
	}
	text("gen_ai.operation.name", string(s.Operation))
	text("gen_ai.provider.name", s.Provider)
	text("gen_ai.request.model", s.RequestModel)
	text("gen_ai.response.model", s.ResponseModel)
	text("gen_ai.response.id", s.ResponseID)
	text("gen_ai.output.type", s.Request.OutputType)
	text("gen_ai.request.structured_output_schema", string(s.Request.OutputSchema))
	text("gen_ai.request.reasoning.level", s.Request.ReasoningLevel)
	text("gen_ai.agent.id", s.Agent.ID)
	text("gen_ai.agent.name", s.Agent.Name)
	text("gen_ai.agent.description", s.Agent.Description)
	text("gen_ai.agent.version", s.Agent.Version)
	text("gen_ai.workflow.name", s.Workflow)
	text("gen_ai.conversation.id", s.Conversation)
	text("gen_ai.prompt.name", s.Prompt.Name)
	text("gen_ai.prompt.version", s.Prompt.Version)
	text("gen_ai.tool.name", s.Tool.Name)
	text("gen_ai.tool.type", s.Tool.Type)
	text("gen_ai.tool.description", s.Tool.Description)
	text("gen_ai.tool.call.id", s.Tool.CallID)
	text("gen_ai.tool.call.arguments", string(s.Tool.Arguments))
	text("gen_ai.tool.call.result", string(s.Tool.Result))
	text("gen_ai.data_source.id", s.Retrieval.DataSource)
	text("gen_ai.retrieval.query.text", s.Retrieval.Query)
	text("error.type", s.Error.Type)
	if s.Retrieval.TopK != 0 {
		attrs["gen_ai.retrieval.top_k"] = s.Retrieval.TopK
	}
	list("gen_ai.system_instructions", s.System, len(s.System))
	list("gen_ai.input.messages", s.Input, len(s.Input))
	list("gen_ai.output.messages", s.Output, len(s.Output))
	list("gen_ai.tool.definitions", s.Tools, len(s.Tools))
	if n := len(s.Retrieval.Documents); n > 0 {
		docs := make([]map[string]any, n)
		for i, d := range s.Retrieval.Documents {
			docs[i] = map[string]any{"id": d.ID, "content": d.Content, "score": nil}
			if d.HasScore {
				docs[i]["score"] = d.Score
			}
			if d.Metadata != "" {
				docs[i]["metadata"] = d.Metadata
			}
		}
		list("gen_ai.retrieval.documents", docs, n)
	}
	if n := len(s.FinishReasons); n > 0 {
		var reasons []any
		for _, f := range s.FinishReasons {
			reasons = append(reasons, string(f))
		}
		attrs["gen_ai.response.finish_reasons"] = reasons
	}
	if n := len(s.Request.StopSequences); n > 0 {
		var stops []any
		for _, f := range s.Request.StopSequences {
			stops = append(stops, f)
		}
		attrs["gen_ai.request.stop_sequences"] = stops
	}
	tokens("gen_ai.usage.input_tokens", s.Usage.Input)
	tokens("gen_ai.usage.output_tokens", s.Usage.Output)
	tokens("gen_ai.usage.cache_read.input_tokens", s.Usage.CacheRead)
	tokens("gen_ai.usage.cache_write.input_tokens", s.Usage.CacheWrite)
	tokens("gen_ai.usage.reasoning.output_tokens", s.Usage.Reasoning)
	q := s.Request
	for key, v := range map[string]*int64{"max_tokens": q.MaxTokens, "seed": q.Seed, "choice.count": q.ChoiceCount} {
		if v != nil {
			attrs["gen_ai.request."+key] = *v
		}
	}
	for key, v := range map[string]*float64{
		"temperature": q.Temperature, "top_p": q.TopP, "top_k": q.TopK, "frequency_penalty": q.FrequencyPenalty, "presence_penalty": q.PresencePenalty,
	} {
		if v != nil {
			attrs["gen_ai.request."+key] = *v
		}
	}
	if q.Stream != nil {
		attrs["gen_ai.request.stream"] = *q.Stream
	}
	return attrs
}

var asCanonical = cmp.Options{
	cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(genai.Message{}, "Encoded"),
	// Arguments that are no JSON are a string of JSON within a message.
	cmp.Comparer(func(a, b genai.JSON) bool { return a == b || a.Text() == b.Text() }),
}

// checker is a test, or one that rapid runs.
type checker interface {
	failer
	Errorf(format string, args ...any)
}

// TestCanonicalStays: what the conventions say of a span that was read, in whatever dialect, reads as that span again.
func TestCanonicalStays(t *testing.T) {
	t.Parallel()
	n := dialect.New(dialect.Options{})
	check := func(t checker, what string, s *genai.Span) {
		list := func(f genai.FinishReason) bool { return strings.HasPrefix(string(f), "[") } // would be read as its elements
		if s.Operation == "" || slices.ContainsFunc(s.FinishReasons, list) {
			return
		}
		want := canonical(s)
		td := ptrace.NewTraces()
		span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID(s.TraceID))
		span.SetSpanID(pcommon.SpanID(s.SpanID))
		if err := span.Attributes().FromRaw(asAttributes(t, s)); err != nil {
			t.Fatal(err)
		}
		r := firstSpan(t, td)
		var again genai.Span
		n.Span(&again, r.Resource(), r.Scope(), r.Span())
		if d := cmp.Diff(want, canonical(&again), asCanonical); d != "" {
			t.Errorf("%s reads differently once it was said canonically (-before +after):\n%s", what, d)
		}
	}
	files, err := filepath.Glob("testdata/*/*/*_traces.pb")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for r := wire.ReadTraces(b); r.Next(); {
			var s genai.Span
			n.Span(&s, r.Resource(), r.Scope(), r.Span())
			check(t, strings.TrimPrefix(file, "testdata/")+" "+s.Name, &s)
		}
	}
	if t.Failed() {
		return
	}
	flat, scopes, spans := dialect.Prefixes()
	keys := dialect.Keys()
	key := rapid.OneOf(rapid.SampledFrom(keys), rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom(flat).Draw(t, "list") + rapid.SampledFrom(indices).Draw(t, "index") + rapid.SampledFrom(leaves).Draw(t, "leaf")
	}))
	set := rapid.MapOfN(key, hostileValue(), 0, 24)
	rapid.Check(t, func(rt *rapid.T) {
		scope := strings.TrimSpace(rapid.SampledFrom(append(scopes, "")).Draw(rt, "scope"))
		name := rapid.SampledFrom(append(spans, spanNames...)).Draw(rt, "name")
		r := wire.ReadTraces(hostileSpan(t, scope, name, set.Draw(rt, "attributes")))
		r.Next()
		var s genai.Span
		n.Span(&s, r.Resource(), r.Scope(), r.Span())
		check(rt, "the span", &s)
	})
}
