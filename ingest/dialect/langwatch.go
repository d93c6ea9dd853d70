package dialect

import (
	"strconv"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// langWatch reads LangWatch's SDKs. Values come as {"type": "chat_messages", "value": …}, of which the type
// says nothing that the value does not show.
var langWatch = speaker{
	name:   "langwatch",
	scopes: []string{"langwatch "},
	leads:  []binding{{key: "langwatch.span.type", take: kindTo(langWatchTypes)}},
	own: []binding{
		{key: "langwatch.metrics", take: takeLangWatchMetrics},
		{key: "langwatch.span.cost", take: takeCost},
		{key: "langwatch.timestamps", take: takeLangWatchTimestamps},
		{key: "langwatch.thread.id", take: textTo(conversation)},
		{key: "langwatch.user.id", take: textTo(user)},
		{key: "langwatch.labels", take: takeTags},
		{key: "langwatch.rag.contexts", take: takeLangWatchContexts},
		{key: "langwatch.rag_contexts", take: takeLangWatchContexts},
		{key: "langwatch.contexts", take: takeLangWatchContexts},
		{key: "langwatch.prompt.handle", take: promptName},
		{key: "langwatch.prompt.id", take: promptName},
		{key: "langwatch.prompt.version.number", take: takePromptVersion},
		{key: "langwatch.prompt.version.id", take: takePromptVersion},
		{key: "langwatch.gen_ai.streaming", take: takeStream},
		{key: "langwatch.input", take: sent(fromEnvelope)},
		{key: "langwatch.output", take: received(fromEnvelope)},
	},
	settle: nameTool,
}

// langWatchTypes are the operations of LangWatch's span types; the others are of programs at large.
var langWatchTypes = map[string]genai.Operation{
	"llm": genai.OpChat, "chain": genai.OpChain, "tool": genai.OpExecuteTool, "agent": genai.OpInvokeAgent, "rag": genai.OpRetrieval,
	"guardrail": genai.OpGuardrail, "evaluation": genai.OpEvaluator, "workflow": genai.OpInvokeWorkflow, "task": genai.OpTask,
	"prompt": genai.OpPrompt, "component": genai.OpTask, "module": genai.OpChain,
}

// fromEnvelope is the value of {"type": …, "value": …}.
func fromEnvelope(s string) string {
	if len(s) == 0 || s[0] != '{' {
		return s
	}
	var value genai.JSON
	typed, n := false, 0
	genai.JSON(s).Members(func(name string, v genai.JSON) {
		n++
		switch name {
		case "type":
			typed = true
		case "value":
			value = v
		}
	})
	if !typed || n != 2 || value == "" {
		return s
	}
	return fromJSON(string(value))
}

// takeLangWatchMetrics reads {promptTokens, completionTokens, reasoningTokens, cost}, in JavaScript in an
// envelope and in Python with underscores. They count what a cache served apart.
func takeLangWatchMetrics(r *reading, k key, v wire.Value) bool {
	u := &r.dst.Usage
	s, ok := r.jsonOf(keys[k].name, v)
	if !ok {
		return false
	}
	known := u.Known()
	genai.JSON(fromEnvelope(s)).Members(func(name string, v genai.JSON) {
		if n := (genai.Tokens{}); name != "cost" {
			if countOf(&n, v); n.Known {
				r.report(keys[k].name+"."+name, n.N)
			}
		}
		switch name {
		case "cost":
			if f, err := strconv.ParseFloat(string(v), 64); err == nil {
				r.cost(f)
			}
		case "promptTokens", "prompt_tokens":
			countIf(!known, &u.Input, v)
		case "completionTokens", "completion_tokens":
			countIf(!known, &u.Output, v)
		case "reasoningTokens", "reasoning_tokens":
			countIf(!known, &u.Reasoning, v)
		case "cacheReadInputTokens", "cache_read_input_tokens":
			countIf(!known, &u.CacheRead, v)
		case "cacheCreationInputTokens", "cache_creation_input_tokens":
			countIf(!known, &u.CacheWrite, v)
		}
	})
	r.cachedOutside = r.cachedOutside || !known && u.CacheRead.N+u.CacheWrite.N > 0
	return false // estimates and times to the last token have no fields
}

func countIf(want bool, to *genai.Tokens, v genai.JSON) {
	if want {
		countOf(to, v)
	}
}

// takeLangWatchTimestamps reads when the first token came, in milliseconds since 1970.
func takeLangWatchTimestamps(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	ms := genai.Tokens{}
	countOf(&ms, genai.JSON(s).At("first_token_at"))
	if at := time.UnixMilli(ms.N); ok && ms.Known && ms.N < maxMilli {
		r.firstTokenAt(uint64(at.UnixNano()))
	}
	return false
}

// maxMilli bounds a time in milliseconds: the year 2248, which nanoseconds still count.
const maxMilli = 1 << 43

// takeLangWatchContexts reads what was retrieved: [{document_id, chunk_id, content}].
func takeLangWatchContexts(r *reading, k key, v wire.Value) bool {
	s, ok := r.jsonOf(keys[k].name, v)
	return ok && r.receivedDocuments(genai.JSON(fromEnvelope(s)))
}
