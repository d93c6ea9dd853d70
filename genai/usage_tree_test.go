package genai_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
)

// at is the id of the nth span of a case; 0 is no span.
func at(n byte) genai.SpanID {
	if n == 0 {
		return genai.SpanID{}
	}
	return genai.SpanID{7: n}
}

// span is one node of a case: number, parent, operation, model, response id, input and output tokens; -1 is unknown.
func span(n, parent byte, op genai.Operation, model, response string, in, out int64) genai.UsageNode {
	count := func(n int64) genai.Tokens {
		if n < 0 {
			return genai.Tokens{}
		}
		return genai.Count(n)
	}
	return genai.UsageNode{
		SpanID: at(n), ParentSpanID: at(parent), Start: time.Unix(int64(n), 0), Operation: op, ResponseModel: model,
		ResponseID: response, Usage: genai.Usage{Input: count(in), Output: count(out)},
	}
}

func wrapper(n genai.UsageNode) genai.UsageNode {
	n.Wrapper = true
	return n
}

// requested makes the model what was asked for; what served the call is not known.
func requested(n genai.UsageNode) genai.UsageNode {
	n.RequestModel, n.ResponseModel = n.ResponseModel, ""
	return n
}

// naive is what a sum over all spans would say.
func naive(nodes []genai.UsageNode) (sum genai.Usage) {
	for i := range nodes {
		sum.Input.N += nodes[i].Usage.Input.N
		sum.Output.N += nodes[i].Usage.Output.N
	}
	return sum
}

const (
	mini   = "gpt-4o-mini"
	served = "gpt-4o-mini-2024-07-18"
	sonnet = "claude-sonnet-4-5-20250929"
)

