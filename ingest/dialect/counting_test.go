package dialect_test

// Every way in which the tokens of a trace are counted twice, or not at all, when the counts of its spans are
// just added up. How a tree is summed is genai's (usage_tree_test.go); here is what senders really send.

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/genai"
)

// TestTracesAreCountedOnce sums up each captured trace as it is read. Of many the sum over all spans is wrong.
func TestTracesAreCountedOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*/expected.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	var doubled []string // of which the sum over all spans is another
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "testdata/")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Traces map[string]struct {
				Input  int64 `json:"input_tokens"`
				Output int64 `json:"output_tokens"`
			}
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		nodes, all := map[string][]genai.UsageNode{}, map[string]int64{}
		spans, _ := readCapture(t, filepath.Dir(file))
		for _, s := range spans {
			id := s.TraceID.String()
			nodes[id] = append(nodes[id], s.UsageNode(s.Usage.Rollup))
			all[id] += s.Usage.Input.N
		}
		for id, w := range want.Traces {
			sum := genai.SumUsage(nodes[id], genai.NewUsageTree(nodes[id]).Roles)
			if sum.Input.N != w.Input || sum.Output.N != w.Output {
				t.Errorf("%s, trace %s: %d/%d, want %d/%d", name, id, sum.Input.N, sum.Output.N, w.Input, w.Output)
			}
			if all[id] != w.Input {
				doubled = append(doubled, name)
			}
		}
	}
	for _, name := range []string{
		"vercel-ai-v4/tools", "vercel-ai-v6/tools", "vercel-ai-v7-genai/tools", "vercel-ai-v7-genai-full/stream", // wrappers: the last step, the sum
		"vercel-ai-v4/embed", "vercel-ai-v6/embed",
		"strands-js/stable_openai", "strands-js/latest_openai", "strands-js/stable_anthropic", // agents
		"openinference-openai/anthropic", "openinference-openai/anthropic_stream", // an SDK that speaks for itself
	} {
		if !slices.Contains(doubled, name) {
			t.Errorf("%s: the sum over all spans is right, so the capture shows nothing", name)
		}
	}
}

// TestOneResponseIsOneCount: the same response of Anthropic's interface, 12 tokens beside 2176 of the cache, was recorded by
// clients of which some report 12 and some 2188.
func TestOneResponseIsOneCount(t *testing.T) {
	t.Parallel()
	reported := map[int64]bool{}
	for _, name := range []string{
		"anthropic-sdk-native/anthropic", "openinference-openai/anthropic", "openllmetry-js-0.27/anthropic",
		"vercel-ai-v4/anthropic", "vercel-ai-v6/anthropic", "vercel-ai-v7-genai/anthropic", "strands-js/stable_anthropic",
	} {
		calls := 0
		spans, _ := readCapture(t, filepath.Join("testdata", name))
		for _, s := range spans {
			if u := s.Usage; s.Countable() {
				calls++
				if u.Input.N != 2188 || u.CacheRead.N != 2048 || u.CacheWrite.N != 128 || u.Output.N != 17 {
					t.Errorf("%s: %+v", name, u)
				}
				for _, r := range u.Reported {
					reported[r.N] = true
				}
			}
		}
		if calls == 0 {
			t.Errorf("%s has no call", name)
		}
	}
	if !reported[12] || !reported[2188] {
		t.Errorf("all clients report alike: %v", reported)
	}
}

