package dialect_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
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

// captured gives the attribute keys of all captures and dialects, and the string values of the captures.
func captured(t *testing.T) (keys, values []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*/*_traces.pb")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	k, v := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for r := wire.ReadTraces(b); r.Next(); {
			for it := r.Span().Attributes(); it.Next(); {
				k[string(it.Key())] = true
				v[string(it.Value().Str())] = true
			}
		}
	}
	for _, name := range dialect.Keys() {
		k[name] = true
	}
	return slices.Sorted(maps.Keys(k)), slices.Sorted(maps.Keys(v))
}

// TestNothingIsLost: whatever values the keys of all dialects have, and however they are mixed, an
// attribute that is not kept ended in a field, or says what a field holds; and a span that was used
// before reads like a new one.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	keys, values := captured(t)
	n := dialect.New(dialect.Options{})
	var used genai.Span
	rapid.Check(t, func(t *rapid.T) {
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		ss.Scope().SetName(rapid.SampledFrom([]string{"", "ai", "gen_ai", "@traceloop/instrumentation-anthropic", "@arizeai/openinference-x", "langfuse-sdk", "langsmith", "langwatch", "lmnr", "pydantic-ai", "openlit.x"}).Draw(t, "scope"))
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{2})
		attrs := map[string]any{}
		for range rapid.IntRange(0, 40).Draw(t, "attributes") {
			attrs[rapid.SampledFrom(keys).Draw(t, "key")] = rapid.OneOf(
				rapid.Map(rapid.SampledFrom(values), func(s string) any { return s }),
				rapid.Map(rapid.String(), func(s string) any { return s }),
				rapid.Map(rapid.Int64(), func(i int64) any { return i }),
				rapid.Map(rapid.Float64(), func(f float64) any { return f }),
				rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any]([]any{"a", int64(1)}), rapid.Just[any](map[string]any{"a": "b"}),
			).Draw(t, "value")
		}
		if err := span.Attributes().FromRaw(attrs); err != nil {
			t.Fatal(err)
		}
		r := firstSpan(t, td)
		var s genai.Span
		n.Span(&used, r.Resource(), r.Scope(), r.Span())
		held := map[string]bool{}
		for _, src := range n.Explain(&s, r.Resource(), r.Scope(), r.Span()) {
			if src.Outcome == dialect.Filled || src.Outcome == dialect.Repeated {
				held[src.Key] = true
			}
		}
		if d := cmp.Diff(s, used, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("a new span and a used one read differently:\n%s", d)
		}
		for _, a := range s.Attributes {
			held[a.Key] = true
		}
		for _, c := range s.Usage.Reported { // of counts that differ
			held[c.Key] = true
		}
		for k := range attrs {
			if !held[k] {
				t.Errorf("%s = %v is neither in a field nor kept", k, attrs[k])
			}
		}
	})
}