// TestUsageTree has the numbers of recorded traces of the instrumentations that the case names; each
// is one of which the sum over all spans is wrong.
func TestUsageTree(t *testing.T) {
	t.Parallel()
	const long = "chatcmpl-BxYz0123456789abcdefghij"
	for _, tc := range []struct {
		name    string
		nodes   []genai.UsageNode
		in, out int64
		roles   string // one letter a node: counts, below, response, span, -
	}{
		{
			"AI SDK 6, generateText with two steps: the root has their sum", []genai.UsageNode{
				wrapper(requested(span(1, 0, genai.OpInvokeAgent, mini, "", 114, 46))),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(3, 1, genai.OpExecuteTool, "", "", -1, -1),
				span(4, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "bc-c",
		},
		{
			"AI SDK 4, the same: the root has the last step's, and is taken for a call", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, mini, "", 57, 23)),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(3, 1, genai.OpExecuteTool, "", "", -1, -1),
				span(4, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "bc-c",
		},
		{
			"AI SDK 4, Anthropic: the root leaves the cache out as the call below does", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, "claude-sonnet-4-5", "", 12, 17)),
				span(2, 1, genai.OpChat, sonnet, "msg_fake_hello", 2188, 17),
			}, 2188, 17, "bc",
		},
		{
			"AI SDK 7: agent, steps, calls", []genai.UsageNode{
				requested(span(1, 0, genai.OpInvokeAgent, mini, "", 114, 46)),
				span(2, 1, "agent_step", "", "", -1, -1),
				span(3, 2, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(4, 2, genai.OpExecuteTool, "", "", -1, -1),
				span(5, 1, "agent_step", "", "", -1, -1),
				span(6, 5, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "b-c--c",
		},
		{
			"AI SDK 7 embeddings, of a version whose outer span has usage, too", []genai.UsageNode{
				requested(span(1, 0, genai.OpEmbeddings, "text-embedding-3-small", "", 6, -1)),
				requested(span(2, 1, genai.OpEmbeddings, "text-embedding-3-small", "", 6, -1)),
			}, 6, 0, "bc",
		},
		{
			"AI SDK 5, renamed by Traceloop: all are called chat", []genai.UsageNode{
				wrapper(requested(span(1, 0, genai.OpChat, mini, "", 57, 23))),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(3, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "bcc",
		},
		{
			"Strands: agent, cycles, calls", []genai.UsageNode{
				requested(span(1, 0, genai.OpInvokeAgent, mini, "", 114, 46)),
				span(2, 1, "", "", "", -1, -1),
				requested(span(3, 2, genai.OpChat, mini, "", 57, 23)),
				span(4, 2, genai.OpExecuteTool, "", "", -1, -1),
				span(5, 1, "", "", "", -1, -1),
				requested(span(6, 5, genai.OpChat, mini, "", 57, 23)),
			}, 114, 46, "b-c--c",
		},
		{
			"Copilot CLI, pydantic-ai: the agent is an exact sum", []genai.UsageNode{
				span(1, 0, genai.OpInvokeAgent, "", "", 57, 23),
				span(2, 1, genai.OpChat, served, "", 57, 23),
			}, 57, 23, "bc",
		},
		{
			"ADK, newer: call_llm, which leaves thoughts out, above generate_content", []genai.UsageNode{
				span(1, 0, genai.OpInvokeAgent, "", "", -1, -1),
				requested(span(2, 1, "", "gemini-2.0-flash", "", 57, 15)),
				requested(span(3, 2, genai.OpGenerateContent, "gemini-2.0-flash", "", 57, 23)),
			}, 57, 23, "-bc",
		},
		{
			"ADK, call_llm read as a call", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, "gemini-2.0-flash", "", 57, 15)),
				requested(span(2, 1, genai.OpGenerateContent, "gemini-2.0-flash", "", 57, 23)),
			}, 57, 23, "bc",
		},
		{
			"Codex in the terminal: the turn sums up, the response repeats it", []genai.UsageNode{
				wrapper(span(1, 0, genai.OpInvokeAgent, "gpt-5-codex", "", 13297, 23)),
				span(2, 1, genai.OpChat, "gpt-5-codex", "", 13297, 23),
			}, 13297, 23, "bc",
		},
		{
			"codex exec: the responses are what counts, the turn sums them up", []genai.UsageNode{
				wrapper(span(1, 0, genai.OpInvokeAgent, "gpt-5-codex", "", 26600, 46)),
				span(2, 1, "", "", "", -1, -1),
				span(3, 2, genai.OpChat, "gpt-5-codex", "", 13297, 23),
				span(4, 2, genai.OpChat, "gpt-5-codex", "", 13303, 23),
			}, 26600, 46, "b-cc",
		},
		{
			"AI SDK 5, streamText with two steps: the root has the sum, and is taken for a call", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, mini, "", 114, 46)),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(3, 1, genai.OpExecuteTool, "", "", -1, -1),
				span(4, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "bc-c",
		},
		{
			"OpenInference around Anthropic's SDK, which speaks for itself", []genai.UsageNode{
				span(1, 0, genai.OpChat, sonnet, "", 2188, 17),
				span(2, 1, genai.OpChat, sonnet, "msg_fake_tool", 2188, 17),
				span(3, 0, genai.OpChat, sonnet, "", 2188, 17),
				span(4, 3, genai.OpChat, sonnet, "msg_fake_final", 2188, 17),
			}, 4376, 34, "bcbc",
		},
		{
			"Traceloop around Anthropic's SDK: the wrapper leaves the cache out", []genai.UsageNode{
				span(1, 0, genai.OpChat, sonnet, "", 12, 17),
				span(2, 1, genai.OpChat, sonnet, "msg_fake_hello", 2188, 17),
			}, 2188, 17, "bc",
		},
		{
			"LangSmith, LangChain: chains repeat the usage of their runs", []genai.UsageNode{
				span(1, 0, "chain", "", "", 114, 46),
				span(2, 1, genai.OpEmbeddings, "", "", -1, -1),
				span(3, 1, genai.OpExecuteTool, "", "", -1, -1),
				span(4, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
				span(5, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
			}, 114, 46, "b--cc",
		},
		{
			"LangSmith, streaming: the root has the attributes of the run below it", []genai.UsageNode{
				span(1, 0, genai.OpChat, served, "chatcmpl-fake-hello", 57, 23),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-hello", 57, 23),
			}, 57, 23, "bc",
		},
		{
			"streaming: guessed tokens above the provider's own", []genai.UsageNode{
				span(1, 0, genai.OpChat, served, "chatcmpl-fake-hello", 2, 6),
				span(2, 1, genai.OpChat, served, "chatcmpl-fake-hello", 57, 23),
			}, 57, 23, "bc",
		},
		{
			"streaming: guessed tokens beside the gateway's", []genai.UsageNode{
				span(1, 0, genai.OpChat, served, long, 2, 6),
				span(2, 0, genai.OpChat, served, long, 57, 23),
			}, 57, 23, "rc",
		},
		{
			"a gateway, its span below the client's, models named differently", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, "fast", long, 57, 23)),
				span(2, 1, "", "", "", -1, -1),
				span(3, 2, genai.OpChat, served, long, 57, 23),
			}, 57, 23, "b-c",
		},
		{
			"a gateway that starts over: no parent", []genai.UsageNode{
				requested(span(1, 0, genai.OpChat, "fast", long, 57, 23)),
				span(2, 0, genai.OpChat, served, long, 57, 23),
			}, 57, 23, "cr",
		},
		{
			"a gateway and an SDK under a wrapper, all three", []genai.UsageNode{
				span(1, 0, genai.OpChat, sonnet, "", 12, 17),
				span(2, 1, genai.OpChat, sonnet, "msg_01ABCDEFGHIJKLMNOPQRSTUV", 2188, 17),
				span(3, 0, genai.OpChat, sonnet, "msg_01ABCDEFGHIJKLMNOPQRSTUV", 2188, 17),
			}, 2188, 17, "bcr",
		},
		{
			"short ids repeat: Ollama's count to 999; the same tokens make it the same response", []genai.UsageNode{
				span(1, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 57, 23),
				span(2, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 80, 5),
				span(3, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 80, 5),
			}, 137, 28, "ccr",
		},
		{
			"an embedding below does not stand for an agent's answer, a chat does", []genai.UsageNode{
				span(1, 0, genai.OpInvokeAgent, "", "", 1000, 50),
				requested(span(2, 1, genai.OpEmbeddings, "text-embedding-3-small", "", 8, -1)),
				span(3, 0, genai.OpInvokeAgent, "", "", 1008, 50),
				requested(span(4, 3, genai.OpEmbeddings, "text-embedding-3-small", "", 8, -1)),
				span(5, 3, genai.OpChat, served, "", 1000, 50),
			}, 2016, 100, "ccbcc",
		},
		{
			"the same span twice, once with less", []genai.UsageNode{
				span(1, 0, genai.OpChat, served, "", 57, -1),
				span(1, 0, genai.OpChat, served, "", 57, 23),
			}, 57, 23, "sc",
		},
		{
			"a cycle, and what hangs on it", []genai.UsageNode{
				span(1, 2, genai.OpInvokeAgent, "", "", 57, 23),
				span(2, 1, genai.OpInvokeAgent, "", "", 57, 23),
				span(3, 1, genai.OpChat, served, "", 57, 23),
				span(4, 4, genai.OpInvokeAgent, "", "", 57, 23),
				span(5, 4, genai.OpChat, served, "", 57, 23),
			}, 171, 69, "bccbc",
		},
	} {
		roles := genai.NewUsageTree(tc.nodes).Roles
		sum := genai.SumUsage(tc.nodes, roles)
		if sum.Input.N != tc.in || sum.Output.N != tc.out || letters(roles) != tc.roles {
			t.Errorf("%s: %d/%d %s, want %d/%d %s", tc.name, sum.Input.N, sum.Output.N, letters(roles), tc.in, tc.out, tc.roles)
		}
		if n := naive(tc.nodes); n.Input.N == tc.in && n.Output.N == tc.out {
			t.Errorf("%s: the sum over all spans is right, so the case shows nothing", tc.name)
		}
	}
}