// TestCachedTokensAreCountedOnce: whether the input count includes them, by dialect, provider and version; what
// only the numbers tell.
func TestCachedTokensAreCountedOnce(t *testing.T) {
	t.Parallel()
	usage := func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Rule, s.Countable()} }
	parts := func(s *genai.Span) any {
		u := s.Usage
		return []any{u.Input.N, u.Output.N, u.CacheRead.N, u.CacheWrite.N, u.Reasoning.N}
	}
	inside := []any{int64(100), genai.CacheIncluded, true}
	counts := func(more attributes) attributes {
		out := attributes{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.output_tokens": int64(20)}
		maps.Copy(out, more)
		return out
	}
	checkFields(t, map[string]fieldCase{
		"the conventions": {
			in:  counts(attributes{"gen_ai.provider.name": "openai", "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: inside,
		},
		"the conventions, Anthropic": {
			in:  counts(attributes{"gen_ai.provider.name": "anthropic", "gen_ai.usage.cache_read.input_tokens": int64(5), "gen_ai.usage.cache_creation.input_tokens": int64(7)}),
			get: usage, want: inside,
		},
		"the conventions, by the name that came last": {
			in:  counts(attributes{"gen_ai.usage.cache_read.input_tokens": int64(5), "gen_ai.usage.cache_write.input_tokens": int64(7)}),
			get: parts, want: []any{int64(100), int64(20), int64(5), int64(7), int64(0)},
		},
		"Anthropic's own SDK": {
			scope: "com.anthropic.sdk.typescript", in: counts(attributes{"gen_ai.provider.name": "anthropic", "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: inside,
		},
		"OpenInference": {
			in: attributes{
				"openinference.span.kind": "LLM", "llm.token_count.prompt": int64(100), "llm.token_count.completion": int64(20), "llm.provider": "anthropic",
				"llm.token_count.prompt_details.cache_read": int64(5), "llm.token_count.prompt_details.cache_write": int64(7),
			}, get: usage, want: inside,
		},
		"OpenLLMetry in Python, Anthropic": {
			scope: "opentelemetry.instrumentation.anthropic",
			in:    counts(attributes{"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.usage.cache_read_input_tokens": int64(5)}),
			get:   usage, want: inside,
		},
		"Pydantic AI": {
			scope: "pydantic-ai", in: counts(attributes{"gen_ai.system": "anthropic", "model_request_parameters": `{}`, "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: inside,
		},
		"OpenLIT, OpenAI": {
			scope: "openlit.instrumentation.openai", in: counts(attributes{"gen_ai.request.is_stream": false, "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: inside,
		},
		"Claude Code": {
			span: "claude_code.llm_request", in: attributes{"input_tokens": int64(100), "output_tokens": int64(20), "cache_read_tokens": int64(5), "cache_creation_tokens": int64(7)},
			get: usage, want: []any{int64(112), genai.CacheByDialect, true},
		},
		"Anthropic's answer as it is": {
			in: attributes{
				"langsmith.span.kind": "llm", "gen_ai.completion": `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"a"}],` +
					`"usage":{"input_tokens":100,"output_tokens":20,"cache_read_input_tokens":5,"cache_creation_input_tokens":7}}`,
			}, get: usage, want: []any{int64(112), genai.CacheByDialect, true},
		},
		"OpenAI's answer as it is": {
			in: attributes{
				"langsmith.span.kind": "llm", "gen_ai.completion": `{"choices":[{"message":{"role":"assistant","content":"a"}}],` +
					`"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":9}}}`,
			}, get: parts, want: []any{int64(100), int64(20), int64(5), int64(0), int64(9)},
		},
		"a total that counts the cache beside the input": {
			in:  counts(attributes{"gen_ai.usage.total_tokens": int64(125), "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: []any{int64(105), genai.CacheBySum, true},
		},
		"a total that does not": {
			in:  counts(attributes{"gen_ai.usage.total_tokens": int64(120), "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: usage, want: inside,
		},
		"more cached tokens than input": {
			in:  counts(attributes{"gen_ai.usage.cache_read.input_tokens": int64(2000), "gen_ai.usage.cache_creation.input_tokens": int64(7)}),
			get: usage, want: []any{int64(2107), genai.CacheBySum, true},
		},
		"Langfuse's buckets, none of which includes another": {
			in:  attributes{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": `{"input":100,"output":20,"cache_read_input_tokens":5,"cache_creation_input_tokens":7,"output_reasoning_tokens":9}`},
			get: parts, want: []any{int64(112), int64(29), int64(5), int64(7), int64(9)},
		},
		"two spellings of one count": {
			in:  counts(attributes{"gen_ai.usage.prompt_tokens": int64(100), "gen_ai.usage.completion_tokens": int64(20), "llm.usage.total_tokens": int64(120), "gen_ai.usage.cache_read_input_tokens": int64(5), "gen_ai.usage.cache_read.input_tokens": int64(5)}),
			get: parts, want: []any{int64(100), int64(20), int64(5), int64(0), int64(0)},
		},
		"a zero with dots before its flat alias": {
			in:  counts(attributes{"gen_ai.usage.cache_read.input_tokens": int64(0), "gen_ai.usage.cache_read_input_tokens": int64(5)}),
			get: parts, want: []any{int64(100), int64(20), int64(0), int64(0), int64(0)},
		},
		"what begins like a count and is none": {
			in:  counts(attributes{"gen_ai.usage.input_token_details": `{"cache_read":5}`, "gen_ai.usage.output_token_details": `{"reasoning":9}`, "gen_ai.usage.cost": 0.5}),
			get: func(s *genai.Span) any { return []any{s.Usage.Input.N, s.Usage.Output.N, s.Cost.Amount} }, want: []any{int64(100), int64(20), "0.5"},
		},
		"a price of zero is not known": {
			in: counts(attributes{"gen_ai.usage.cost": 0.0}), get: func(s *genai.Span) any { return s.Cost }, want: genai.Cost{},
		},
		"reasoning is a part of the output": {
			in:  counts(attributes{"gen_ai.usage.reasoning.output_tokens": int64(9)}),
			get: parts, want: []any{int64(100), int64(20), int64(0), int64(0), int64(9)},
		},
		"Gemini's thoughts are beside its candidates": {
			in: attributes{
				"gcp.vertex.agent.llm_request":  `{"model":"gemini-2.5-pro","contents":[{"role":"user","parts":[{"text":"q"}]}]}`,
				"gcp.vertex.agent.llm_response": `{"usage_metadata":{"prompt_token_count":100,"candidates_token_count":20,"thoughts_token_count":9,"total_token_count":129}}`,
			}, get: parts, want: []any{int64(100), int64(29), int64(0), int64(0), int64(9)},
		},
	})
}