// TestRepeatedUsage: a span that does not count names one that has its usage.
func TestRepeatedUsage(t *testing.T) {
	t.Parallel()
	const long = "chatcmpl-BxYz0123456789abcdefghij"
	for _, tc := range []struct {
		name    string
		nodes   []genai.UsageNode
		repeats []byte
	}{
		{"the earliest of the spans below", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", 114, 46), span(2, 1, "", "", "", -1, -1),
			span(3, 2, genai.OpChat, served, "", 57, 23), span(4, 2, genai.OpChat, served, "", 57, 23),
		}, []byte{3, 0, 0, 0}},
		{"not an embedding for an answer, although it is earlier", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", 1008, 50),
			span(2, 1, genai.OpEmbeddings, "text-embedding-3-small", "", 8, -1), span(3, 1, genai.OpChat, served, "", 1000, 50),
		}, []byte{3, 0, 0}},
		{"not a guard model's call beside the repetition", []genai.UsageNode{
			span(1, 0, genai.OpChat, "gpt-4o", long, 57, 23),
			span(2, 1, genai.OpChat, mini, "", 30, 1), span(3, 1, genai.OpChat, "gpt-4o", long, 57, 23),
		}, []byte{3, 0, 0}},
		{"short ids: the one with the same tokens", []genai.UsageNode{
			span(1, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 57, 23), span(2, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 80, 5),
			span(3, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 57, 23), span(4, 0, genai.OpChat, "llama3.1", "chatcmpl-412", 80, 5),
		}, []byte{0, 0, 1, 2}},
		{"a long id: whatever the tokens", []genai.UsageNode{
			span(1, 0, genai.OpChat, served, long, 2, 6), span(2, 0, genai.OpChat, served, long, 57, 23),
		}, []byte{2, 0}},
		{"a cycle repeats nothing within itself", []genai.UsageNode{
			span(1, 2, genai.OpInvokeAgent, "", "", 57, 23), span(2, 1, genai.OpInvokeAgent, "", "", 57, 23), span(3, 1, genai.OpChat, served, "", 57, 23),
		}, []byte{3, 0, 0}},
	} {
		tree := genai.NewUsageTree(tc.nodes)
		for i, want := range tc.repeats {
			if got := tree.Repeats(i); got != at(want) {
				t.Errorf("%s: span %d repeats %s, want %s", tc.name, i+1, got, at(want))
			}
		}
	}
}

// TestCostsOfATrace: whose cost counts where usage does not say it.
func TestCostsOfATrace(t *testing.T) {
	t.Parallel()
	const long = "resp_0123456789abcdef0123"
	for _, tc := range []struct {
		name   string
		nodes  []genai.UsageNode
		counts string // one letter a node: counts, no, - without a cost
	}{
		{"calls, not the agent above them", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", 114, 46), span(2, 1, genai.OpChat, served, "", 57, 23), span(3, 1, genai.OpChat, served, "", 57, 23),
		}, "ncc"},
		{"an agent that sums up costs without tokens, and a picture below a tool", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", -1, -1), span(2, 1, genai.OpExecuteTool, "", "", -1, -1), span(3, 2, genai.OpGenerateContent, mini, "", -1, -1),
		}, "nnc"},
		{"the parts of a call's cost below it", []genai.UsageNode{
			span(1, 0, genai.OpChat, served, "", 57, 23), span(2, 1, "", "", "", -1, -1),
		}, "cn"},
		{"a gateway without tokens beside its client", []genai.UsageNode{
			span(1, 0, genai.OpChat, served, "", 57, 23), span(2, 0, genai.OpChat, served, long, -1, -1), span(3, 0, genai.OpChat, served, long, 57, 23),
		}, "cnc"},
		{"two that saw one response, both without tokens: the earlier", []genai.UsageNode{
			span(2, 0, genai.OpGenerateContent, mini, long, -1, -1), span(1, 0, genai.OpGenerateContent, mini, long, -1, -1),
		}, "nc"},
		{"short ids say nothing without tokens", []genai.UsageNode{
			span(1, 0, genai.OpGenerateContent, mini, "7", -1, -1), span(2, 0, genai.OpGenerateContent, mini, "7", -1, -1), span(3, 0, genai.OpChat, mini, "7", 57, 23),
		}, "ccc"},
		{"a cycle", []genai.UsageNode{
			span(1, 2, "chain", "", "", -1, -1), span(2, 1, "chain", "", "", -1, -1),
		}, "cc"},
	} {
		priced := make([]bool, len(tc.nodes))
		for i := range priced {
			priced[i] = true
		}
		got := ""
		for _, counts := range genai.NewUsageTree(tc.nodes).Costs(priced) {
			got += map[bool]string{true: "c", false: "n"}[counts]
		}
		if got != tc.counts {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.counts)
		}
	}
}

func letters(roles []genai.UsageRole) string {
	var b strings.Builder
	for _, r := range roles {
		b.WriteByte("-cbrs"[r])
	}
	return b.String()
}

// TestUsageThatAllCounts: what looks like a repetition and is none. Here the sum over all spans is right.
func TestUsageThatAllCounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		nodes []genai.UsageNode
	}{
		{"two calls, the same tokens", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", -1, -1),
			span(2, 1, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
			span(3, 1, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
		}},
		{"a tool of a call that calls the model again", []genai.UsageNode{
			span(1, 0, genai.OpChat, served, "chatcmpl-fake-tool", 57, 23),
			span(2, 1, genai.OpExecuteTool, "", "", -1, -1),
			span(3, 2, genai.OpChat, served, "chatcmpl-fake-final", 57, 23),
		}},
		{"a guard model inside a call", []genai.UsageNode{
			span(1, 0, genai.OpChat, "gpt-4o", "", 57, 23),
			span(2, 1, genai.OpChat, mini, "", 30, 1),
		}},
		{"an agent whose calls were not recorded", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", 114, 46),
			span(2, 1, genai.OpExecuteTool, "", "", -1, -1),
		}},
		{"codex exec without a sum in its turn", []genai.UsageNode{
			span(1, 0, genai.OpInvokeAgent, "", "", -1, -1),
			span(2, 1, genai.OpChat, "gpt-5-codex", "", 13297, 23),
			span(3, 1, genai.OpChat, "gpt-5-codex", "", 13303, 23),
		}},
		{"calls whose parents are missing", []genai.UsageNode{
			span(2, 1, genai.OpChat, served, "", 57, 23),
			span(4, 3, genai.OpChat, served, "", 57, 23),
		}},
		{"each run a trace of its own, and no ids", []genai.UsageNode{
			span(0, 0, genai.OpChat, served, "", 57, 23),
			span(0, 0, genai.OpChat, served, "", 57, 23),
		}},
	} {
		roles := genai.NewUsageTree(tc.nodes).Roles
		sum, all := genai.SumUsage(tc.nodes, roles), naive(tc.nodes)
		if sum.Input.N != all.Input.N || sum.Output.N != all.Output.N {
			t.Errorf("%s: %d/%d %s, want %d/%d", tc.name, sum.Input.N, sum.Output.N, letters(roles), all.Input.N, all.Output.N)
		}
	}
}

// TestUsageOfAGrowingTrace: spans come in any order and over time; asked again, the answer follows.
func TestUsageOfAGrowingTrace(t *testing.T) {
	t.Parallel()
	call := span(3, 2, genai.OpChat, served, "chatcmpl-fake-hello", 57, 23)
	root := span(1, 0, "chain", "", "", 57, 23)
	step := span(2, 1, "", "", "", -1, -1)
	var got []genai.UsageNode
	var roles []genai.UsageRole
	for i, n := range []genai.UsageNode{call, root, step} {
		got = append(got, n)
		roles = genai.NewUsageTree(got).Roles
		sum := genai.SumUsage(got, roles)
		// Without the step between them nothing tells that root and call belong together.
		if want := []int64{57, 114, 57}[i]; sum.Input.N != want {
			t.Errorf("after %d spans: input %d, want %d", i+1, sum.Input.N, want)
		}
	}
}

func TestSumUsageKeepsUnknown(t *testing.T) {
	t.Parallel()
	nodes := []genai.UsageNode{span(1, 0, genai.OpEmbeddings, "m", "", 6, -1), span(2, 0, genai.OpChat, "m", "", -1, -1)}
	nodes[0].Usage.CacheRead = genai.Count(0)
	sum := genai.SumUsage(nodes, genai.NewUsageTree(nodes).Roles)
	if sum.Input != genai.Count(6) || sum.Output.Known || !sum.CacheRead.Known || sum.CacheWrite.Known || sum.Reasoning.Known {
		t.Errorf("%+v", sum)
	}
	if none := genai.SumUsage(nil, genai.NewUsageTree(nil).Roles); none.Known() {
		t.Errorf("no spans: %+v", none)
	}
}

func TestUsageNodeOfASpan(t *testing.T) {
	t.Parallel()
	s := genai.Span{
		SpanID: at(2), ParentSpanID: at(1), Start: time.Unix(5, 0), Operation: genai.OpChat, RequestModel: mini, ResponseModel: served,
		ResponseID: "id", Usage: genai.Usage{Input: genai.Count(57), Output: genai.Count(23)},
	}
	want := span(2, 1, genai.OpChat, served, "id", 57, 23)
	want.RequestModel, want.Start, want.Wrapper = mini, time.Unix(5, 0), true
	if got := s.UsageNode(true); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestUsageRoleNames(t *testing.T) {
	t.Parallel()
	for r, want := range []string{"unknown", "counts", "repeats_below", "same_response", "same_span"} {
		if got := genai.UsageRole(r).String(); got != want {
			t.Errorf("%d is %q, want %q", r, got, want)
		}
	}
}

// anyTrace draws a trace with all that can go wrong: cycles, missing parents, spans twice, shared ids.
func anyTrace(t *rapid.T) []genai.UsageNode {
	ops := []genai.Operation{"", "chain", genai.OpChat, genai.OpGenerateContent, genai.OpEmbeddings, genai.OpInvokeAgent, genai.OpExecuteTool}
	n := rapid.IntRange(0, 12).Draw(t, "spans")
	nodes := make([]genai.UsageNode, n)
	for i := range nodes {
		id := byte(rapid.IntRange(0, 14).Draw(t, "id"))
		if rapid.IntRange(0, 3).Draw(t, "own id") > 0 {
			id = byte(i + 1)
		}
		tokens := func(name string) int64 { return rapid.SampledFrom([]int64{-1, 0, 12, 57, 57, 114}).Draw(t, name) }
		nodes[i] = span(id, byte(rapid.IntRange(0, 14).Draw(t, "parent")), rapid.SampledFrom(ops).Draw(t, "operation"),
			rapid.SampledFrom([]string{"", mini, served, "gpt-4o", sonnet}).Draw(t, "model"),
			rapid.SampledFrom([]string{"", "", "short", "a-response-id-that-is-unique", "another-id-that-is-unique-too"}).Draw(t, "response"),
			tokens("input"), tokens("output"))
		nodes[i].Wrapper = rapid.IntRange(0, 5).Draw(t, "wrapper") == 0
		if rapid.Bool().Draw(t, "cache known") {
			nodes[i].Usage.CacheRead = genai.Count(int64(rapid.IntRange(0, 2).Draw(t, "cache")))
		}
	}
	return nodes
}

func total(nodes []genai.UsageNode) genai.Usage {
	return genai.SumUsage(nodes, genai.NewUsageTree(nodes).Roles)
}

func equalUsage(a, b genai.Usage) bool {
	return a.Input == b.Input && a.Output == b.Output && a.CacheRead == b.CacheRead && a.CacheWrite == b.CacheWrite && a.Reasoning == b.Reasoning
}

// settled is all that a tree says of each node that is there once, in an order of its own.
func settled(nodes []genai.UsageNode) (out []string) {
	tree := genai.NewUsageTree(nodes)
	priced, times := make([]bool, len(nodes)), map[genai.SpanID]int{}
	for i := range nodes {
		priced[i] = nodes[i].Usage.CacheRead.N != 1 // some
		times[nodes[i].SpanID]++
	}
	costs := tree.Costs(priced)
	for i := range nodes {
		if times[nodes[i].SpanID] == 1 {
			out = append(out, fmt.Sprint(nodes[i].SpanID, tree.Roles[i], tree.Repeats(i), costs[i]))
		}
	}
	slices.Sort(out)
	return out
}

// TestRepeatedUsageIsThere: who repeats names a span whose usage is known; who saw the same response, one that counts.
func TestRepeatedUsageIsThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := anyTrace(t)
		tree := genai.NewUsageTree(nodes)
		roles := map[genai.SpanID][]genai.UsageRole{}
		for i := range nodes {
			roles[nodes[i].SpanID] = append(roles[nodes[i].SpanID], tree.Roles[i])
		}
		for i, role := range tree.Roles {
			of := roles[tree.Repeats(i)]
			ok := tree.Repeats(i).IsZero()
			switch role {
			case genai.UsageRepeatsBelow:
				ok = tree.Repeats(i) != nodes[i].SpanID && slices.ContainsFunc(of, func(r genai.UsageRole) bool { return r != genai.UsageUnknown })
			case genai.UsageSameResponse:
				ok = slices.Contains(of, genai.UsageCounts)
			}
			if !ok {
				t.Fatalf("node %d %s repeats %s, which %v", i, role, tree.Repeats(i), of)
			}
		}
	})
}

func TestUsageDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := anyTrace(t)
		want := total(nodes)
		shuffled := slices.Clone(nodes)
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := total(shuffled); !equalUsage(got, want) {
			t.Fatalf("%+v in one order, %+v in another", want, got)
		}
		if got, want := settled(shuffled), settled(nodes); !slices.Equal(got, want) {
			t.Fatalf("%v in one order, %v in another", want, got)
		}
	})
}

func TestUsageIsNeverMoreThanAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := anyTrace(t)
		roles := genai.NewUsageTree(nodes).Roles
		sum, all := genai.SumUsage(nodes, roles), naive(nodes)
		if sum.Input.N > all.Input.N || sum.Output.N > all.Output.N {
			t.Fatalf("%d/%d of %d/%d", sum.Input.N, sum.Output.N, all.Input.N, all.Output.N)
		}
		for i, r := range roles {
			if known := nodes[i].Usage.Known(); r != genai.UsageSameSpan && known == (r == genai.UsageUnknown) {
				t.Fatalf("node %d: usage known %v, role %s", i, known, r)
			}
		}
	})
}

// TestUsageIsAllWithoutRepetition: when no span with usage lies below another one, and no id comes twice, all counts.
func TestUsageIsAllWithoutRepetition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "spans")
		nodes := make([]genai.UsageNode, n)
		usage := make([]bool, n) // at the node or above it
		for i := range nodes {
			parent := byte(rapid.IntRange(0, i).Draw(t, "parent"))
			above := parent > 0 && usage[parent-1]
			in := int64(-1)
			if !above && rapid.Bool().Draw(t, "usage") {
				in = int64(rapid.IntRange(0, 100).Draw(t, "input"))
			}
			usage[i] = above || in >= 0
			nodes[i] = span(byte(i+1), parent, rapid.SampledFrom([]genai.Operation{genai.OpChat, genai.OpInvokeAgent, ""}).Draw(t, "op"), served, "", in, in)
		}
		sum, all := total(nodes), naive(nodes)
		if sum.Input.N != all.Input.N || sum.Output.N != all.Output.N {
			t.Fatalf("%d/%d of %d/%d", sum.Input.N, sum.Output.N, all.Input.N, all.Output.N)
		}
	})
}

// TestUsageIsIdempotent: of what counts, all counts. A cycle is cut everywhere, and is none any more without
// one of its spans, so there are none here.
func TestUsageIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := anyTrace(t)
		for i := range nodes {
			if bytes.Compare(nodes[i].ParentSpanID[:], nodes[i].SpanID[:]) >= 0 {
				nodes[i].ParentSpanID = genai.SpanID{}
			}
		}
		roles := genai.NewUsageTree(nodes).Roles
		var kept []genai.UsageNode
		for i := range nodes {
			if roles[i] == genai.UsageCounts {
				kept = append(kept, nodes[i])
			}
		}
		if got, want := total(kept), genai.SumUsage(nodes, roles); !equalUsage(got, want) {
			t.Fatalf("%+v, then %+v", want, got)
		}
	})
}

// TestUsageOfDeepTraces: a chain of a million spans neither overflows the stack nor takes quadratic time.
func TestUsageOfDeepTraces(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	nodes := make([]genai.UsageNode, n)
	for i := range nodes {
		id := func(i int) genai.SpanID { return genai.SpanID{0: 1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)} }
		nodes[i] = genai.UsageNode{SpanID: id(i), Operation: genai.OpInvokeAgent, Usage: genai.Usage{Input: genai.Count(1)}}
		if i > 0 {
			nodes[i].ParentSpanID = id(i - 1)
		}
	}
	if sum := total(nodes); sum.Input.N != 1 {
		t.Errorf("input %d, want that of the leaf", sum.Input.N)
	}
}

func BenchmarkUsageTree(b *testing.B) {
	var nodes []genai.UsageNode
	for i := range byte(50) {
		nodes = append(nodes, span(4*i+1, 0, genai.OpInvokeAgent, "", "", 57, 23), span(4*i+2, 4*i+1, "", "", "", -1, -1),
			span(4*i+3, 4*i+2, genai.OpChat, served, "", 57, 23), span(4*i+4, 4*i+2, genai.OpExecuteTool, "", "", -1, -1))
	}
	b.ReportAllocs()
	for b.Loop() {
		genai.NewUsageTree(nodes)
	}
}
